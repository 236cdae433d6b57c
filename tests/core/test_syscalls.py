"""What a body may ask for: identities, bounds, folded parts, clean-up while the run is being cancelled."""

import asyncio
from typing import Any

import pytest

from stepwell import cleanup, continue_as_new, fold, progress, run_info, run_step, scope, sleep
from stepwell.core import syscalls
from stepwell.core.syscalls import OPEN_CALLS
from stepwell.errors import LimitExceeded, Nondeterminism
from stepwell.model.command import CloseCall, FoldScope
from stepwell.model.entry import Folded
from tests.core.driver import Held, House

house = House()


@house.step
async def work(name: Any = None) -> Any:
    return name


# --- identity -------------------------------------------------------------------------------------


def add(a: int, b: int) -> int:
    return a + b


@house.workflow
async def identities() -> None:
    async def branch() -> None:
        await work()
        async with scope("page/1"):
            await asyncio.gather(work(), asyncio.create_task(asyncio.sleep(9)))

    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: kept.append(work("from a callback").start()))
    titled = work.options(name="a/b#c@d%e")
    calls: list[Any] = [work(), work(), titled(), titled(), sleep(5), sleep(6, name="nap"), run_step("x y", add, 1, 2)]
    await asyncio.gather(branch(), branch(), *reversed(calls))


kept: list[Any] = []


def test_identity_is_path_name_and_occurrence_fixed_when_the_call_is_made() -> None:
    kept.clear()
    held = Held(identities)
    assert set(held.calls) == {
        "work", "work#2", "a%2Fb%23c%40d%25e", "a%2Fb%23c%40d%25e#2", "sleep", "nap", "x y",
        "@1/work", "@2/work", "work#3",
    }  # fmt: skip
    held.done("@2/work").done("@1/work")
    assert {call for call in held.calls if "page" in call} == {
        "@1/page%2F1/work", "@1/page%2F1/@1/timer", "@2/page%2F1/work", "@2/page%2F1/@1/timer",
    }  # fmt: skip
    held.kernel.close()


def test_a_call_from_a_callback_belongs_to_the_task_that_registered_it() -> None:
    @House().workflow
    async def body() -> None:
        async def branch(delay: float) -> None:
            loop = asyncio.get_running_loop()
            async with scope("inner"):
                loop.call_later(delay, lambda: kept.append(work("later").start()))
                loop.call_soon(lambda: kept.append(work("soon").start()))
            await asyncio.sleep(60)

        await asyncio.gather(branch(1), branch(2))

    kept.clear()
    held = Held(body)
    held.fire().fire()
    names = {call: command.args[0] for call, command in held.running.items()}
    assert names == {
        "@1/inner/work": "soon", "@2/inner/work": "soon", "@1/inner/work#2": "later", "@2/inner/work#2": "later",
    }  # fmt: skip
    held.kernel.close()


# --- bounds ---------------------------------------------------------------------------------------


@house.workflow
async def wide(steps: int, timers: int) -> int:
    await asyncio.gather(*(work() for _ in range(steps)), *(asyncio.sleep(60) for _ in range(timers)))
    return steps


def test_two_thousand_calls_and_as_many_timers_may_be_open_at_once() -> None:
    held = Held(wide, OPEN_CALLS, OPEN_CALLS)
    assert held.kernel.stuck is None
    assert len(held.calls) == 2 * OPEN_CALLS
    held.kernel.close()


@pytest.mark.parametrize(("steps", "timers", "what"), [(OPEN_CALLS + 1, 0, "calls"), (0, OPEN_CALLS + 1, "timers")])
def test_one_more_is_refused(steps: int, timers: int, what: str) -> None:
    held = Held(wide, steps, timers)
    with pytest.raises(LimitExceeded, match=f"more than 2,000 {what} open at once .*test_syscalls.py:"):
        raise held.kernel.stuck or AssertionError
    held.kernel.close()


