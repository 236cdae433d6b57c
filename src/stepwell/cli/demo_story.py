"""What happens in the demo, and whether what it claims was seen to hold."""

import asyncio
import inspect
import signal
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from stepwell.cli import demo_app
from stepwell.cli.demo_app import Order, Paid, paid, place_order
from stepwell.cli.demo_stage import Stage
from stepwell.cli.program import program
from stepwell.cli.serving import Service
from stepwell.cli.snapshot import snapshot
from stepwell.cli.terminal import line, table
from stepwell.client.app import App
from stepwell.client.leash import spawn
from stepwell.client.results import is_settled
from stepwell.model.run import RunRow

RUN: Final = "order-1001"
VICTIM: Final = "pack_parcel"
RESULT: Final = "parcel from shelf 7, teapot, courier at 17:00"
LIMIT: Final = 55.0


class Witness:
    """What the bodies noted themselves, in a file that the engine does not know."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, what: str) -> Counter[str]:
        """How often each step's body "began" or "ended"."""
        if not self._path.exists():
            return Counter()
        notes = [msgspec.json.decode(note) for note in self._path.read_bytes().splitlines()]
        return Counter(note["step"] for note in notes if note["what"] == what)

    def running(self) -> set[str]:
        """Bodies that have begun and not ended."""
        return set(self.count("began") - self.count("ended"))


class Outcome(msgspec.Struct, kw_only=True):
    """What was seen."""

    committed: set[str] = set()
    interrupted: set[str] = set()
    killed_by: int | None = None
    row: RunRow | None = None
    result: Any = None
    recorded: Counter[str] = msgspec.field(default_factory=Counter)


async def told(folder: Path, *, kept: bool, pace: float = 1.0) -> bool:
    """Play the demo in a folder; True if everything that it claims was seen to hold. `pace`: its length."""
    _introduce(folder)
    witness = Witness(folder / "bodies.log")
    outcome = Outcome()
    stage = Stage()
    try:
        async with asyncio.timeout(LIMIT):
            with stage.open():
                await _play(stage, folder, witness, outcome, pace)
    except TimeoutError:
        line((f"The run was not finished within {LIMIT:.0f} s.", "bold red"))
    return _conclude(witness, outcome, folder if kept else None)


def _introduce(folder: Path) -> None:
    line(("A run that survives the killing of its worker", "bold"))
    line()
    line("This workflow takes an order. The result of every step is committed to an SQLite file before")
    line("anything that depends on it begins; a worker process executes it, and will be killed.")
    line()
    for text in inspect.getsource(place_order.fn).rstrip().splitlines():
        line((f"    {text}", "cyan"))
    line()


async def _play(stage: Stage, folder: Path, witness: Witness, outcome: Outcome, pace: float) -> None:
    url = f"sqlite:///{folder / 'demo.db'}"
    app = App(url, mode="client", like=demo_app.app)
    workers: list[Process] = []

    async def worker(name: str) -> Process:
        service = Service(reference="stepwell.cli.demo_app:app", url=url, level="error")
        env = {demo_app.LOG: str(folder / "bodies.log"), demo_app.PACE: str(pace)}
        workers.append(await spawn("stepwell.cli.serving", service, f"demo-{name}", env=env))
        stage.say("worker ", (name, "bold"), f" begins: process {workers[-1].pid}")
        return workers[-1]

    async with app:
        watching: asyncio.Task[None] | None = None
        try:
            first = await worker("A")
            run = await place_order.options(id=RUN).start(Order("1001", "teapot", 48))
            stage.say("run ", (RUN, "bold"), " is started; it is in the database now, whatever happens")
            watching = asyncio.create_task(_watch(stage, app))
            await _kill(stage, app, first, witness, outcome, 1.6 * pace)
            await _pause(1.2 * pace)
            await worker("B")
            stage.say("it may take the run when the lease of A has run out: 2 s after its last heartbeat")
            await _until(lambda: witness.count("ended")[VICTIM] > 0)
            await _until_waiting(app)
            await _pause(0.4)
            stage.say("the run waits for the payment, in the database: no worker holds it")
            await _pause(3.0 * pace)
            stage.say("event ", ("order.paid", "bold"), " is sent, key 1001, by this process")
            await paid.send(Paid("card-77"), key="1001")
            outcome.result = await run.result()
            await watching
        finally:
            if watching is not None:
                watching.cancel()
            await _dismiss(workers)
        outcome.row = await app.runs.row(RUN)
        entries = await app.runs.generations(RUN)
        outcome.recorded = Counter(entry["call"] for entry in entries if entry["k"] == "step")


