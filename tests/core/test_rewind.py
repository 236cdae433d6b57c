"""From where a failed run goes on; and that what succeeded stays (P2)."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stepwell import cleanup, fold, rollback
from stepwell.core.history import fold_history, voided
from stepwell.core.outcome import RollbackFailed, marks
from stepwell.core.rewind import rewind, undo_again
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    Attempted,
    CancelSeen,
    ChildStarted,
    Finished,
    Intended,
    Nested,
    Recoded,
    Started,
    Stepped,
)
from stepwell.model.failure import Failure
from tests.core.driver import Held, House, stored
from tests.core.test_kernel_programs import PROGRAMS, Program, play

house = House()
NO = Failure(type="ValueError")


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.step
async def undo(name: Any) -> Any:
    return name


@house.workflow
async def child(n: int) -> int:
    return n


event = house.event("e", Any)


def ended(held: Held) -> list[AnyEntry]:
    """The journal with the end that the holder would write."""
    outcome, kernel = held.kernel.outcome, held.kernel
    assert outcome is not None
    error = outcome.error
    status = "cancelled" if kernel.cancelled else "failed" if error is not None else "succeeded"
    came_from = marks(error) if error is not None and status == "failed" else set()
    cause = next((call for call in kernel.failed if call in came_from), None)
    return [*held.entries, Finished(at=held.now, status=status, cause=cause, undone=kernel.undone)]


def retried(held: Held) -> Held:
    """The run as it goes on after an operator's retry."""
    entries = ended(held)
    back = rewind(entries, held.now)
    assert back is not None
    return held.again([*entries, back])


# --- by example -----------------------------------------------------------------------------------


@house.workflow
async def shop(explicit: bool = False) -> Any:
    try:
        charge = await work("charge").on_rollback(undo)
        both = await asyncio.gather(work("a").on_rollback(undo), work("b").on_rollback(undo))
        return [charge, both, await work("last")]
    except ValueError:
        if explicit:
            await rollback()
        await work("handler")
        raise


def test_a_run_that_has_not_ended_has_nothing_to_go_back_to() -> None:
    assert rewind(Held(shop).entries, 0.0) is None


def test_the_failed_step_runs_again_and_so_does_what_was_undone() -> None:
    held = Held(shop).done("work", 1).done("work#3", 3).done("work#2", 2).failed("work#4", ValueError("no"))
    held.done("work#5")
    for _ in range(3):
        held.done(next(iter(held.running)))
    assert held.kernel.undone == ["work#2", "work#3", "work"]
    fresh = retried(held)
    assert fresh.calls == ["work"]  # the charge was undone: everything begins again
    assert fresh.auto(lambda command: 7).result == [7, [7, 7], 7]
    assert fresh.kernel.stuck is None


def test_without_rollback_what_succeeded_stays() -> None:
    @House().workflow
    async def body() -> Any:
        found: list[Any] = [*await asyncio.gather(work("a"), work("b"))]
        try:
            found.append(await work("c"))
        except ValueError:
            await work("handler")
            raise
        return found

    held = Held(body).done("work#2", "b").done("work", "a").failed("work#3", ValueError("no")).done("work#4")
    fresh = retried(held)
    assert fresh.calls == ["work#3"]
    assert fresh.done("work#3", "c").result == ["a", "b", "c"]
    again = retried(held).failed("work#3", ValueError("again")).done("work#4")
    assert retried(again).done("work#3", "c").result == ["a", "b", "c"]


def test_what_succeeded_beside_it_stays() -> None:
    @House().workflow
    async def body() -> Any:
        async with asyncio.TaskGroup() as group:
            bad = group.create_task(work("bad"))

            async def good() -> Any:
                try:
                    return await work("good")
                except asyncio.CancelledError:
                    return await work("good after all")

            other = group.create_task(good())
        return [bad.result(), other.result()]

    held = Held(body).failed("work", ValueError("no")).done("@2/work#2", "x")
    fresh = retried(held)
    assert set(fresh.calls) == {"work", "@2/work"}  # what was called after the failure happened in consequence


def test_a_cancelled_run_goes_on_from_the_cancel() -> None:
    @House().workflow
    async def body() -> Any:
        first = await work("a")
        try:
            return [first, await work("b")]
        finally:
            async with cleanup():
                await work("clean")

    held = Held(body).done("work", 1).cancel().done("work#3")
    fresh = retried(held)
    assert fresh.kernel.cancelled is None
    assert fresh.calls == ["work#2"]
    assert fresh.done("work#2", 2).done("work#3").result == [1, 2]


