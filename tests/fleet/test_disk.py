"""A disk that is full: nothing that was acknowledged is lost, and work goes on by itself when there is space again."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import App, errors
from tests import postgres
from tests.fleet.fleet import Fleet, until, wait_for

pytestmark = pytest.mark.anyio
SIZE = "48m"
MAY_MOUNT = sys.platform == "linux" and hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture
def little_space() -> Iterator[Path]:
    """A file system of its own, small; only root may make one."""
    place = Path(tempfile.mkdtemp(prefix="stepwell-disk-"))  # a test's own folder is closed to the server
    place.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0777", "tmpfs", str(place)]
    if not MAY_MOUNT or subprocess.run(mount, check=False).returncode != 0:
        place.rmdir()
        pytest.skip("a full disk needs root on Linux, who may mount a small one")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
        place.rmdir()


async def test_tables_on_a_full_disk(fleet: Fleet, little_space: Path) -> None:
    """The tables' own file system is full; the server goes on, and refuses what needs another page."""
    with postgres.private_server(fsync=True) as server:
        home = little_space / "tables"
        home.mkdir()
        if server._identity:
            os.chown(home, server._identity["user"], server._identity["group"])
        server.psql(
            f"CREATE TABLESPACE small LOCATION '{home}'",
            f"ALTER DATABASE {postgres.DATABASE} SET default_tablespace = small",
        )
        ballast = home / "ballast"
        await _full_and_empty_again(fleet, server, ballast)


async def test_the_log_of_the_server_on_a_full_disk(fleet: Fleet, little_space: Path) -> None:
    """The server itself panics when it cannot write ahead, and is started again by whoever looks after it."""
    settings = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_recycle": "off", "checkpoint_timeout": "30s"}
    with postgres.private_server(fsync=True, settings=settings) as server:
        server.stop()
        ahead = server._data / "pg_wal"
        subprocess.run(["cp", "-a", ahead, little_space], check=True)
        subprocess.run(["rm", "-r", ahead], check=True)
        ahead.symlink_to(little_space / "pg_wal")
        server.start()
        await _full_and_empty_again(fleet, server, little_space / "ballast")


async def _full_and_empty_again(fleet: Fleet, server: postgres.Server, ballast: Path) -> None:
    worker = fleet.worker("flows.py", url=f"{server.url}?deadline=2")
    worker.workers()
    acknowledged: list[str] = []
    async with App(server.url, mode="client") as client:
        acknowledged += [(await client.start("order", {"n": n}, id=f"order-{n}")).id for n in range(5)]
        fill(ballast)
        # What is big needs new pages soon; each start is acknowledged, or it is not.
        feeding = asyncio.ensure_future(_feed(client, acknowledged))
        await asyncio.to_thread(wait_for, lambda: says_full(worker.said, server.log()), "it is full")
        await asyncio.sleep(0.5)
        told = len(acknowledged)
        ballast.unlink()
        await until(lambda: _more(server, acknowledged, told), "work goes on by itself")
        feeding.cancel()
        await asyncio.wait([feeding])

        async def all_done() -> bool:
            try:
                counts = await client.runs.count()
            except errors.WorldError:
                return False
            return set(counts) == {"succeeded"} and counts["succeeded"] >= len(acknowledged)

        await until(all_done)
        for run in acknowledged:
            assert await (await client.runs.get(run)).result(timeout=60) == int(run.partition("-")[2]) * 100 + 3
    assert worker.process.poll() is None
    assert worker.end(signal.SIGTERM) == 0


def fill(ballast: Path) -> None:
    """Take all the space there is, to the last page."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 8192, 512):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def says_full(*texts: str) -> bool:
    return any("no space left" in text or "No space left" in text for text in texts)


async def _more(server: postgres.Server, acknowledged: list[str], told: int) -> bool:
    """Look after the server, which may take its time to die of a full disk; whether there are more."""
    if server._process is not None and server._process.poll() is not None:
        await asyncio.to_thread(server.start)
    return len(acknowledged) > told + 3


async def _feed(client: App, acknowledged: list[str]) -> None:
    n = len(acknowledged)
    while True:
        try:
            run = await client.start("order", {"n": n}, id=f"order-{n}", tags={"much": "x" * 200})
        except errors.WorldError:
            await asyncio.sleep(0.05)
            continue
        acknowledged.append(run.id)
        n += 1
