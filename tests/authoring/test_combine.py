"""Combining calls: the first of several, inline steps, folded parts."""

import asyncio
from typing import Any

import pytest

from stepwell import App, first, fold, run_step, sleep
from stepwell.errors import InvalidOption, WrongContext
from stepwell.model.command import CloseCall
from stepwell.testing.environment import Environment
from tests.core.driver import Held, House
from tests.core.test_kernel_native import replays_alike

pytestmark = pytest.mark.anyio
house = House()
event = house.event("e", Any)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.workflow
async def race() -> Any:
    async def slowly() -> Any:
        await work("slow")
        return await work("slower")

    won = await first(paid=event.wait("k"), late=sleep("1h"), step=work("x"), task=slowly())
    return [won.name, won.value]


def test_the_first_wins_and_the_others_are_disarmed() -> None:
    held = Held(race)
    assert set(held.calls) == {"e", "sleep", "work", "@1/work"}
    held.receive("e", 5)
    assert held.result == ["paid", 5]
    assert {c.call for c in held.history if isinstance(c, CloseCall)} == {"work", "@1/work"}
    assert held.calls == []
    replays_alike(held)
    assert Held(race).fire().result == ["late", None]
    assert Held(race).done("work", 1).result == ["step", 1]
    assert Held(race).done("@1/work").done("@1/work#2", "s").result == ["task", "s"]


def test_the_error_of_the_winner_is_raised() -> None:
    with pytest.raises(ValueError, match="no"):
        _ = Held(race).failed("work", ValueError("no")).result


def test_of_two_at_once_the_one_named_first_wins() -> None:
    @House().workflow
    async def body() -> Any:
        return (await first(b=sleep(0), a=sleep(0))).name

    assert Held(body).result == "b"


def test_a_contender_that_was_cancelled_does_not_win() -> None:
    @House().workflow
    async def body() -> Any:
        task = asyncio.create_task(work("a"))
        asyncio.get_running_loop().call_soon(task.cancel)
        won = await first(cancelled=task, other=work("b"))
        try:
            await first(only=task)
        except asyncio.CancelledError:
            return won.name
        return "never"

    assert Held(body).done("work#2").result == "other"


def test_cancelled_around_it_everything_is_taken_back() -> None:
    @House().workflow
    async def body() -> Any:
        try:
            async with asyncio.timeout(5):
                await first(a=work("a"), b=event.wait("k"))
        except TimeoutError:
            return await work("after")

    held = Held(body).fire()
    assert {c.call for c in held.history if isinstance(c, CloseCall)} == {"work", "e"}
    assert held.calls == ["work#2"]
    replays_alike(held.done("work#2", 1))


def test_a_race_cancelled_before_it_ran_leaves_nothing_open() -> None:
    @House().workflow
    async def body() -> Any:
        task = asyncio.create_task(first(a=work("a"), b=sleep(5)))
        task.cancel()
        await asyncio.sleep(0)
        return await work("b")

    held = Held(body)
    assert held.calls == ["work#2"]


def test_what_first_refuses() -> None:
    with pytest.raises(InvalidOption, match=r"first\(\) without contenders"):
        first()
    call = work()
    with pytest.raises(WrongContext):
        first(a=call)
    call.close()


# --- messages of losers stay ----------------------------------------------------------------------

app = App("memory://")
approved = app.event("approved", Any)
rejected = app.event("rejected", Any)


gates: list[asyncio.Event] = []


@app.step
async def prepare() -> None:
    await gates[-1].wait()


@app.workflow
async def decides() -> Any:
    await prepare()
    won = await first(yes=approved.wait(), no=rejected.wait())
    other = await (rejected if won.name == "yes" else approved).wait()
    return [won.name, won.value, other]


@app.workflow
async def collects() -> Any:
    async def two(name: str) -> Any:
        return [await approved.wait(name=name), await approved.wait(name=name)]

    await prepare()
    won = await first(a=approved.wait(name="a"), b=approved.wait(name="b"))
    return [won.name, won.value, await two("c")]


async def test_of_two_messages_that_were_there_before_the_losers_stays() -> None:
    async with Environment(app) as env:
        gates.append(asyncio.Event())
        run = await decides.start()
        await run.send(rejected, "r")
        await run.send(approved, "a")
        gates[-1].set()
        await env.settle()
        assert await run.result() == ["yes", "a", "r"]


async def test_a_message_given_back_goes_to_the_next_wait_in_order() -> None:
    async with Environment(app) as env:
        gates.append(asyncio.Event())
        run = await collects.start()
        for n in range(3):
            await run.send(approved, n)
        gates[-1].set()
        await env.settle()
        assert await run.result() == ["a", 0, [1, 2]]


# --- inline steps ---------------------------------------------------------------------------------


def double(n: int) -> int:
    return 2 * n


@house.workflow
async def inline() -> Any:
    found = [await run_step("double it", double, n) for n in range(2)]
    quick = run_step.options(retries=3, timeout="5s")
    return [*found, await quick("same", work, "x")]


def test_an_inline_step_is_new_each_time_its_title_comes_up() -> None:
    held = Held(inline).done("double it", 0)
    assert held.calls == ["double it#2"]
    held.done("double it#2", 2)
    rules = held.running["same"].policy
    assert (rules.retry.retries, rules.timeout) == (3, 5.0)
    assert held.done("same", "x").result == [0, 2, "x"]


def test_inline_steps_belong_to_runs_and_are_no_methods() -> None:
    with pytest.raises(WrongContext, match=r"run_step\('x'\) was called outside of any run"):
        run_step("x", double, 1)

    class Shop:
        def sell(self) -> None: ...

    with pytest.raises(InvalidOption, match="is a method"):
        run_step("x", Shop().sell)


# --- folded parts ---------------------------------------------------------------------------------


def test_the_value_of_a_part_has_its_type() -> None:
    @House().workflow
    async def body() -> list[str]:
        async def part(n: int) -> tuple[int, str]:
            return (n, str(await work(n)))

        found = await fold("part", part, 3)
        return [type(found).__name__, repr(found)]

    held = Held(body).done("part/work", "x")
    assert held.result == ["tuple", "(3, 'x')"]
    assert held.again().result == held.result


def test_parts_may_run_at_once() -> None:
    @House().workflow
    async def body() -> Any:
        async def part(n: int) -> Any:
            return [await work(n), await work(n)]

        return await asyncio.gather(*(fold("part", part, n) for n in range(3)))

    held = Held(body)
    for call in ("part#2/work", "part/work", "part#3/work", "part#3/work#2", "part/work#2", "part#2/work#2"):
        held.done(call, call)
    assert [len(pair) for pair in held.result] == [2, 2, 2]
    replays_alike(held)


def test_unknown_options_of_an_inline_step_are_refused_as_options() -> None:
    with pytest.raises(InvalidOption, match="speed"):
        run_step.options(speed=1)
    with pytest.raises(InvalidOption, match="retries"):
        run_step.options(retries=-1)