def test_a_forgotten_call_is_noted_at_once() -> None:
    @House().workflow
    async def forgets() -> None:
        work("never awaited")
        work("nor this").on_rollback(work)
        await work("a")

    held = Held(forgets)
    assert held.kernel.forgotten == ["work", "work#2"]
    assert held.calls == ["work#3"]
    assert Held(forgets).kernel.forgotten == ["work", "work#2"]


def test_calls_refused_or_cancelled_are_not_forgotten() -> None:
    @House().workflow
    async def body() -> None:
        calls = [work(n) for n in range(3)]
        try:
            await asyncio.gather(*calls, asyncio.sleep(1))
        finally:
            await work("refused")

    held = Held(body).cancel()
    assert held.kernel.forgotten == []
    assert held.kernel.outcome is not None


def test_progress_is_the_last_one_said() -> None:
    @House().workflow
    async def body() -> None:
        progress(0.1, "begun")
        progress(0.5)
        await work()

    held = Held(body)
    assert held.kernel.progress is not None
    assert (held.kernel.progress.fraction, held.kernel.progress.note) == (0.5, None)


# --- clean-up while being cancelled (P12) ---------------------------------------------------------


@house.workflow
async def tidies() -> None:
    try:
        await work("a")
    finally:
        try:
            await work("refused")
        except asyncio.CancelledError:
            async with cleanup(), scope("tidying"), asyncio.TaskGroup() as group:
                group.create_task(work("b"))
                group.create_task(tidy())
            with pytest.raises(asyncio.CancelledError):
                await work("refused again")


async def tidy() -> None:
    await work("c")
    with cleanup():
        await asyncio.sleep(5)
    await work("d")


def test_clean_up_runs_though_the_run_is_being_cancelled() -> None:
    held = Held(tidies).cancel()
    assert held.calls == ["tidying/work", "tidying/@2/work"]
    held.done("tidying/work").done("tidying/@2/work").fire()
    assert held.calls == ["tidying/@2/work#2"]
    held.done("tidying/@2/work#2")
    with pytest.raises(asyncio.CancelledError):
        _ = held.result
    with pytest.raises(asyncio.CancelledError):
        _ = held.again().result


# --- folded parts ---------------------------------------------------------------------------------


@house.workflow
async def folds(fails: bool = False) -> Any:
    async def inner(n: int) -> Any:
        return await work(f"inner {n}")

    async def page(n: int) -> Any:
        found = [await work(f"page {n}"), await fold("inner", inner, n), await fold("inner", inner, n)]
        if fails:
            raise ValueError("after its calls")
        return found

    pages = [await fold("page", page, n) for n in range(2)]
    return [pages, await work("last")]


def by_name(held: Held) -> Held:
    return held.auto(lambda command: command.args[0])


def test_a_folded_part_is_one_entry_and_is_not_executed_again() -> None:
    held = by_name(Held(folds))
    value = [[["page 0", "inner 0", "inner 0"], ["page 1", "inner 1", "inner 1"]], "last"]
    assert held.result == value
    closed = [e for e in held.entries if isinstance(e, Folded)]
    inner = ["page/inner", "page/inner#2", "page#2/inner", "page#2/inner#2"]
    assert [e.call for e in closed] == [*inner[:2], "page", *inner[2:], "page#2"]
    assert closed[2].void == [1, 2, 3, 4, 5]
    fresh = held.again()
    assert fresh.result == value
    assert not [c for c in fresh.history if c.call.startswith("page")]


def test_every_prefix_of_folded_parts_goes_on() -> None:
    held = by_name(Held(folds))
    for length in range(1, len(held.entries)):
        assert by_name(held.again(held.entries[:length])).result == held.result, length


def test_a_part_that_closed_unrecorded_is_closed_again() -> None:
    held = by_name(Held(folds))
    before = held.entries[:2] + held.entries[2:3]  # page 0's step and inner's, not yet its fold
    fresh = held.again(before)
    assert [type(c) for c in fresh.replayed] == [FoldScope]


