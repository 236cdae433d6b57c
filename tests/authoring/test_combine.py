"""The first of several, inline steps, and folded parts."""

import asyncio
from typing import Any

import pytest

from stepwell import App, first, fold, run_step, sleep
from stepwell.errors import InvalidOption, WrongContext
from stepwell.testing.environment import Environment


def play(app: App, flow: Any, *args: Any, replay: bool = False) -> tuple[Any, list[str]]:
    """The result of a run, and its calls in the order of the journal."""

    async def main() -> tuple[Any, list[str]]:
        async with Environment(app, replay=replay):
            run = await flow.start(*args)
            return await run.result(), [e["call"] for e in await run.journal() if e["k"] in ("step", "fold")]

    return asyncio.run(main())


# --- first --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize(("limit", "name", "value"), [("1h", "paid", 5), ("1m", "late", None)])
def test_the_winner_is_told_by_name(replay: bool, limit: str, name: str, value: Any) -> None:
    app = App("memory://")
    ping = app.event("ping", int)

    @app.workflow
    async def flow() -> list[Any]:
        won = await first(paid=ping.wait("k"), late=sleep(limit))
        await sleep("1 day")
        return [won.name, won.value]

    async def main() -> None:
        async with Environment(app, replay=replay) as env:
            run = await flow.start()
            await env.advance("10m")
            await ping.send(5, key="k")
            assert await run.result() == [name, value]

    asyncio.run(main())


def test_a_message_for_a_loser_stays_in_its_mailbox() -> None:
    app = App("memory://")
    ping = app.event("ping", int)

    @app.workflow
    async def flow() -> list[Any]:
        won = await first(paid=ping.wait("k"), late=sleep("1m"))
        await sleep("1h")
        return [won.name, await ping.wait("k")]

    async def main() -> None:
        async with Environment(app) as env:
            run = await flow.start()
            await env.advance("10m")
            await ping.send(7, key="k")
            assert await run.result() == ["late", 7]

    asyncio.run(main())


def test_a_step_that_loses_is_cancelled() -> None:
    app = App("memory://")
    log: list[str] = []

    @app.step
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    @app.workflow
    async def flow() -> str:
        won = await first(work=slow(), late=sleep("1m"))
        await sleep("1m")
        return won.name

    assert play(app, flow)[0] == "late"
    assert log == ["cancelled"]


def test_the_error_of_the_winner_is_raised_that_of_a_loser_is_not() -> None:
    app = App("memory://")

    @app.step
    async def bad() -> None:
        raise ValueError("no")

    async def later() -> None:
        await sleep("1m")
        raise KeyError("late")

    @app.workflow
    async def flow() -> str:
        with pytest.raises(ValueError, match="no"):
            await first(bad=bad(), late=sleep("1h"))
        won = await first(late=later(), soon=sleep("1s"))
        await sleep("1h")
        return won.name

    assert play(app, flow, replay=True)[0] == "soon"


def test_first_takes_any_awaitable_and_refuses_none() -> None:
    app = App("memory://")

    async def plain() -> int:
        await sleep("1s")
        return 3

    @app.workflow
    async def flow() -> list[Any]:
        with pytest.raises(InvalidOption, match=r"first\(\) without contenders; expected at least one, by name"):
            first()
        won = await first(a=asyncio.create_task(sleep("1h")), b=plain())
        return [won.name, won.value]

    assert play(app, flow, replay=True)[0] == ["b", 3]
    done = app.step(plain)()
    done.close()
    with pytest.raises(WrongContext, match=r"stepwell.first\(\) was called outside of any run"):
        first(a=done)


# --- run_step -----------------------------------------------------------------------------------------------


def test_an_inline_step_is_recorded_by_its_title() -> None:
    app = App("memory://")
    log: list[int] = []

    async def later(x: int, *, y: int = 0) -> int:
        log.append(x)
        return x + y

    @app.workflow
    async def flow() -> list[int]:
        got = [await run_step("turn", later, x, y=1) for x in range(3)]
        return [*got, await run_step("plain", lambda: 7)]

    assert play(app, flow, replay=True) == ([1, 2, 3, 7], ["turn", "turn#2", "turn#3", "plain"])
    assert log == [0, 1, 2]


