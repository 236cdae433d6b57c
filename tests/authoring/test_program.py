"""The root of a run: its body, the rollbacks it owes when that fails or is cancelled, its result."""

import asyncio
from typing import Any

import pytest

from stepwell import App, RunCancelled, RunFailed, RunParked, sleep
from stepwell.testing.environment import Environment


class Shop(App):
    book: Any
    undo: Any
    undo_all: Any
    broken: Any
    log: list[str]


def make_app() -> Shop:
    app = Shop("memory://")
    log: list[str] = []

    @app.step
    async def book(x: str) -> str:
        if x == "bad":
            raise ValueError("sold out")
        log.append(f"book {x}")
        return x.upper()

    @app.step
    async def undo(x: str, y: str = "") -> None:
        log.append(f"undo {x}{y}")

    @app.step
    async def undo_all() -> None:
        log.append("undo all")

    @app.step
    async def broken(x: str) -> None:
        log.append(f"broken {x}")
        raise KeyError("locked")

    app.book, app.undo, app.undo_all, app.broken, app.log = book, undo, undo_all, broken, log
    return app


def fails(app: Shop, flow: Any, *, replay: bool = False) -> tuple[BaseException | None, list[str]]:
    """The cause of the failure of a run, and its calls in the order of the journal."""

    async def main() -> tuple[BaseException | None, list[str]]:
        async with Environment(app, replay=replay):
            run = await flow.start()
            with pytest.raises(RunFailed) as failed:
                await run.result()
            return failed.value.__cause__, [e["call"] for e in await run.journal() if e["k"] == "step"]

    return asyncio.run(main())


@pytest.mark.parametrize("replay", [False, True])
def test_a_failed_body_is_undone_last_first(replay: bool) -> None:
    app = make_app()

    @app.workflow
    async def flow() -> None:
        await app.book("a").on_rollback(app.undo)
        await app.book("b").on_rollback(app.undo, "b", "!")
        await app.book("c").on_rollback(app.undo_all)
        await app.book("d")
        await sleep("1h")
        await app.book("bad").on_rollback(app.undo)

    cause, calls = fails(app, flow, replay=replay)
    assert isinstance(cause, ValueError)
    assert str(cause) == "sold out"
    assert app.log == ["book a", "book b", "book c", "book d", "undo all", "undo b!", "undo A"]
    assert calls[-3:] == ["rollback/undo_all", "rollback/undo", "rollback/undo#2"]


def test_an_attempted_call_is_undone_though_it_failed() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> None:
        await app.book("bad").on_rollback(app.undo, "x", when="attempted")

    fails(app, flow)
    assert app.log == ["undo x"]


def test_a_body_that_succeeds_undoes_nothing() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> str:
        return await app.book("a").on_rollback(app.undo)  # type: ignore[no-any-return]

    async def main() -> None:
        async with Environment(app):
            assert await (await flow.start()).result() == "A"

    asyncio.run(main())
    assert app.log == ["book a"]


def test_a_def_body_is_undone_too() -> None:
    app = make_app()

    @app.workflow
    def flow() -> None:
        app.book("a").on_rollback(app.undo).result()
        raise LookupError("gone")

    cause, _ = fails(app, flow, replay=True)
    assert isinstance(cause, LookupError)
    assert app.log == ["book a", "undo A"]


def test_what_still_runs_is_undone_when_a_sibling_fails() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(app.book("a").on_rollback(app.undo))
            group.create_task(sleep("1 day"))
            await sleep("1m")
            group.create_task(app.book("bad"))

    fails(app, flow)
    assert app.log == ["book a", "undo A"]


def test_an_undo_that_fails_parks_the_run_and_the_rest_is_left() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> None:
        await app.book("a").on_rollback(app.undo)
        await app.book("b").on_rollback(app.broken)
        await app.book("c").on_rollback(app.undo)
        raise ValueError("no")

    async def main() -> None:
        async with Environment(app):
            run = await flow.start()
            with pytest.raises(RunParked) as parked:
                await run.result()
            status = await run.status()
            assert status.state == "parked"
            for words in ("broken of book#2", "undo of book"):
                assert words in f"{parked.value} {status.reason}"

    asyncio.run(main())
    assert app.log == ["book a", "book b", "book c", "undo C", "broken B"]


@pytest.mark.parametrize("replay", [False, True])
def test_a_cancelled_run_is_undone(replay: bool) -> None:
    app = make_app()

    @app.workflow
    async def flow() -> str:
        await app.book("a").on_rollback(app.undo)
        await app.book("b").on_rollback(app.undo)
        try:
            await sleep("1 day")
        except asyncio.CancelledError:
            return "swallowed"
        return "slept"

    async def main() -> None:
        async with Environment(app, replay=replay) as env:
            run = await flow.start()
            await env.advance("1m")
            await run.cancel()
            with pytest.raises(RunCancelled):
                await run.result()
            assert (await run.status()).state == "cancelled"

    asyncio.run(main())
    assert app.log == ["book a", "book b", "undo B", "undo A"]


def test_a_rollback_goes_on_after_a_crash() -> None:
    app = make_app()

    @app.step(retries=3, delay="1h", backoff="constant", jitter=0)
    async def slow_undo(x: str) -> None:
        app.log.append(f"slow {x}")
        if app.log.count(f"slow {x}") == 1:
            raise ValueError("not yet")

    @app.workflow
    async def flow() -> None:
        await app.book("a").on_rollback(app.undo)
        await app.book("b").on_rollback(slow_undo)
        await app.book("c").on_rollback(app.undo)
        raise ValueError("no")

    async def main() -> None:
        async with Environment(app) as env:
            run = await flow.start()
            await env.settle()
            await env.crash()
            with pytest.raises(RunFailed):
                await run.result()

    asyncio.run(main())
    assert app.log == ["book a", "book b", "book c", "undo C", "slow B", "slow B", "undo A"]
