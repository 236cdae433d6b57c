"""Processes of a fleet: programs whose code is text, what they say, and what their steps did."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0
LOG = "STEPWELL_FLEET_LOG"
LEASE = 30.0
"""Seconds: no process stands still for so long by itself. `LEASES` in a program's environment has another number."""
SHORT = 6.0
"""For leases that have to end in a test; those of the living must not, though they are not scheduled for a while."""
LEASES = "STEPWELL_FLEET_LEASE"
GATE = "gate"
"""The file for which the step `hang` waits."""

HEAD = f"""
import asyncio, json, os, time
from stepwell import App, sleep

app = App(lease=float(os.environ.get("{LEASES}", "{LEASE}")), poll_interval="200ms", grace="60s")
_log = os.open(os.environ["{LOG}"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def note(what: str, **facts: object) -> None:
    os.write(_log, json.dumps(dict(what=what, pid=os.getpid(), **facts)).encode() + b"\\n")
"""
FLOWS = (
    HEAD
    + """
@app.step
async def work(n: int, part: int) -> int:
    note("begin", n=n, part=part)
    await asyncio.sleep(0.01)
    return part


@app.workflow
async def order(n: int) -> int:
    total = 0
    for part in range(3):
        total += await work(n, part)
    return n * 100 + total


@app.step
async def hang(n: int) -> int:
    note("hangs", n=n)
    while not os.path.exists("gate"):
        await asyncio.sleep(0.02)
    note("let go", n=n)
    return n


@app.workflow
async def slow(n: int) -> int:
    await hang(n)
    return await work(n, 0)


@app.workflow
async def nap(n: int, seconds: float) -> int:
    await work(n, 10)
    await sleep(seconds)
    return await work(n, 11)

"""
)


class Program:
    """`python ARGUMENTS` as a process; what it says goes to a file, so that it never waits for a reader."""

    def __init__(self, folder: Path, *arguments: object, env: dict[str, str]) -> None:
        self._said = folder / f"said-{len(list(folder.glob('said-*')))}"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=folder,
                env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **env},
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8", errors="replace")

    def until(self, text: str, times: int = 1) -> list[str]:
        """Wait until it has said something so many times; the lines."""

        def found() -> list[str]:
            lines = self.said.splitlines(keepends=True)  # of the last one there may be only a part yet
            return [line.rstrip() for line in lines if text in line and line.endswith("\n")]

        wait_for(lambda: len(found()) >= times or self.process.poll() is not None, f"{text!r}:\n", lambda: self.said)
        lines = found()
        assert len(lines) >= times, f"it ended ({self.process.returncode}) before it said {text!r}:\n{self.said}"
        return lines

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any; its exit code."""
        if number is not None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.said}") from None

    def workers(self, count: int = 1) -> list[int]:
        """The processes of a `stepwell worker`, as many as it says are ready."""
        return [json.loads(line)["pid"] for line in self.until("worker ready", count)]


class Fleet:
    """One database, an external log, and programs that come and go."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.gate = folder / GATE
        self._log = folder / "log"
        self._log.touch()
        self._programs: list[Program] = []
        self.env = {LOG: str(self._log), "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}

    def write(self, name: str, text: str) -> Path:
        """A module of the fleet's."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *arguments: object, **env: str) -> Program:
        """Start `python ARGUMENTS`."""
        program = Program(self.folder, *arguments, env={**self.env, **env})
        self._programs.append(program)
        return program

    def worker(self, reference: str, *arguments: object, url: str | None = None, **env: str) -> Program:
        """Start `stepwell worker`; its log is JSON."""
        to = ("-m", "stepwell", "worker", reference, "--url", url or self.url, "--log-format", "json")
        return self.start(*to, *arguments, **env)

    def stepwell(self, *arguments: object, code: int = 0) -> str:
        """Execute a command; what it printed, errors too."""
        done = subprocess.run(
            [sys.executable, "-m", "stepwell", *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, **self.env, "NO_COLOR": "1", "COLUMNS": "200"}, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def notes(self, what: str | None = None) -> list[dict[str, Any]]:
        """What the steps wrote down, in order."""
        whole, _, _ = self._log.read_text(encoding="utf-8").rpartition("\n")  # the rest is being written
        notes = [json.loads(line) for line in whole.splitlines()]
        return [one for one in notes if what in (None, one["what"])]

    def begun(self) -> Counter[tuple[int, int]]:
        """How often each part of each order was begun."""
        return Counter((one["n"], one["part"]) for one in self.notes("begin"))

    def close(self) -> None:
        """End whatever still runs."""
        for program in self._programs:
            if program.process.poll() is None:
                program.process.send_signal(signal.SIGCONT)
                program.process.kill()
            program.process.wait()


def kill(pid: int) -> None:
    """SIGKILL for a process, and wait until it does nothing any more (where the system tells)."""

    def over() -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in "ZX"

    os.kill(pid, signal.SIGKILL)
    wait_for(over, "it lives on")


def wait_for(condition: Callable[[], Any], what: str = "", more: Callable[[], str] = str) -> None:
    """Look again until it holds: what is awaited happens in another process."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"it did not happen: {what}{more()}"
        time.sleep(0.02)


async def until(condition: Callable[[], Awaitable[Any]], what: str = "") -> Any:
    """The same for something that is asked of a database; what it was in the end."""
    begun = time.monotonic()
    while not (found := await condition()):
        assert time.monotonic() - begun < PATIENCE, f"it did not happen: {what}"
        await asyncio.sleep(0.03)
    return found
