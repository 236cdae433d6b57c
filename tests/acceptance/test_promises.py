"""Promises that no acceptance example touches by itself: P7, P11, P13, P14 and P15."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import stepwell
from stepwell import App, Diverged, RunCancelled, RunFailed, RunParked, RunStatus, cleanup, sleep
from stepwell.errors import PayloadTooLarge
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


# --- P7: one run per id -------------------------------------------------------------------------------------


async def test_an_id_can_be_used_again_after_the_end_if_one_says_so() -> None:
    app = App()

    @app.workflow
    async def double(n: int) -> int:
        return n * 2

    async with Environment(app):
        first = await double.options(id="d").start(1)
        assert await first.result() == 2
        closed = await double.options(id="d").start(1)
        assert (closed.key, (await closed.status()).generation) == (first.key, 1)
        again = await double.options(id="d", reuse="after_close").start(21)
        assert await again.result() == 42
        assert (again.key, (await again.status()).generation) == (first.key, 2)


# --- P8: timers never fire early ------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0.0, 600.0])
async def test_a_run_that_waited_for_a_worker_sleeps_as_long_as_any_other(delay: float) -> None:
    app = App()
    woke: list[float] = []

    @app.workflow
    async def nap() -> None:
        began = stepwell.now().timestamp()
        await sleep(60)
        woke.append(stepwell.now().timestamp() - began)

    async with Environment(app, workers=0) as env:
        run = await nap.options(delay=delay).start()
        await env.advance("1h")
        ready = env.clock.now()
        await env.add_worker()
        await run.result()
        assert env.clock.now() - ready >= 60
    assert woke[0] >= 60


@pytest.mark.filterwarnings("ignore")
async def test_a_retried_run_sleeps_anew() -> None:
    app = App()
    began: list[float] = []

    @app.workflow(retries=1, delay="1h", jitter=0)
    async def nap() -> None:
        began.append(stepwell.now().timestamp())
        await sleep(60)
        if len(set(began)) == 1:
            raise ValueError("once more")

    async with Environment(app) as env:
        start = env.clock.now()
        run = await nap.start()
        await run.result()
        assert env.clock.now() - start >= 60 + 3600 + 60


# --- P11: deaths --------------------------------------------------------------------------------------------


async def test_a_run_that_kills_three_workers_is_quarantined() -> None:
    app = App()
    begun: list[int] = []

    @app.step
    async def poison() -> None:
        begun.append(len(begun))
        await asyncio.Event().wait()

    @app.step
    async def harmless(n: int) -> int:
        return n

    clock = VirtualClock()
    store = MemoryStore("test", clock)
    for death in (1, 2):
        async with Environment(app, store=store, clock=clock) as env:
            if death == 1:
                run = await poison.options(id="poison").start()
            while len(begun) < death:
                await asyncio.sleep(0)
            await env._stop_driving()
            await env._opened.crash()
        clock.move_to(clock.now() + app.settings.lease + 1)
    async with Environment(app, store=store, clock=clock) as env:
        run = await poison.get("poison")
        # Two have died of it. It is no longer given to a worker that has others to lose …
        assert await (await harmless.start(7)).result() == 7
        assert (await run.status()).state is RunStatus.QUEUED
        assert len(begun) == 2
        assert await store.lonely(["poison"], 10) == [run.key]
        # … but to one that has nothing else; and when that dies as well, to nobody.
        async with app.worker(only=run.key.hex()) as alone:
            while len(begun) < 3:
                await asyncio.sleep(0)
            await alone.crash()
        await env.crash()
        with pytest.raises(RunParked, match="quarantine"):
            await (await poison.get("poison")).result()
        assert len(begun) == 3


# --- P12: what cancel lets happen ---------------------------------------------------------------------------


async def test_only_clean_up_runs_once_a_run_is_being_cancelled() -> None:
    app = App()
    log: list[str] = []

    @app.step
    async def note(what: str) -> None:
        log.append(what)

    @app.workflow
    async def work() -> str:
        await note("begin")
        try:
            await sleep("1 day")
        finally:
            async with cleanup():
                await note("clean up")
            try:
                await note("forward")
            except asyncio.CancelledError:
                log.append("refused")
        return "done"

    async with Environment(app, replay=True) as env:
        run = await work.start()
        await env.settle()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
    assert [line for line in log if line != "refused"] == ["begin", "clean up"]
    assert "refused" in log


async def test_children_are_cancelled_with_their_parent() -> None:
    app = App()

    @app.workflow
    async def child() -> None:
        await sleep("1 day")

    @app.workflow
    async def parent() -> None:
        await child()

    async with Environment(app) as env:
        for verb in ("cancel", "terminate"):
            run = await parent.start()
            await env.settle()
            await getattr(run, verb)()
            await env.settle()
        assert await app.runs.count(workflow="child") == {"cancelled": 1, "terminated": 1}


# --- P13: divergence ----------------------------------------------------------------------------------------


async def test_a_divergent_run_is_parked_and_goes_on_with_code_that_fits() -> None:
    clock = VirtualClock()
    store = MemoryStore("test", clock)
    log: list[str] = []

    def version(first: str, then: str) -> App:
        app = App()

        @app.step
        async def a() -> str:
            log.append("a")
            return "a"

        @app.step
        async def b() -> str:
            log.append("b")
            return "b"

        steps = {"a": a, "b": b}

        @app.workflow(retries=5)
        async def work() -> list[str]:
            one = await steps[first]()
            await sleep("1h")
            return [one, await steps[then]()]

        return app

    old, wrong = version("a", "b"), version("b", "a")
    async with Environment(old, store=store, clock=clock) as env:
        await old.runs.start("work", id="r")
        await env.settle()
    clock.move_to(clock.now() + 3600)
    async with Environment(wrong, store=store, clock=clock) as env:
        run = await wrong.runs.get("r")
        with pytest.raises(RunParked):
            await run.result()
        status = await run.status()
        assert status.state is RunStatus.PARKED
        assert status.reason is not None
        assert "step 'a'" in status.reason
        assert "step 'b'" in status.reason
        assert (status.attempt, status.generation) == (1, 1)  # no retry was used
        assert log == ["a"]  # nothing was executed
        assert Diverged.code == "diverged"
    async with Environment(old, store=store, clock=clock) as env:
        run = await old.runs.get("r")
        await run.resume()
        assert await run.result() == ["a", "b"]
        assert log == ["a", "b"]


# --- P14: bounds --------------------------------------------------------------------------------------------

LARGE = "x" * (1024 * 1024)


async def test_what_is_too_large_is_refused_before_it_is_stored() -> None:
    app = App()
    news = app.event("news", str)

    @app.step
    async def produce(size: int) -> str:
        return "x" * size

    @app.workflow
    async def work(text: str) -> int:
        try:
            return len(await produce(len(LARGE)))
        except PayloadTooLarge as error:
            return -(error.limit or 0)

    async with Environment(app) as env:
        before = await env.store.dump()
        with pytest.raises(PayloadTooLarge) as refused:
            await work.start(LARGE)
        assert refused.value.code == "payload_too_large"
        with pytest.raises(PayloadTooLarge):
            await news.send(LARGE, key="a")
        assert await env.store.dump() == before
        assert await (await work.start("small")).result() == -(1024 * 1024)
        large = await produce.start(500_000)
        assert len(await large.result()) == 500_000


async def test_nothing_stored_names_code() -> None:
    """A value is decoded by the annotations of the code that reads it, never by what the data says of itself."""
    app = App()

    @app.step
    async def echo(value: dict[str, object]) -> dict[str, object]:
        return value

    async with Environment(app) as env:
        hostile: dict[str, object] = {"py/object": "os.system", "__class__": "subprocess.Popen", "$type": "x"}
        run = await echo.start(hostile)
        assert await run.result() == hostile
        for _, _, data in await env.store.journal(run.key):
            json.loads(data)  # plain JSON, whatever is in it


# --- P15: views ---------------------------------------------------------------------------------------------


async def test_counts_equal_a_fold_over_the_rows_and_reading_writes_nothing() -> None:
    app = App()

    @app.workflow
    async def work(n: int) -> int:
        if n % 3 == 0:
            raise ValueError("divisible")
        if n % 3 == 1:
            await sleep("1 day")
        return n

    async with Environment(app) as env:
        runs = await work.start_many([work.options(tags={"third": n % 3}).item(n) for n in range(30)])
        await env.settle()
        with unwritten(env):
            before = await env.store.dump()
            page = await app.runs.list(limit=1000)
            counted: dict[str, int] = {}
            for row in page.runs:
                counted[row.status.value] = counted.get(row.status.value, 0) + 1
            assert await app.runs.count() == counted == {"failed": 10, "waiting": 10, "succeeded": 10}
            assert await app.runs.count(tags={"third": 1}) == {"waiting": 10}
            assert (await app.status()).runs == counted
            for run in runs:
                await run.status()
                await run.journal()
            with pytest.raises(RunFailed):
                await runs[0].result()
            assert await env.store.dump() == before


@contextmanager
def unwritten(env: Environment) -> Iterator[None]:
    """No commit happens while the block lasts."""
    groups = env._opened.writer.groups
    yield
    assert env._opened.writer.groups == groups


async def test_pages_follow_each_other() -> None:
    app = App()

    @app.workflow
    async def work(n: int) -> int:
        return n

    async with Environment(app) as env:
        await work.start_many([work.options(id=f"r{n}").item(n) for n in range(25)])
        await env.settle()
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await app.runs.list(limit=10, after=after)
            seen += [row.id for row in page.runs]
            after = page.after
            if after is None:
                break
        assert seen == [f"r{n}" for n in reversed(range(25))]  # newest first, none twice, none missing
