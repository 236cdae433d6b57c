"""Starting, finding, steering: what the open engine promises to callers."""

import asyncio
from typing import Any

import pytest

from stepwell import App, Conflict, IllegalState, NotFound, RunFailed, RunTerminated, StartErrors, StepError, sleep
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    seen: Any
    quick: Any
    slow: Any
    failing: Any
    mended: Any


def shop() -> Shop:
    app = Shop("memory://")
    app.seen = []

    @app.step
    async def note(x: int) -> int:
        app.seen.append(x)
        return x

    @app.workflow
    async def quick(x: int) -> int:
        return await note(x)

    @app.workflow
    async def slow(x: int) -> int:
        await note(x)
        await sleep("1 day")
        return await note(x + 1)

    @app.step(retries=0)
    async def breaks(x: int) -> int:
        if not app.mended:
            raise StepError("as planned")
        return x * 100

    @app.workflow
    async def failing(x: int) -> int:
        y = await note(x)
        return await breaks(y)

    app.mended = False
    app.quick, app.slow, app.failing = quick, slow, failing
    return app


def test_same_id_and_input_is_the_same_run_for_every_caller() -> None:
    """P7: open or closed; another input is a conflict."""
    app = shop()

    async def main() -> None:
        async with Environment(app):
            runs = await asyncio.gather(*(app.quick.options(id="a").start(1) for _ in range(5)))
            assert len({run.key for run in runs}) == 1
            assert await runs[0].result() == 1
            assert (await app.quick.options(id="a").start(1)).key == runs[0].key
            with pytest.raises(Conflict):
                await app.quick.options(id="a").start(2)
            assert app.seen == [1]

    asyncio.run(main())


def test_reuse_after_close_opens_a_new_generation() -> None:
    app = shop()

    async def main() -> None:
        async with Environment(app):
            run = await app.quick.options(id="a").start(1)
            await run.result()
            again = await app.quick.options(id="a", reuse="after_close").start(5)
            assert again.key == run.key
            assert await again.result() == 5
            assert (await again.status()).generation == 2
            assert (await app.quick.options(id="a").start(5)).key == run.key

    asyncio.run(main())


def test_start_many_reports_conflicts_by_position_and_starts_the_others() -> None:
    app = shop()

    async def main() -> None:
        async with Environment(app):
            await app.quick.options(id="taken").start(99)
            items = [(n,) for n in range(1200)]
            items_and_conflict = [*items[:7], app.quick.options(id="taken").item(1), *items[7:]]
            with pytest.raises(StartErrors) as caught:
                await app.quick.start_many(items_and_conflict)
            assert list(caught.value.errors) == [7]
            assert isinstance(caught.value.errors[7], Conflict)
            assert len(caught.value.runs) == 1200
            results = [await run.result() for run in caught.value.runs.values()]
            assert results == list(range(1200))

    asyncio.run(main())


def test_retry_goes_on_from_the_failed_step_under_the_same_id() -> None:
    app = shop()

    async def main() -> None:
        async with Environment(app):
            run = await app.failing.options(id="f").start(3)
            with pytest.raises(RunFailed) as caught:
                await run.result()
            assert isinstance(caught.value.__cause__, StepError)
            app.mended = True
            await run.retry()
            assert await run.result() == 300
            assert app.seen == [3], "what was committed before the failure stays (P2)"

    asyncio.run(main())


def test_verbs_are_idempotent_and_refuse_what_cannot_be() -> None:
    app = shop()

    async def main() -> None:
        async with Environment(app) as env:
            run = await app.slow.start(1)
            await env.settle()
            await run.pause()
            await run.pause()
            assert (await run.status()).state == "paused"
            await env.advance("2 days")
            assert (await run.status()).state == "paused"
            await run.resume()
            await run.resume()
            assert await run.result() == 2
            with pytest.raises(IllegalState) as refused:
                await run.pause()
            assert refused.value.allowed == ("restart",)
            await run.restart()
            await env.settle()
            await run.terminate()
            await run.terminate()
            with pytest.raises(RunTerminated):
                await run.result()

    asyncio.run(main())


def test_what_is_not_there_is_not_found() -> None:
    app = shop()

    async def main() -> None:
        async with Environment(app):
            with pytest.raises(NotFound):
                await app.quick.get("nobody")
            with pytest.raises(NotFound):
                await app.runs.get("00" * 16)

    asyncio.run(main())


@pytest.mark.parametrize("concurrency", [1, 10_000])
def test_a_wide_fan_out_of_steps_that_end_at_once(concurrency: int) -> None:
    app = shop()

    @app.step
    async def one(x: int) -> int:
        return x

    @app.workflow
    async def wide() -> int:
        return sum(await asyncio.gather(*(one(n) for n in range(1500))))

    async def main() -> None:
        async with Environment(app, concurrency=concurrency):
            assert await (await wide.start()).result() == sum(range(1500))

    asyncio.run(main())