def test_attempts_are_counted_anew_and_intents_of_unknown_outcome_stay() -> None:
    held = Held(shop)
    entries = [
        *held.entries,
        Intended(call="work", attempt=1),
        Attempted(call="work", attempt=1, error=NO),
        Nested(call="work/good:1", value=stored(1)),
        Nested(call="work/bad:1", error=NO),
        Intended(call="other", attempt=1),
        Attempted(call="other", attempt=1, error=NO),
        Stepped(call="work", error=NO, attempt=2, opened=1),
        Finished(status="failed", cause="work"),
    ]
    back = rewind(entries, 0.0)
    assert back is not None
    assert back.void == [1, 2, 4, 6, 7, 8]
    history = fold_history([*entries, back])
    assert set(history.nested) == {"work/good:1"}
    assert history.calls["other"].intended == 1
    assert "work" not in history.calls


def test_waits_and_children_that_the_end_let_go_are_placed_again() -> None:
    @House().workflow
    async def body() -> Any:
        return await asyncio.gather(event.wait("k"), child(1), child.start(2), work("a"))

    held = Held(body).failed("work", ValueError("no"))
    fresh = retried(held)
    assert set(fresh.calls) == {"e", "child", "work"}
    assert {type(e) for e in fresh.entries if isinstance(e, Armed | ChildStarted)} == {Armed, ChildStarted}
    assert {c.call for c in fresh.replayed} == {"e", "child", "work"}


def test_a_folded_part_stays_unless_it_has_lost_a_call() -> None:
    @House().workflow
    async def body() -> Any:
        async def part(name: str) -> Any:
            return [await work(name), await work(name + "'")]

        before = await fold("before", part, "x")
        beside = asyncio.create_task(slow(part))
        await work("bad")
        return [before, await beside]

    async def slow(part: Any) -> Any:
        return await fold("beside", part, "y")

    held = Held(body).done("before/work", 1).done("before/work#2", 2)
    held.done("@2/beside/work", 3).failed("work", ValueError("no"))
    fresh = retried(held)
    assert set(fresh.calls) == {"work", "@2/beside", "@2/beside/work#2"}
    fresh.done("@2/beside/work#2", 4).done("work", 5)
    assert fresh.result == [[1, 2], [3, 4]]


def test_a_rollback_goes_on_with_the_undo_that_failed() -> None:
    held = Held(shop).done("work", 1).done("work#2", 2).done("work#3", 3).failed("work#4", ValueError("no"))
    held.done("work#5").done("rollback/undo").failed("rollback/undo#2", ValueError("nor this"))
    assert isinstance(held.kernel.outcome and held.kernel.outcome.error, RollbackFailed)
    back = undo_again(held.entries, held.now)
    assert back is not None
    assert back.void == [len(held.entries) - 1]
    fresh = held.again([*held.entries, back])
    assert fresh.calls == ["rollback/undo#2"]
    fresh.done("rollback/undo#2").done("rollback/undo#3")
    with pytest.raises(ValueError, match="no"):
        _ = fresh.result
    assert fresh.kernel.undone == ["work#3", "work#2", "work"]
    assert undo_again(Held(shop).entries, 0.0) is None
    assert undo_again(Held(shop).done("work", 1).entries, 0.0) is None


# --- by property ----------------------------------------------------------------------------------


def opened(entry: AnyEntry) -> int:
    return getattr(entry, "opened", 0)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(PROGRAMS, st.lists(st.integers(0, 13), min_size=1, max_size=12))
def test_a_retry_fits_the_code_and_repeats_no_success(program: Program, choices: list[int]) -> None:
    held = play(program, choices)
    outcome = held.kernel.outcome
    assume(outcome is not None and outcome.error is not None and not isinstance(outcome.error, RollbackFailed))
    entries = ended(held)
    back = rewind(entries, held.now)
    assert back is not None
    gone, before = set(back.void), voided(entries)
    undone = held.kernel.undone
    roots = [n for n in gone if isinstance(e := entries[n], CancelSeen) or (isinstance(e, Stepped) and (
        e.call in undone or (e.error is not None and n not in before)))]  # fmt: skip
    cut = min(roots, default=len(entries))
    for number, entry in enumerate(entries):
        if isinstance(entry, Stepped) and entry.error is None and number not in before:
            again = entry.call in undone or (number > cut and opened(entry) > cut)
            assert (number in gone) == again, (number, entry)
    fresh = held.again([*entries, back])
    assert fresh.kernel.stuck is None or "nothing can bring" in str(fresh.kernel.stuck)
    kept = {
        e.call for n, e in enumerate(entries) if isinstance(e, Stepped) and n not in gone | before and e.error is None
    }
    assert not kept & {command.call for command in fresh.replayed}
    fresh.kernel.close()


def test_by_which_code_a_run_went_on_is_not_undone() -> None:
    entries: list[AnyEntry] = [
        Started(at=1.0, code="a"),
        Stepped(at=2.0, call="x", error=NO, opened=1),
        Recoded(at=3.0, code="b"),
        Stepped(at=3.0, call="y", value=stored(1), opened=2),
        Finished(at=4.0, status="failed", error=NO, cause="x"),
    ]
    back = rewind(entries, 5.0)
    assert back is not None
    assert back.void == [1, 3, 4]
    assert fold_history([*entries, back]).code == "b"