async def _kill(stage: Stage, app: App, first: Process, witness: Witness, outcome: Outcome, after: float) -> None:
    """SIGKILL for the worker, once it is in the middle of the step; then look what it left behind."""
    await _until(lambda: VICTIM in witness.running())
    await _pause(after)
    stage.lost = (await app.runs.row(RUN)).worker
    first.send_signal(signal.SIGKILL)
    outcome.killed_by = -await first.wait()
    outcome.interrupted = witness.running()
    entries = await app.runs.generations(RUN)
    outcome.committed = {entry["call"] for entry in entries if entry["k"] == "step"}
    names = ", ".join(sorted(outcome.interrupted)) or "no step"
    stage.say((f"kill -9 {first.pid}", "bold red"), f": worker A is gone, in the middle of {names}")


async def _dismiss(workers: list[Process]) -> None:
    """No process outlives the demo."""
    for worker in workers:
        if worker.returncode is None:
            worker.terminate()
    for worker in workers:
        try:
            await asyncio.wait_for(worker.wait(), 5.0)
        except TimeoutError:
            worker.kill()
            await worker.wait()


async def _watch(stage: Stage, app: App) -> None:
    while True:
        seen = await snapshot(app, RUN, replay=True)
        stage.show(seen)
        if is_settled(seen.row):
            return
        await _pause(0.15)


async def _until_waiting(app: App) -> None:
    while (await app.runs.row(RUN)).status.value != "waiting":
        await _pause(0.05)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await _pause(0.05)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - real time: it is a show


# -- what was seen ---------------------------------------------------------------------------------


def _conclude(witness: Witness, outcome: Outcome, kept: Path | None) -> bool:
    began, ended = witness.count("began"), witness.count("ended")
    line()
    line(("What really ran", "bold"), ", as the bodies noted it themselves in a file that the engine does not know:")
    line()
    remarks = dict.fromkeys(outcome.committed, "committed before the kill: not repeated")
    remarks |= dict.fromkeys(outcome.interrupted, "in the middle of it at the kill: run again")
    heads = ["STEP", "BODY BEGAN", "BODY ENDED", "RECORDED", ""]
    counts = {step: [f"{n} ×" for n in (began[step], ended[step], outcome.recorded[step])] for step in began}
    table(heads, [[s, *counts[s], (remarks.get(s, ""), "bright_black")] for s in began], right=heads[1:4])
    line()
    claims = _claims(began, ended, outcome)
    for held, claim in claims:
        line(("✓ ", "bold green") if held else ("✗ did not hold: ", "bold red"), claim)
    line()
    held = all(held for held, _ in claims)
    if held:
        _try_next(kept)
    return held


def _claims(began: Counter[str], ended: Counter[str], outcome: Outcome) -> list[tuple[bool, str]]:
    """What the demo says, each with whether it was seen."""
    committed, interrupted = outcome.committed, outcome.interrupted
    rest = set(began) - interrupted
    names = ", ".join(sorted(committed)) or "none"
    succeeded = outcome.row is not None and outcome.row.status.value == "succeeded"
    return [
        (outcome.killed_by == signal.SIGKILL and interrupted == {VICTIM},
         f"The first worker was killed by SIGKILL in the middle of {VICTIM}."),
        (bool(committed) and all(began[step] == 1 for step in committed),
         f"Every step that was committed by then ({names}) ran once: the second worker took its result."),
        (all(began[step] == 2 and ended[step] == 1 for step in interrupted),
         f"{VICTIM} was interrupted, so its body ran again: a body runs at least once, its result is recorded once."),
        (bool(rest) and all(began[step] == ended[step] == 1 for step in rest)
         and all(times == 1 for times in outcome.recorded.values()) and set(outcome.recorded) == set(began),
         "Every other step ran once, and each has exactly one result in the journal."),
        (succeeded and outcome.result == RESULT, f"The run succeeded: {outcome.result!r}."),
    ]  # fmt: skip


def _try_next(kept: Path | None) -> None:
    line(("Try next", "bold"))
    stepwell = program()
    if kept is not None:
        url = f"sqlite:///{kept / 'demo.db'}"
        steps = [
            (f"{stepwell} runs show {RUN} --url {url}", "what its journal says"),
            (f"{stepwell} doctor --url {url}", "how the database is"),
        ]
    else:
        steps = [(f"{stepwell} demo --keep DIR", "the same, and you can look at its database afterwards")]
    steps += [
        (f"less {demo_app.__file__}", "the code of this demo"),
        (f"{stepwell} dev app.py", "your own: a worker that reloads, with the dashboard"),
    ]
    longest = max(len(command) for command, _ in steps)
    for command, about in steps:
        line("  ", (f"{command:<{longest}}", "cyan"), (f"   {about}", "bright_black"))
