"""Replay: a loaded run's kernel is brought to the end of its journal; what is still to be done comes back."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from stepwell import first
from stepwell.core.admission import rank_of
from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.payloads import resolved
from stepwell.errors import Nondeterminism, QueueTimeout
from stepwell.model.command import CloseCall, RunStep
from stepwell.model.entry import AnyEntry, Payload, Rewound, Started
from stepwell.model.run import RunRow
from stepwell.runtime.replay import replay
from tests.core.driver import KEY, START, Held, House

house = House()
bodies: list[int] = []


@house.step
async def add(x: int) -> int:
    return x + 1


@house.step
async def double(x: int) -> int:
    return x * 2


@house.workflow
async def both(x: int) -> int:
    bodies.append(x)
    return await double(await add(x))


@house.workflow
async def race(x: int) -> int:
    await first(add=add(x), double=double(x))
    return await add(0)


class Run:
    """What replay needs of a run."""

    def __init__(self, flow: Any, entries: list[AnyEntry], *, strict: bool = False, now: float = START,
                 blobs: dict[str, bytes] | None = None, warnings: tuple[str, ...] = (),
                 **row: Any) -> None:  # fmt: skip
        definition = flow.registry.workflow(flow.name)
        self.definition = msgspec.structs.replace(definition, warnings=warnings)
        self.host = SimpleNamespace(definitions=flow.registry, strict=strict)
        self.row = RunRow(**{"key": KEY, "id": "r", "workflow": flow.name, "rank": rank_of(START, 100), **row})
        self.entries = entries
        self.history = fold_history(entries)
        assert self.history.started is not None
        self.started = self.history.started
        self.kernel = Kernel(KEY, self.row.generation)
        self.blobs = blobs or {}
        self._now = now

    def inline(self, payload: Payload) -> Payload:
        return resolved(payload, self.blobs)

    def inlined(self, entry: Any) -> Any:
        value = getattr(entry, "value", None)
        return entry if value is None else msgspec.structs.replace(entry, value=self.inline(value))

    def now(self) -> float:
        return self._now

    def about(self) -> dict[str, Any]:
        return {}

    def replay(self) -> list[Any]:
        return list(replay(self, self.entries))  # type: ignore[arg-type]

    @property
    def result(self) -> Any:
        assert self.kernel.outcome is not None
        assert self.kernel.outcome.error is None
        return msgspec.json.decode(self.kernel.outcome.value)


def journal(flow: Any, *values: int) -> list[AnyEntry]:
    """The journal of a run of which so many steps are done."""
    held = Held(flow, 1)
    for value in values:
        held.done(next(iter(held.running)), value)
    return list(held.entries)


def steps(commands: list[Any]) -> list[tuple[str, str]]:
    return [(type(command).__name__, command.call) for command in commands]


def test_a_new_run_asks_for_its_first_step() -> None:
    run = Run(both, journal(both))
    assert steps(run.replay()) == [("RunStep", "add")]
    assert run.kernel.info is not None
    assert run.kernel.info.input == bytes(run.started.input.v)
    assert run.kernel.stuck is None


def test_only_what_the_journal_does_not_show_is_asked_for() -> None:
    [command] = Run(both, journal(both, 2)).replay()
    assert isinstance(command, RunStep)
    assert command.call == "double"


def test_a_whole_journal_leads_to_the_result() -> None:
    run = Run(both, journal(both, 2, 4))
    assert run.replay() == []
    assert run.result == 4


def test_payloads_are_inlined_from_the_blobs() -> None:
    entries: list[Any] = journal(both, 2, 4)
    start = msgspec.structs.replace(entries[0], input=Payload(r="in"))
    last = msgspec.structs.replace(entries[2], value=Payload(r="out"))
    run = Run(both, [start, entries[1], last], blobs={"in": bytes(entries[0].input.v), "out": b"40"})
    assert run.replay() == []
    assert run.result == 40


def test_void_entries_are_not_delivered() -> None:
    entries = [*journal(both, 2, 4), Rewound(at=START, void=[2])]
    assert steps(Run(both, entries).replay()) == [("RunStep", "double")]


@pytest.mark.parametrize("held", [False, True])
def test_a_call_given_up_in_answer_to_a_held_entry_is_still_to_be_closed(held: bool) -> None:
    entries: list[Any] = journal(race, 2)
    entries[-1] = msgspec.structs.replace(entries[-1], held=held)
    commands = Run(race, entries).replay()
    assert [type(command) for command in commands] == ([RunStep, CloseCall] if held else [RunStep])


def test_in_tests_suspicious_code_is_stuck_before_its_body_begins() -> None:
    entries = journal(both)
    bodies.clear()
    run = Run(both, entries, strict=True, warnings=("flow.py:3: time.time() is called",))
    assert run.replay() == []
    assert isinstance(run.kernel.stuck, Nondeterminism)
    assert bodies == []


def test_in_production_it_goes_on() -> None:
    run = Run(both, journal(both), warnings=("flow.py:3: time.time() is called",))
    assert steps(run.replay()) == [("RunStep", "add")]


def test_a_journal_of_other_calls_is_divergence_and_asks_for_nothing() -> None:
    entries: list[Any] = journal(both, 2)
    entries[1] = msgspec.structs.replace(entries[1], call="something_else")
    run = Run(both, entries)
    assert run.replay() == []
    assert run.kernel.stuck is not None


def patient(**more: Any) -> list[AnyEntry]:
    entries: list[Any] = journal(both)
    return [msgspec.structs.replace(entries[0], queue_timeout=10.0, **more)]


def test_a_run_that_no_worker_took_in_time_fails_unstarted() -> None:
    entries = patient()
    bodies.clear()
    run = Run(both, entries, now=START + 10.5)
    assert run.replay() == []
    assert run.kernel.outcome is not None
    assert isinstance(run.kernel.outcome.error, QueueTimeout)
    assert (run.kernel.stamp, run.kernel.position) == (START, 1)
    assert bodies == []


@pytest.mark.parametrize(
    ("now", "row"),
    [
        (START + 10, {}),
        (START + 3609, {"rank": rank_of(START + 3600, 100)}),  # it was to start an hour later
        (START + 69, {"rank": rank_of(START + 60, 7, resumed=True), "priority": 7, "generation": 2}),
    ],
)
def test_patience_counts_from_when_the_run_was_ready(now: float, row: dict[str, Any]) -> None:
    assert steps(Run(both, patient(), now=now, **row).replay()) == [("RunStep", "add")]


def test_a_run_that_has_begun_is_not_too_late() -> None:
    entries = [*patient(), *journal(both, 2)[1:]]
    assert isinstance(entries[0], Started)
    assert steps(Run(both, entries, now=START + 9999).replay()) == [("RunStep", "double")]
