"""P8: leases and timers go by the database's time, however wrong the clock of a worker's host is."""

import asyncio
import json
import signal
from collections import Counter

import pytest

from stepwell import App
from tests.fleet.fleet import LEASES, SHORT, Fleet, kill, until, wait_for

pytestmark = pytest.mark.anyio
HOUR = 3600.0
SHIFTED = """
import asyncio, logging, signal, sys, time
import msgspec
from flows import app
from stepwell.adapters.clock import SystemClock


class Wrong(SystemClock):
    now = staticmethod(lambda: time.time() + float(sys.argv[2]))


async def main() -> None:
    from stepwell import App
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    here = App(sys.argv[1], like=app)
    here.parts = msgspec.structs.replace(here.parts, clock=Wrong())
    async with here.worker(isolate=False) as worker:
        print("worker ready", flush=True)
        await stop.wait()


asyncio.run(main())
"""


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_a_worker_whose_clock_is_an_hour_wrong_is_a_worker_like_others(fleet: Fleet, wrong: float) -> None:
    fleet.write("shifted.py", SHIFTED)
    async with App(fleet.url, mode="client") as client:
        short = {LEASES: str(SHORT)}
        right = fleet.worker("flows.py", "--concurrency", "1", "--workflows", "slow,hang", **short)
        (pid,) = right.workers()
        held = await client.start("slow", {"n": 0}, id="held")
        wait_for(lambda: len(fleet.notes("hangs")) == 1)
        other = fleet.start("shifted.py", fleet.url, wrong, **short)
        other.until("worker ready")
        nap = await client.start("nap", {"n": 1, "seconds": 1.0}, id="nap")
        await nap.result(timeout=60)
        (timer,) = [e for e in await nap.journal() if e["k"] == "timer"]
        (opened,) = [
            e for e in await nap.journal() if e["k"] == "step" and "work" in e["call"] and e["at"] < timer["at"]
        ]
        assert 1.0 <= timer["at"] - opened["at"] < 60.0, "neither early nor an hour late"
        rows = {w.pid: w for w in await client.workers()}
        assert abs(rows[other.process.pid].beat_at - rows[pid].beat_at) < 60.0
        listed = json.loads(fleet.stepwell("workers", "list", "-u", fleet.url, "--json"))["workers"]
        assert {w["state"] for w in listed} <= {"alive", "late"}, "nobody takes another for dead"
        await asyncio.sleep(1.5 * SHORT)  # and the lease of whoever does not renew it is over
        fleet.gate.touch()
        await held.result(timeout=60)
        assert Counter(note["pid"] for note in fleet.notes("hangs")) == {pid: 1}, "its lease was not taken"

        fleet.gate.unlink()
        again = await client.start("slow", {"n": 2}, id="again")
        wait_for(lambda: len(fleet.notes("hangs")) == 2)
        victim = fleet.notes("hangs")[-1]["pid"]
        right.process.send_signal(signal.SIGSTOP)
        kill(victim)
        await until(lambda: _third(fleet), "a lease that is over is over for all")
        assert (await again.status()).state == "running"
        other.process.kill()


async def _third(fleet: Fleet) -> bool:
    return len(fleet.notes("hangs")) == 3
