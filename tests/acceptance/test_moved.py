"""A move under live workers: every run finishes on the target, and no recorded step runs twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.client.moving import schemas
from tests.torture.flows import EXPECTED, LEASES, make_app
from tests.torture.log import read

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
RUNS = 24


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def schema() -> AsyncIterator[Callable[[], str]]:
    async with schemas() as url:
        yield url


def worker(url: str, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.torture.worker", url, str(log)]
    # No lease is to end here: what its holder had begun would begin again, and the move has no part in that.
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, LEASES: "30"})


def stop(workers: list["subprocess.Popen[bytes]"]) -> list[int]:
    for one in workers:
        one.send_signal(signal.SIGTERM)
    return [one.wait(timeout=60) for one in workers]


@pytest.mark.parametrize("route", ["sqlite to postgresql", "postgresql to sqlite"])
async def test_under_live_workers(schema: Callable[[], str], tmp_path: Path, route: str) -> None:
    file, log = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "log"
    source, target = (file, schema()) if route.startswith("sqlite") else (schema(), file)
    log.touch()
    async with make_app(source, str(log), mode="client") as app:
        for n in range(RUNS):
            await app.start("family", {"x": n}, id=f"f{n}")
            await app.start("order", {"key": f"o{n}", "x": n}, id=f"o{n}")
        for n in range(RUNS // 2):
            await app.paid.send(100, key=f"o{n}", id=f"m{n}")
        old = [worker(source, log), worker(source, log)]
        while sum(fact["what"] == "end" for fact in read(log)) < RUNS * 3:
            await asyncio.sleep(0.02)
        moved = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "stepwell", "move", source, target, "--json"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, check=False,
        )  # fmt: skip
        assert moved.returncode == 0, moved.stderr
        # A run has children: more of them than were started here, and none is lost on the way.
        assert json.loads(moved.stdout)[0]["rows"]["runs"] >= 2 * RUNS
    recorded = await _recorded(target)
    new = [worker(target, log), worker(target, log)]
    try:
        async with make_app(target, str(log), mode="client") as app:
            for n in range(RUNS // 2, RUNS):
                await app.paid.send(100, key=f"o{n}", id=f"m{n}")
            for n in range(RUNS):
                assert await (await app.runs.get(f"f{n}")).result(60) == EXPECTED["family"](n)
                assert await (await app.runs.get(f"o{n}")).result(60) == EXPECTED["order"](n)
    finally:
        stop(old)
        codes = stop(new)
    assert codes == [0, 0]
    begun = Counter((fact["run"], fact["call"], fact["attempt"]) for fact in read(log) if fact["what"] == "begin")
    again = {key: count for key, count in begun.items() if count > 1}
    assert not [key for key in again if key[:2] in recorded], "steps whose results had been recorded ran again"


async def _recorded(url: str) -> set[tuple[str, str]]:
    """(run, call) of every step that the journals held when they arrived; nobody works on them yet."""
    found: set[tuple[str, str]] = set()
    async with make_app(url, os.devnull, mode="client") as app:
        page = await app.runs.list(limit=1000)
        assert page.after is None
        for row in page.runs:
            for entry in await app.runs.generations(row.id):
                if entry["k"] == "step":
                    found.add((row.id, entry["call"]))
    assert found
    return found