def test_an_inline_step_takes_a_policy_and_leaves_the_plain_one_alone() -> None:
    app = App("memory://")
    tries: list[str] = []

    def failing(who: str) -> None:
        tries.append(who)
        raise ValueError(who)

    @app.workflow
    async def flow() -> None:
        patient = run_step.options(retries=2, delay="1m")
        for step, who in ((patient, "patient"), (run_step, "plain")):
            with pytest.raises(ValueError, match=who):
                await step("try", failing, who)

    assert play(app, flow)[0] is None
    assert tries == ["patient"] * 3 + ["plain"]
    with pytest.raises(InvalidOption, match="is not a policy"):
        run_step.options({"retries": 3})


def test_inline_steps_are_refused_outside_and_for_methods() -> None:
    app = App("memory://")

    class Thing:
        def method(self) -> int:
            return 1

    @app.step
    def known(x: int) -> int:
        return x + 1

    @app.step
    async def around() -> int:
        return await run_step("in a step", known, 4)

    @app.workflow
    async def flow() -> list[int]:
        with pytest.raises(InvalidOption, match="is a method; expected a plain function"):
            run_step("bound", Thing().method)
        return [await run_step("known", known, 1), await around()]

    assert play(app, flow)[0] == [2, 5]
    with pytest.raises(WrongContext, match=r"run_step\('t'\) was called outside of any run"):
        run_step("t", known, 1)


# --- fold ---------------------------------------------------------------------------------------------------


def test_a_folded_part_is_recorded_and_not_run_again() -> None:
    app = App("memory://")
    log: list[str] = []

    @app.step
    async def work(x: int) -> int:
        log.append(f"step {x}")
        return x * 10

    async def part(x: int) -> int:
        log.append(f"part {x}")
        return await work(x) + await work(x + 1)

    @app.workflow
    async def flow() -> list[int]:
        got = [await fold("part", part, 1), await fold("part", part, 3)]
        log.append("body")
        await sleep("1h")
        return got

    async def main() -> None:
        async with Environment(app) as env:
            run = await flow.start()
            await env.settle()
            before = ["part 1", "step 1", "step 2", "part 3", "step 3", "step 4", "body"]
            assert log == before
            await env.crash()
            assert await run.result() == [30, 70]
            assert log == [*before, "body"]
            folds = [e["call"] for e in await run.journal() if e["k"] == "fold"]
            assert folds == ["part", "part#2"]

    asyncio.run(main())


def test_a_part_still_open_goes_on_after_a_crash() -> None:
    app = App("memory://")
    log: list[str] = []

    @app.step
    async def work(x: str) -> str:
        log.append(x)
        return x

    async def part() -> str:
        one = await work("one")
        await sleep("1h")
        return one + await work("two")

    @app.workflow
    async def flow() -> str:
        return await fold("part", part)

    async def main() -> None:
        async with Environment(app) as env:
            run = await flow.start()
            await env.advance("1m")
            await env.crash()
            assert await run.result() == "onetwo"

    asyncio.run(main())
    assert log == ["one", "two"]


@pytest.mark.parametrize("replay", [False, True])
def test_parts_nest_and_raise(replay: bool) -> None:
    app = App("memory://")
    log: list[int] = []

    @app.step
    async def work(x: int) -> int:
        log.append(x)
        return x

    async def inner(x: int) -> int:
        if await work(x) < 0:
            raise ValueError("no")
        return x + 1

    async def outer(x: int) -> int:
        return await fold("inner", inner, x) + await fold("inner", inner, x + 1)

    @app.workflow
    async def flow() -> int:
        got = await fold("outer", outer, 1)
        await sleep(1)
        with pytest.raises(ValueError, match="no"):
            await fold("bad", inner, -1)
        return got + await work(5)

    assert play(app, flow, replay=replay)[0] == 10
    assert log == [1, 2, -1, 5]


def test_a_part_is_refused_outside() -> None:
    async def part() -> None: ...

    with pytest.raises(WrongContext, match=r"stepwell.fold\(\) was called outside of any run"):
        fold("part", part)
