"""Acceptance 9: API server and workers are processes of their own, on one SQLite file."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepwell import App, Run

pytestmark = pytest.mark.anyio

FLOWS = """
import asyncio, os, pathlib
from stepwell import App

app = App(lease=os.environ["LEASE"], poll_interval="100ms")
LOG = pathlib.Path(os.environ["LOG"])


@app.step
async def work(order: int, part: int) -> int:
    await asyncio.sleep(0.02)
    with LOG.open("a") as log:
        log.write(f"{order}.{part}\\n")
    return part


@app.workflow
async def order(n: int) -> int:
    total = 0
    for part in range(5):
        total += await work(n, part)
    return n * 100 + total


async def serve() -> None:
    async with app.worker(concurrency=4):
        print("working", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
"""

API = """
import asyncio, sys
from flows import order
from stepwell import App

client = App(mode="client", like=order.app)  # its own process, no execution


async def serve(first: int, last: int) -> None:
    async with client:
        for n in range(first, last):
            await order.options(id=f"order-{n}").start(n)
            print("started", n, flush=True)
            await asyncio.sleep(0.005)
        await asyncio.Event().wait()


asyncio.run(serve(*map(int, sys.argv[1:])))
"""

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts `python FILE ARGS`, and ends whatever still runs when the test is over."""
    (tmp_path / "flows.py").write_text(FLOWS, encoding="utf-8")
    (tmp_path / "api.py").write_text(API, encoding="utf-8")
    started: list[subprocess.Popen[str]] = []
    env = os.environ | {
        "STEPWELL_DATABASE_URL": f"sqlite:///{tmp_path}/stepwell.db",
        "LOG": str(tmp_path / "log"),
        "LEASE": "6s",  # it has to end here, and not because somebody was not scheduled for a while
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
    }

    def start(*args: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, *args], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def heard(process: "subprocess.Popen[str]", words: str) -> None:
    """Wait until a process has said something."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == words:
            return
    raise AssertionError(f"the process ended ({process.wait()}) before it said {words!r}")


async def all_done(app: App, count: int) -> list[Run[int]]:
    runs = [await app.runs.get(f"order-{n}") for n in range(count)]
    for n, run in enumerate(runs):
        assert await run.result(timeout=60) == n * 100 + 10
    return runs


async def test_neither_needs_the_other_to_be_up(spawn: Spawn, tmp_path: Path) -> None:
    observer = App(f"sqlite:///{tmp_path}/stepwell.db", mode="client")
    api = spawn("api.py", "0", "5")
    heard(api, "started 4")  # no worker is up
    api.send_signal(signal.SIGKILL)
    api.wait()
    worker = spawn("flows.py")  # no API is up
    heard(worker, "working")
    async with observer:
        await all_done(observer, 5)
    log = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert sorted(log) == sorted(f"{n}.{part}" for n in range(5) for part in range(5))


async def test_killed_restarted_added_removed_under_load(spawn: Spawn, tmp_path: Path) -> None:
    observer = App(f"sqlite:///{tmp_path}/stepwell.db", mode="client")
    count = 60
    workers = [spawn("flows.py")]
    api = spawn("api.py", "0", str(count))
    heard(api, f"started {count // 3}")
    api.send_signal(signal.SIGKILL)  # in the middle of its work
    workers += [spawn("flows.py"), spawn("flows.py")]  # two more
    api = spawn("api.py", "0", str(count))  # begins again: what it had started is not started twice
    heard(workers[1], "working")
    workers[0].send_signal(signal.SIGKILL)  # one dies
    heard(workers[2], "working")
    workers[2].send_signal(signal.SIGINT)  # one is asked to go
    heard(api, f"started {count - 1}")
    async with observer:
        await all_done(observer, count)
        assert await observer.runs.count() == {"succeeded": count}
    log = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert set(log) == {f"{n}.{part}" for n in range(count) for part in range(5)}
    repeated = len(log) - len(set(log))
    assert repeated <= 2 * 5, "only what was under way in the workers that went may have been done twice"


async def test_a_client_in_this_process_works_as_well(tmp_path: Path) -> None:
    worker_app = App(f"sqlite:///{tmp_path}/stepwell.db")

    @worker_app.workflow
    async def double(n: int) -> int:
        return n * 2

    client = App(mode="client", like=worker_app)
    async with client:
        run = await double.start(4)
        await asyncio.sleep(0.1)
        assert (await client.runs.count()) == {"queued": 1}
        other = App(like=worker_app)
        async with other:
            assert await run.result(timeout=60) == 8
