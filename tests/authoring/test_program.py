"""The root of a run: its input, its rollbacks, its end."""

import asyncio
from typing import Any

import pytest

from stepwell import cleanup, fold, rollback, run_step
from stepwell.core.outcome import RollbackFailed
from stepwell.errors import InvalidOption, StepError
from stepwell.model.command import CloseCall
from tests.core.driver import Held, House
from tests.core.test_kernel_native import replays_alike

house = House()


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.step
async def undo(name: Any) -> Any:
    return name


@house.step
async def undo_nothing() -> Any: ...


@house.workflow
async def saga(last: str = "fail") -> Any:
    first = await work("a").on_rollback(undo)
    await asyncio.gather(work("b").on_rollback(undo, "given", 2), work("c").on_rollback(undo_nothing))
    if last == "raise":
        raise KeyError("by itself")
    return [first, await work("last")]


def undone(held: Held) -> list[tuple[str, tuple[Any, ...]]]:
    """Let the rollback run; which undos, with which arguments, in order."""
    found = []
    while held.running:
        (command,) = held.running.values()
        assert command.rollback
        found.append((command.step.name, command.args))
        held.done(command.call)
    return found


def test_undos_run_last_first_by_completion_each_with_what_it_was_promised() -> None:
    two = House()

    @two.step
    async def undo_two(name: Any, number: int) -> Any: ...

    @two.workflow
    async def body() -> Any:
        await work("a").on_rollback(undo)
        await asyncio.gather(work("b").on_rollback(undo_two, "given", 2), work("c").on_rollback(undo_nothing))
        await work("last")

    held = Held(body).done("work", {"id": 1}).done("work#3").done("work#2").failed("work#4", ValueError("no"))
    assert undone(held) == [("undo_two", ("given", 2)), ("undo_nothing", ()), ("undo", ({"id": 1},))]
    with pytest.raises(ValueError, match="no"):
        _ = held.result
    assert held.kernel.undone == ["work#2", "work#3", "work"]
    replays_alike(held)


@house.workflow
async def simple(last: str = "fail") -> Any:
    found = await work("a").on_rollback(undo)
    await work("b").on_rollback(undo)
    if last == "raise":
        raise KeyError("by itself")
    return [found, await work("last")]


def test_a_body_that_fails_by_itself_or_is_cancelled_rolls_back() -> None:
    failed = Held(simple, "raise").done("work", 1).done("work#2", 2)
    assert [args for _, args in undone(failed)] == [(2,), (1,)]
    cancelled = Held(simple).done("work", 1).cancel()
    assert [args for _, args in undone(cancelled)] == [(1,)]
    with pytest.raises(asyncio.CancelledError):
        _ = cancelled.result
    replays_alike(cancelled)


def test_success_undoes_nothing() -> None:
    held = Held(simple).done("work", 1).done("work#2", 2).done("work#3", 3)
    assert held.result == [1, 3]
    assert held.kernel.undone == []


def test_a_result_that_cannot_be_stored_rolls_back() -> None:
    typed = House()

    @typed.workflow
    async def body() -> int:
        await work("a").on_rollback(undo)
        return object()  # type: ignore[return-value]

    held = Held(body).done("work", 1)
    assert [args for _, args in undone(held)] == [(1,)]
    assert held.kernel.outcome is not None
    assert held.kernel.outcome.error is not None


# --- attempted ------------------------------------------------------------------------------------


@house.workflow
async def attempts(how: str) -> Any:
    call = work("a").on_rollback(undo, "given", when="attempted")
    if how == "timeout":
        async with asyncio.timeout(10):
            await call
    elif how == "orphan":
        asyncio.create_task(call)  # noqa: RUF006
        await work("b")
    else:
        await call


@pytest.mark.parametrize("how", ["failure", "timeout", "orphan", "cancel"])
def test_attempted_covers_a_call_that_failed_or_whose_outcome_is_unknown(how: str) -> None:
    held = Held(attempts, how)
    if how == "timeout":
        held.fire()
    elif how == "cancel":
        held.cancel()
    else:
        held.failed("work#2" if how == "orphan" else "work", ValueError("no"))
    assert undone(held) == [("undo", ("given",))]
    assert held.kernel.outcome is not None
    assert held.kernel.undone == ["work"]
    assert (CloseCall("work") in held.history) == (how != "failure")
    replays_alike(held)


def test_done_does_not_cover_what_failed() -> None:
    held = Held(simple).failed("work", ValueError("no"))
    assert undone(held) == []
    assert held.kernel.outcome is not None


def test_a_result_that_never_came_is_not_passed() -> None:
    @House().workflow
    async def body() -> None:
        await work("a").on_rollback(undo_nothing, when="attempted")

    assert undone(Held(body).failed("work", ValueError("no"))) == [("undo_nothing", ())]