def test_a_part_that_raises_is_not_recorded() -> None:
    held = by_name(Held(folds, True))
    with pytest.raises(ValueError, match="after its calls"):
        _ = held.result
    assert "page" not in [e.call for e in held.entries if isinstance(e, Folded)]
    with pytest.raises(ValueError, match="after its calls"):
        _ = held.again().result


def test_cancelling_around_a_part_cancels_what_is_in_it() -> None:
    @House().workflow
    async def body() -> Any:
        async def part() -> Any:
            return await asyncio.gather(work("a"), work("b"))

        try:
            async with asyncio.timeout(10):
                await fold("part", part)
        except TimeoutError:
            return await work("after")

    held = Held(body).fire()
    assert {c.call for c in held.history if isinstance(c, CloseCall)} >= {"part/work", "part/work#2"}
    assert held.calls == ["work"]
    assert held.done("work", 1).result == 1
    assert held.again().result == 1
    assert Held(body).cancel().kernel.calls == {}


def test_what_a_part_leaves_behind_ends_with_it() -> None:
    asked: list[str] = []

    @House().workflow
    async def body() -> Any:
        async def left() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                try:
                    await work("too late")
                except asyncio.CancelledError:
                    asked.append("refused")

        async def part() -> Any:
            asyncio.create_task(left())  # noqa: RUF006
            work("open").start()
            return await work("a")

        found = await fold("part", part)
        return [found, await work("after")]

    held = Held(body).done("part/work#2", "a")
    assert held.calls == ["work"]
    assert asked == ["refused"]
    assert held.done("work", "b").result == ["a", "b"]
    assert held.again().result == ["a", "b"]


def test_waiting_for_nothing_inside_a_part_is_found() -> None:
    @House().workflow
    async def body() -> None:
        async def part() -> None:
            await asyncio.Event().wait()

        await fold("part", part)

    held = Held(body)
    assert isinstance(held.kernel.stuck, Nondeterminism)
    held.kernel.close()


def test_numbers_outside_of_a_part_do_not_depend_on_what_is_inside() -> None:
    hashes: list[list[int]] = []

    @House().workflow
    async def body() -> Any:
        async def part() -> None:
            await asyncio.gather(*(asyncio.create_task(work(n)) for n in range(5)))

        await fold("part", part)
        tasks = [asyncio.create_task(work(n)) for n in range(3)]
        hashes.append([hash(t) for t in tasks] + [hash(asyncio.get_running_loop().create_future())])
        await asyncio.gather(*tasks)

    held = Held(body).auto()
    held.again()
    assert hashes[0] == hashes[1]


# --- a new generation -----------------------------------------------------------------------------


@house.workflow
async def counts(n: int) -> int:
    assert run_info().generation == 1
    await work()
    return continue_as_new(n + 1)


@house.workflow
async def counts_in_a_group(n: int) -> None:
    async def branch() -> None:
        await work()
        continue_as_new(n + 1)

    async with asyncio.TaskGroup() as group:
        group.create_task(branch())
        group.create_task(asyncio.sleep(60))


@pytest.mark.parametrize("body", [counts, counts_in_a_group])
def test_continue_as_new_ends_the_generation(body: Any) -> None:
    held = Held(body, 1)
    held.done(held.calls[0] if "work" in held.calls[0] else held.calls[1])
    outcome = held.kernel.outcome
    assert outcome is not None
    assert (outcome.again, outcome.error, outcome.value) == (b'{"n":2}', None, None)


def test_a_cancelled_run_does_not_continue() -> None:
    @House().workflow
    async def body(n: int) -> None:
        try:
            await work()
        finally:
            continue_as_new(n + 1)

    with pytest.raises(asyncio.CancelledError):
        _ = Held(body, 1).cancel().result


def test_refusals_are_counted_anew_for_each_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "REFUSALS", 2)

    @House().workflow
    async def body() -> None:
        for _ in range(4):
            try:
                await asyncio.sleep(1)
                await work("refused")
            except asyncio.CancelledError:
                pass

    held = Held(body).cancel()
    held.fire().fire().fire()
    assert held.kernel.stuck is None
    assert held.kernel.outcome is not None
