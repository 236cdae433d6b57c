"""The replay boundary: delivery in order, late results, divergence, cancellation, the end of a body."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from stepwell import first, scope, sleep
from stepwell.core.kernel import ACTIVATION_BUDGET
from stepwell.errors import Diverged, Nondeterminism, RunFailed
from stepwell.model.command import CloseCall, PlaceWait, RunStep, StartChild
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    Attempted,
    CancelSeen,
    ChildStarted,
    Fired,
    Received,
    Rewound,
    Stepped,
)
from stepwell.model.failure import Failure
from tests.core.driver import START, Held, House, stored

house = House()
event = house.event("paid", Any)


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.workflow
async def child(n: int) -> int:
    return n


@house.workflow
async def sequence() -> list[Any]:
    return [await work("a"), await work("b")]


def stepped(call: str, value: Any = None, **more: Any) -> Stepped:
    return Stepped(at=START, call=call, value=stored(value), **more)


# --- late results ---------------------------------------------------------------------------------


@house.workflow
async def impatient() -> str:
    try:
        async with asyncio.timeout(10):
            await work("slow")
    except TimeoutError:
        return str(await work("plan b"))
    return "in time"


def test_a_result_that_comes_too_late_is_discarded() -> None:
    held = Held(impatient)
    opened = held.running["work"].opened
    held.fire()
    assert CloseCall("work") in held.history
    assert held.calls == ["work#2"]
    held.deliver(stepped("work", "too late", opened=opened))
    assert held.kernel.stuck is None
    held.done("work#2", "b")
    assert held.result == "b"
    assert held.again().result == "b"


def test_a_result_after_the_end_is_discarded() -> None:
    held = Held(orphans)
    held.done("work#2", "a")
    held.deliver(stepped("work", "late"))
    assert held.result == "a"


def test_what_timed_out_is_not_commanded_again_on_replay() -> None:
    held = Held(impatient).fire()
    fresh = held.again()
    assert [c.call for c in fresh.replayed] == ["work#2"]
    assert fresh.calls == ["work#2"]


def test_a_call_taken_back_in_the_same_breath_is_no_command() -> None:
    @House().workflow
    async def body() -> None:
        task = asyncio.create_task(work("x"))
        call = work("y").start()
        await asyncio.sleep(0)
        task.cancel()
        del call
        try:
            async with asyncio.timeout(0.0):
                await work("z")
        except TimeoutError:
            await work("last")

    held = Held(body)
    assert [(type(c), c.call) for c in held.history] == [(RunStep, "work#2"), (RunStep, "work#4")]


def test_a_task_cancelled_before_it_ran_does_not_begin_its_call() -> None:
    @House().workflow
    async def body() -> Any:
        task = asyncio.create_task(work("never"))
        task.cancel()
        await asyncio.sleep(0)
        return await work("b")

    held = Held(body)
    assert held.calls == ["work#2"]
    assert [c.call for c in held.history] == ["work#2"]
    assert held.kernel.forgotten == []
    assert held.done("work#2", 1).result == 1


# --- the end --------------------------------------------------------------------------------------


@house.workflow
async def orphans() -> Any:
    asyncio.create_task(work("orphan"))  # noqa: RUF006
    sleep("1h").start()
    event.wait("k").start()
    child(1).start()
    return await work("a")


def test_what_still_runs_when_the_root_returns_is_cancelled() -> None:
    held = Held(orphans).done("work#2", "a")
    assert held.result == "a"
    assert {c.call for c in held.history if isinstance(c, CloseCall)} == {"work", "paid", "child"}
    assert held.calls == []
    assert held.kernel.next_timer() is None


def test_an_orphan_cannot_begin_anything_while_it_ends() -> None:
    asked: list[str] = []

    async def orphan() -> None:
        try:
            await work("orphan")
        finally:
            try:
                await work("clean up")
            except asyncio.CancelledError:
                asked.append("refused")
            await asyncio.sleep(1)
            asked.append("never")

    @House().workflow
    async def body() -> Any:
        asyncio.create_task(orphan())  # noqa: RUF006
        return await work("a")

    held = Held(body).done("work", "a")
    assert held.result == "a"
    assert asked == ["refused"]
    assert held.kernel.take() == []


def test_spinning_and_waiting_for_nothing_are_found() -> None:
    @House().workflow
    async def spins() -> None:
        while True:
            await asyncio.sleep(0)

    @House().workflow
    async def blocks() -> None:
        await work()
        await asyncio.Event().wait()

    spinning = Held(spins)
    assert isinstance(spinning.kernel.stuck, Nondeterminism)
    assert f"{ACTIVATION_BUDGET:,} callbacks" in str(spinning.kernel.stuck)
    spinning.kernel.close()
    blocked = Held(blocks)
    assert blocked.kernel.stuck is None
    blocked.done("work")
    assert "nothing can bring" in str(blocked.kernel.stuck)
    blocked.kernel.close()


# --- divergence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "recorded", "asked"),
    [
        (Received(call="work", event="paid"), "event 'work'", "step 'work'"),
        (Fired(call="work"), "timer 'work'", "step 'work'"),
        (Armed(call="work", event="paid", key="k"), "armed 'work'", "step 'work'"),
        (ChildStarted(call="work", run="00", id="x"), "childstarted 'work'", "step 'work'"),
        (ChildStarted(call="work", run="00", id="x", detached=True), "childstarted 'work'", "step 'work'"),
        (stepped("gone"), "step 'gone'", "step 'work'"),
        (Armed(call="gone", event="paid", key="k"), "armed 'gone'", "step 'work'"),
    ],
)
def test_another_kind_and_an_entry_never_asked_for_diverge(entry: AnyEntry, recorded: str, asked: str) -> None:
    held = Held(sequence)
    fresh = held.again([*held.entries, entry])
    stuck = fresh.kernel.stuck
    assert isinstance(stuck, Diverged)
    assert stuck.diff.splitlines() == [
        f"  journal, entry 1: {recorded}",
        f"  code asks for:    {asked}",
    ]
    assert stuck.diff in str(stuck)
    assert fresh.replayed == [] or fresh.kernel.outcome is None
    fresh.kernel.close()


def test_a_body_that_ends_early_diverges() -> None:
    @House().workflow
    async def shorter() -> Any:
        return await work("a")

    long = Held(sequence).done("work", 1).done("work#2", 2)
    held = Held(shorter, entries=long.entries)
    assert isinstance(held.kernel.stuck, Diverged)
    assert "nothing more: the body has ended" in held.kernel.stuck.diff
    assert "entry 2" in held.kernel.stuck.diff


def test_steps_may_be_added_and_the_holders_own_entries_are_passed_over() -> None:
    @House().workflow
    async def longer() -> Any:
        return await asyncio.gather(work("a"), sleep("1h", name="new"))

    failure = Failure(type="ValueError")
    entries = [*Held(sequence).entries, Attempted(call="old", attempt=1, error=failure), Attempted(
        call="work", attempt=1, error=failure)]  # fmt: skip
    held = Held(longer, entries=[*entries, stepped("work", 1)])
    assert held.calls == ["new"]
    assert held.kernel.position == 4


def test_other_arguments_under_the_same_identity_are_noted() -> None:
    @House().workflow
    async def changed() -> list[Any]:
        return [await work("other"), await work("b")]

    entries = Held(sequence).done("work", 1).done("work#2", 2).entries
    held = Held(changed, entries=entries)
    assert held.kernel.drifted == ["work"]
    assert held.result == [1, 2]
    assert Held(sequence, entries=entries).kernel.drifted == []


def test_void_entries_count_and_do_not_happen() -> None:
    held = Held(sequence).done("work", 1)
    opened = held.running["work#2"].opened
    fresh = held.again([*held.entries, Rewound(void=[1])])
    assert fresh.calls == ["work"]
    assert fresh.running["work"].opened < opened
    fresh.done("work", 1)
    assert fresh.running["work#2"].opened == 4


# --- effects recorded in the journal --------------------------------------------------------------


@house.workflow
async def everything() -> Any:
    return await asyncio.gather(work("a"), event.wait("k"), event.wait(), child(1), child.start(2))


def test_only_effects_that_are_not_recorded_are_commanded_after_a_replay() -> None:
    held = Held(everything)
    kinds = [RunStep, PlaceWait, PlaceWait, StartChild, StartChild]
    assert [type(c) for c in held.history] == kinds
    recorded = held.again()
    assert [type(c) for c in recorded.replayed] == [RunStep, PlaceWait]
    assert [c.call for c in recorded.replayed] == ["work", "paid#2"]
    assert [type(c) for c in held.again(held.entries[:1]).replayed] == kinds


def test_children_bring_results_and_errors() -> None:
    @House().workflow
    async def parent() -> Any:
        try:
            return await child(1)
        except RunFailed as error:
            return repr(error.__cause__)

    assert Held(parent).child("child", 5).result == 5
    failed = Held(parent).child("child", status="failed", error=ValueError("no"))
    assert failed.result == "ValueError('no')"
    assert failed.kernel.failed == ["child"]
    assert Held(parent).child("child", status="terminated").kernel.outcome is not None


def test_a_recorded_value_of_another_type_is_an_error_of_the_call() -> None:
    strict = House()

    @strict.step
    async def number() -> int:
        return 1

    @strict.workflow
    async def body() -> str:
        try:
            return str(await number())
        except Exception as error:
            return type(error).__name__

    assert Held(body).done("number", "text").result == "TypeMismatch"


# --- cancellation ---------------------------------------------------------------------------------


@house.workflow
async def cancellable() -> Any:
    try:
        return await asyncio.gather(work("a"), first(late=sleep("1h"), paid=event.wait("k")))
    finally:
        await scoped_clean_up()


async def scoped_clean_up() -> None:
    async with scope("unwinding"):
        await asyncio.sleep(0)
        await work("refused")


def test_cancel_unwinds_once_and_refuses_forward_steps() -> None:
    held = Held(cancellable).cancel().cancel("deadline")
    assert held.kernel.cancelled == "operator"
    assert {c.call for c in held.history if isinstance(c, CloseCall)} == {"work", "paid"}
    with pytest.raises(asyncio.CancelledError):
        _ = held.result
    assert held.kernel.forgotten == []
    assert isinstance(held.again().kernel.outcome and held.again().kernel.outcome.error, asyncio.CancelledError)  # type: ignore[union-attr]


def test_cancelled_whatever_the_body_returns() -> None:
    @House().workflow
    async def swallows() -> str:
        try:
            await work("a")
        except asyncio.CancelledError:
            return "nothing happened"
        return "never"

    with pytest.raises(asyncio.CancelledError):
        _ = Held(swallows).cancel().result


def test_a_body_that_refuses_to_be_cancelled_is_found() -> None:
    @House().workflow
    async def refuses() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await work("again")

    held = Held(refuses).cancel()
    assert isinstance(held.kernel.stuck, Nondeterminism)
    assert "let CancelledError pass" in str(held.kernel.stuck)
    assert held.kernel.stuck.file == __file__
    held.kernel.close()


def test_a_cancel_in_the_journal_counts_where_it_stands() -> None:
    held = Held(sequence).done("work", 1)
    fresh = held.again([*held.entries, CancelSeen(at=START)])
    assert fresh.kernel.cancelled == "operator"
    assert fresh.replayed == []
