"""`python -m tests.torture.run [--seconds N] [--long]`: kill workers at random, then check that nothing was lost."""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.flows import LEASE, make_app
from tests.torture.log import THAWED, WORKER, Log, read
from tests.torture.places import Place, place
from tests.torture.verdict import Verdict, check

WORKFLOWS = ("chain", "order", "family", "saga")


class Fleet:
    """Worker processes that die and come back.

    `gave_up`: what those said last that ended by themselves, as a worker does that finds no database when it starts.
    """

    def __init__(self, size: int, url: str, log: Log, dice: random.Random) -> None:
        self._command = [sys.executable, "-m", "tests.torture.worker", url, str(log.path)]
        self._log = log
        self._dice = dice
        self._said = log.path.parent / "said"
        self._said.mkdir()
        self.workers = [self._spawn() for _ in range(size)]
        self.kills = self.pauses = 0
        self.gave_up: list[str] = []

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with (self._said / "new").open("wb") as said:
            worker = subprocess.Popen(self._command, stderr=said)
        (self._said / "new").rename(self._said / str(worker.pid))
        return worker

    def kill_one(self) -> None:
        """Kill -9 one worker, and start another."""
        n = self._dice.randrange(len(self.workers))
        os.kill(self.workers[n].pid, signal.SIGKILL)
        self.workers[n].wait()
        self.workers[n] = self._spawn()
        self.kills += 1

    def tend(self) -> None:
        """Start others for those that have ended by themselves, as whatever supervises workers does."""
        for n, worker in enumerate(self.workers):
            if worker.poll() is not None:
                said = (self._said / str(worker.pid)).read_text().splitlines()
                self.gave_up.append("\n".join([f"exit code {worker.returncode}", *said[-5:]]))
                self.workers[n] = self._spawn()

    async def pause_one(self) -> None:
        """Stop one worker for longer than its lease, then let it go on: what it writes then must be refused."""
        n = self._dice.randrange(len(self.workers))
        pid = self.workers[n].pid
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(LEASE * 1.7)
        self._log.write(THAWED, of=pid)
        os.kill(pid, signal.SIGCONT)
        self.pauses += 1

    async def ready(self) -> None:
        """Wait until every worker works."""
        async with asyncio.timeout(60):
            while not {w.pid for w in self.workers} <= {r["pid"] for r in read(self._log.path) if r["what"] == WORKER}:
                self.tend()
                await asyncio.sleep(0.1)

    def drain(self) -> list[int]:
        """SIGTERM all; their exit codes."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        return [worker.wait(timeout=60) for worker in self.workers]


async def torment(fleet: Fleet, place: Place, until: float, kills: int, dice: random.Random) -> None:
    """Kill and pause workers, and what else the place allows, at random moments; so many kills at least."""
    pausing = None
    while time.monotonic() < until or fleet.kills < kills:
        await asyncio.sleep(dice.uniform(0.1, 0.8))
        fleet.tend()
        if pausing is None or pausing.done():
            if dice.random() < 0.1:
                pausing = asyncio.ensure_future(fleet.pause_one())
            elif dice.random() < 0.6:
                fleet.kill_one()
            else:
                await place.torment(dice)
    if pausing is not None:
        await pausing


async def load(url: str, log_path: Path, until: float, dice: random.Random) -> None:
    """Start runs and send events; what is acknowledged goes into the log."""
    log = Log(log_path)
    async with make_app(url, str(log_path), mode="client") as app:
        n = 0
        while time.monotonic() < until:
            n += 1
            name, run_id = dice.choice(WORKFLOWS), f"r{n}"
            arguments = {"x": n} | ({"key": run_id} if name == "order" else {})
            early = dice.random() < 0.5
            if name == "order" and early:
                await app.paid.send(100, key=run_id, id=f"m{n}")
                log.write("sent", id=f"m{n}")
            starts = 2 if dice.random() < 0.1 else 1
            runs = await asyncio.gather(*(app.start(name, arguments, id=run_id) for _ in range(starts)))
            assert len({run.key for run in runs}) == 1, f"{run_id} was started twice"
            log.write("started", run=run_id, x=n)
            if name == "order" and not early:
                await app.paid.send(100, key=run_id, id=f"m{n}")
                log.write("sent", id=f"m{n}")
            await asyncio.sleep(dice.uniform(0, 0.04))


async def torture(kind: str, seconds: float, workers: int, seed: int) -> int:
    """One run of it; the number of violations."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="stepwell-torture-") as folder:
        log_path = Path(folder) / "torture.log"
        log = Log(log_path)
        async with place(kind, Path(folder)) as where:
            async with make_app(where.url, str(log_path), mode="client"):
                pass  # makes the schema before the workers race for it
            fleet = Fleet(workers, where.url, log, dice)
            until = time.monotonic() + seconds
            tormented = torment(fleet, where, until, int(seconds / 4), dice)
            await asyncio.gather(tormented, load(where.url, log_path, until, random.Random(seed + 1)))
            healed = time.monotonic()
            await fleet.ready()  # one that was started while the database was away has to be started again
            async with make_app(where.url, str(log_path), mode="client") as app:
                verdict = await check(app, log_path)
            settled = time.monotonic() - healed
            codes = fleet.drain()
            await where.integrity(verdict)
        verdict.expect(codes == [0] * workers, f"exit codes after SIGTERM: {codes}")
        for said in fleet.gave_up:
            verdict.expect(kind == "postgres" and "StoreUnavailable" in said, f"a worker ended by itself: {said}")
        report(verdict, f"{kind}, seed {seed}: {seconds:.0f} s, {workers} workers", fleet, where, settled)
        return len(verdict.violations)


def report(verdict: Verdict, what: str, fleet: Fleet, where: Place, settled: float) -> None:
    """Print what was done, what was acknowledged, and what did not hold."""
    facts = verdict.facts
    print(f"{what}, {fleet.kills} kills, {fleet.pauses} pauses beyond the lease{where.told()}")
    if fleet.gave_up:
        print(f"  {len(fleet.gave_up)} workers were started when the database was not there, and started again")
    print(f"  {facts['started']} runs and {facts['sent']} events acknowledged; {facts['runs']} runs in all")
    print(f"  {facts['begin']} step bodies begun, {facts['timers']} timers")
    print(f"  recovery: all settled {settled:.1f} s after the last kill (the lease is {LEASE:.0f} s)")
    for violation in verdict.violations[:20]:
        print(f"  VIOLATION {violation}")
    if facts["excused"]:
        print(f"  {facts['excused']} bodies that a process was about to enter when it was stopped")
    print("  nothing lost, nothing twice" if not verdict.violations else f"  {len(verdict.violations)} violations")


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--long", action="store_true", help="ten minutes")
    given = parser.parse_args()
    seconds = 600.0 if given.long else given.seconds
    kinds = ("sqlite", "postgres") if given.on == "both" else (given.on,)
    violations = [asyncio.run(torture(kind, seconds, given.workers, given.seed)) for kind in kinds]
    return 1 if any(violations) else 0


if __name__ == "__main__":
    sys.exit(main())
