"""The environment: time that waits for the test, workers that die, steps that are played."""

import asyncio
from typing import Any

import pytest

from stepwell import App, EventTimeout, RunParked, sleep
from stepwell.errors import InvalidOption
from stepwell.testing.clock import START
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    waits: Any
    fetches: Any
    adds: Any
    fetch: Any
    ping: Any


def make_app() -> Shop:
    app = Shop("memory://")
    ping = app.event("ping", int)

    @app.step
    async def fetch(x: int) -> int:
        raise AssertionError("the real one must not run in these tests")

    @app.step
    def plain(x: int) -> int:
        return x + 1

    @app.workflow
    async def waits(x: int) -> int:
        try:
            return await ping.wait("k", timeout="10m")
        except EventTimeout:
            await sleep("1 day")
            return -1

    @app.workflow
    async def fetches(x: int) -> int:
        return await fetch(x)

    @app.workflow
    async def adds(x: int) -> int:
        for _ in range(3):
            x = await plain(x)
            await sleep("1h")
        return x

    app.waits, app.fetches, app.adds, app.fetch, app.ping = waits, fetches, adds, fetch, ping
    return app


def test_time_jumps_only_while_the_test_waits() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            run = await app.waits.start(1)
            await env.settle()
            assert env.now() == START
            assert (await run.status()).state == "waiting"
            assert await run.result() == -1
            assert env.now() == START + 600 + 86_400

    asyncio.run(main())


def test_advance_lets_everything_happen_in_its_order() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            run = await app.waits.start(1)
            await env.advance("599s")
            await app.ping.send(5, key="k")
            await env.advance("2s")
            assert await run.result() == 5
            assert env.now() == START + 601

    asyncio.run(main())


def test_a_crash_takes_the_memory_and_leaves_the_journal() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            run = await app.adds.start(1)
            await env.advance("90m")
            before = len(await run.journal())
            await env.crash()
            assert len(await run.journal()) >= before
            assert await run.result() == 4

    asyncio.run(main())


def test_forced_replay_gives_the_same_result() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app, replay=True):
            assert await (await app.adds.start(1)).result() == 4

    asyncio.run(main())


def test_several_workers_share_the_store() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app, workers=3) as env:
            assert len(env.workers) == 3
            runs = await app.adds.start_many([(n,) for n in range(30)])
            assert [await run.result() for run in runs] == [n + 3 for n in range(30)]

    asyncio.run(main())


def test_a_mock_stands_in_for_a_step_while_the_block_lasts() -> None:
    app = make_app()

    async def later(x: int) -> int:
        return x * 2

    async def main() -> None:
        async with Environment(app) as env:
            with env.mock(app.fetch, lambda x: x * 100) as calls:
                assert await (await app.fetches.start(3)).result() == 300
                assert calls == [(3,)]
            with env.mock(app.fetch, later):
                assert await (await app.fetches.start(4)).result() == 8
            with pytest.raises(InvalidOption), env.mock(app.fetch, 7):  # type: ignore[arg-type]
                pass

    asyncio.run(main())


def test_a_call_that_is_never_awaited_is_an_error_here() -> None:
    app = make_app()

    @app.step
    async def lost() -> None: ...

    @app.workflow
    async def forgets() -> None:
        lost()
        await sleep(1)

    async def main() -> None:
        async with Environment(app):
            with pytest.raises(RunParked, match="never awaited"):
                await (await forgets.start()).result()

    asyncio.run(main())


def test_what_was_swapped_is_put_back() -> None:
    app = make_app()
    parts = app.parts

    async def main() -> None:
        async with Environment(app):
            assert app.parts is not parts

    asyncio.run(main())
    assert app.parts is parts