# --- by hand --------------------------------------------------------------------------------------


@house.workflow
async def handles() -> Any:
    try:
        await work("a").on_rollback(undo)
        await work("b")
    except ValueError:
        await rollback()
        await rollback()
        return await work("plan b")


def test_a_body_that_caught_the_error_rolls_back_by_itself() -> None:
    held = Held(handles).done("work", 1).failed("work#2", ValueError("no"))
    assert held.calls == ["@1/undo"]
    assert held.running["@1/undo"].rollback
    held.done("@1/undo").done("work#3", "b")
    assert held.result == "b"
    replays_alike(held)


def test_a_cancel_during_a_rollback_lets_it_end_and_then_counts() -> None:
    held = Held(handles).done("work", 1).failed("work#2", ValueError("no")).cancel()
    assert held.calls == ["@1/undo"]
    held.done("@1/undo")
    with pytest.raises(asyncio.CancelledError):
        _ = held.result
    assert held.kernel.undone == ["work"]
    replays_alike(held)


def test_two_rollbacks_at_once_undo_each_call_once() -> None:
    @House().workflow
    async def body() -> None:
        for name in "ab":
            await work(name).on_rollback(undo)
        await asyncio.gather(rollback(), rollback())

    held = Held(body).done("work", 1).done("work#2", 2)
    assert sorted(command.args[0] for command in held.running.values()) == [1, 2]
    for call in list(held.running):
        held.done(call)
    assert held.result is None
    assert sorted(held.kernel.undone) == ["work", "work#2"]


def test_an_undo_that_fails_for_good_needs_a_person() -> None:
    held = Held(simple).done("work", 1).done("work#2", 2).failed("work#3", ValueError("no"))
    held.failed("rollback/undo", StepError("nor this"))
    with pytest.raises(RollbackFailed) as failed:
        _ = held.result
    assert (failed.value.call, str(failed.value.error)) == ("work#2", "nor this")
    assert failed.value.left == ["undo of work#2", "undo of work"]
    by_hand = Held(handles).done("work", 1).failed("work#2", ValueError("no")).failed("@1/undo", StepError("no"))
    with pytest.raises(RollbackFailed):
        _ = by_hand.result


# --- beside it ------------------------------------------------------------------------------------


def test_nothing_goes_on_beside_a_rollback() -> None:
    refused: list[str] = []

    @House().workflow
    async def body() -> None:
        async def beside() -> None:
            try:
                await work("beside")
            finally:
                try:
                    async with cleanup():
                        await work("forward")
                except asyncio.CancelledError:
                    refused.append("forward")

        task = asyncio.create_task(beside())
        await work("a").on_rollback(undo)
        raise ValueError(task.get_name())

    held = Held(body).done("work", 1)
    assert held.calls == ["rollback/undo"]
    assert refused == ["forward"]
    assert [args for _, args in undone(held)] == [(1,)]


def test_a_late_cancellation_does_not_disturb_the_rollback() -> None:
    @House().workflow
    async def body() -> None:
        await work("a").on_rollback(undo)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()  # arrives at the next wait, which is the rollback's
        raise ValueError("first")

    held = Held(body).done("work", 1)
    assert [args for _, args in undone(held)] == [(1,)]
    with pytest.raises(ValueError, match="first"):
        _ = held.result


# --- what on_rollback refuses ---------------------------------------------------------------------


def test_only_steps_undo_and_only_before_the_call_begins() -> None:
    @House().workflow
    async def body() -> None:
        with pytest.raises(InvalidOption, match="is not a step"):
            work("a").on_rollback(print)  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match="expected 'done' or 'attempted'"):
            work("b").on_rollback(undo, when="always")  # type: ignore[call-overload]
        call = work("c").start()
        with pytest.raises(InvalidOption, match="has begun"):
            call.on_rollback(undo)  # type: ignore[attr-defined]

        async def part() -> None:
            with pytest.raises(InvalidOption, match="in a folded part"):
                work("d").on_rollback(undo)

        await fold("part", part)

    assert Held(body).result is None


# --- the other programs ---------------------------------------------------------------------------


def test_a_step_started_by_itself_is_a_run_of_one_call() -> None:
    held = Held(work, "x")
    assert held.calls == ["work"]
    assert held.running["work"].args == ("x",)
    assert held.done("work", "y").result == "y"
    with pytest.raises(ValueError, match="no"):
        _ = Held(work, "x").failed("work", ValueError("no")).result


def test_inline_steps_roll_back_too() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    @house.workflow(name="inline")
    async def body() -> int:
        total = await run_step("add up", add, 1, 2).on_rollback(undo)  # type: ignore[attr-defined]
        raise ValueError(total)

    held = Held(body).done("add up", 3)
    assert undone(held) == [("undo", (3,))]
