"""One loaded run: pause, resume, cancel, deadline, run-level retry, new generations, what parks it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stepwell import (
    App,
    NonRetryableError,
    RunFailed,
    RunParked,
    RunStatus,
    continue_as_new,
    progress,
    run_info,
    sleep,
)
from stepwell.errors import DeadlineExceeded, QueueTimeout
from stepwell.model.change import Change, Reply, Send
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import START, VirtualClock
from stepwell.testing.environment import Environment
from tests.runtime.shop import Shop, kinds, state

pytestmark = pytest.mark.anyio


# -- time ------------------------------------------------------------------------------------------


async def test_a_deadline_cancels_undoes_and_fails(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.careful.options(deadline="1h").start()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, DeadlineExceeded)
        assert env.now() - START == 3600
        assert sorted(shop.gates.log) == ["begin 1", "cancelled 1", "unlocked"]


async def test_a_deadline_that_passed_while_nobody_worked_is_seen_before_anything_begins(shop: Shop) -> None:
    async with Environment(shop.app, workers=0) as env:
        run = await shop.chain.options(deadline="1h").start()
        await env.advance("2h")
        await env.add_worker()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, DeadlineExceeded)
        assert shop.gates.log == []


@pytest.mark.parametrize(("waited", "late"), [("59s", False), ("61s", True)])
async def test_a_run_that_no_worker_took_in_time_fails_unstarted(shop: Shop, waited: str, late: bool) -> None:
    shop.gates.open.set()
    async with Environment(shop.app, workers=0) as env:
        run = await shop.chain.options(queue_timeout="1m", delay="10m").start()
        await env.advance("10m")  # a delay is no waiting for a worker
        await env.advance(waited)
        await env.add_worker()
        if late:
            with pytest.raises(RunFailed) as failed:
                await run.result()
            assert isinstance(failed.value.__cause__, QueueTimeout)
            assert shop.gates.log == []
        else:
            assert await run.result() == ["done 1", "after"]


# -- generations -----------------------------------------------------------------------------------


async def test_run_level_retries_begin_anew_after_the_rollback() -> None:
    app, log = App("memory://"), []

    @app.step
    async def lock() -> str:
        log.append(f"lock, attempt {run_attempts[-1]}")
        return "key"

    @app.step
    async def unlock(key: str) -> None:
        log.append(f"unlock {key}")

    run_attempts: list[int] = []

    @app.workflow(retries=2, delay="1m", backoff="constant", jitter=0)
    async def flow() -> str:
        run_attempts.append(run_info().attempt)
        await lock().on_rollback(unlock)
        if run_info().attempt < 3:
            raise OSError("not yet")
        return f"attempt {run_info().attempt}"

    async with Environment(app) as env:
        run = await flow.options(id="r").start()
        assert await run.result() == "attempt 3"
        assert env.now() - START == 120
        assert (await run.status()).generation == 3
        everything = await app.runs.generations("r")
    assert log == ["lock, attempt 1", "unlock key", "lock, attempt 2", "unlock key", "lock, attempt 3"]
    assert [e["reason"] for e in everything if e["k"] == "continue"] == ["retry", "retry"]


async def test_a_non_retryable_error_of_the_body_stops_the_runs_retries() -> None:
    app, begun = App("memory://"), []

    @app.workflow(retries=5)
    async def flow() -> None:
        begun.append(1)
        raise NonRetryableError("no")

    async with Environment(app):
        with pytest.raises(RunFailed):
            await (await flow.start()).result()
    assert begun == [1]


async def test_continue_as_new_keeps_the_id_and_sheds_the_journal() -> None:
    app = App("memory://")

    @app.step
    async def work(x: int) -> int:
        return x + 1

    @app.workflow
    async def loop(x: int) -> int:
        x = await work(x)
        if x < 50:
            continue_as_new(x)
        return x

    async with Environment(app):
        run = await loop.options(id="r").start(0)
        assert await run.result() == 50
        status = await run.status()
        assert (status.generation, status.input) == (50, {"x": 49})
        assert await kinds(run) == ["started", "step", "finish"]


async def test_progress_is_shown_and_never_moves_without_the_body() -> None:
    app = App("memory://")

    @app.workflow
    async def flow() -> None:
        for n in range(4):
            progress(n / 4, f"part {n}")
            await sleep("1h")

    async with Environment(app) as env:
        run = await flow.start()
        seen = []
        for _ in range(4):
            await env.settle()
            shown = (await run.status()).progress
            seen.append(shown and (shown.fraction, shown.note))
            await env.crash()
            shown = (await run.status()).progress
            assert (shown and (shown.fraction, shown.note)) == seen[-1]  # a replay shows nothing again
            await env.advance("1h")
        assert seen == [(n / 4, f"part {n}") for n in range(4)]


# -- the inbox mark --------------------------------------------------------------------------------


class Between:
    """A store that does something right before the n-th commit that releases a lease."""

    def __init__(self, inner: MemoryStore, do: Callable[[], Any]) -> None:
        self._inner = inner
        self._do = do
        self.done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, changes: list[Change]) -> list[Reply]:
        if not self.done and any(c.patch is not None and c.patch.status is RunStatus.WAITING for c in changes):
            self.done = True
            await self._do()
        return await self._inner.commit(changes)


async def test_a_message_that_comes_while_the_lease_goes_back_is_not_slept_over(shop: Shop) -> None:
    clock = VirtualClock()
    inner = MemoryStore("test", clock)

    async def send() -> None:
        await inner.commit([Change(send=Send(event="event", key="key", data=b'"just in time"', at=clock.now()))])

    store: Any = Between(inner, send)
    async with Environment(shop.app, store=store, clock=clock) as env:
        run = await shop.waits.start()
        await env.settle()
        assert store.done
        assert shop.gates.log == ["just in time"]
        await run.send(shop.event, "end")
        assert await run.result() == "end"


async def test_what_arrives_before_the_release_is_refused_is_not_waited_for_again(shop: Shop) -> None:
    """A look into the inbox was under way when the run decided to sleep, and is answered first."""
    clock = VirtualClock()
    inner = MemoryStore("test", clock)

    async def send() -> None:
        await inner.commit([Change(send=Send(event="event", key="key", data=b'"seen"', at=clock.now()))])
        (held,) = env.workers[0].runs.values()
        held.inbox_arrived(await inner.inbox(held.key, 0))

    store: Any = Between(inner, send)
    async with Environment(shop.app, store=store, clock=clock) as env:
        run = await shop.waits.start()
        await env.settle()
        assert shop.gates.log == ["seen"]
        assert await state(run) is RunStatus.WAITING


# -- parked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("misuse", ["stuck", "spins", "thread"])
async def test_misuse_parks_the_run_and_starts_nothing(misuse: str) -> None:
    app, begun = App("memory://"), []

    @app.step
    async def work() -> None:
        begun.append(1)

    @app.workflow
    async def flow() -> None:
        if misuse == "stuck":
            await asyncio.Event().wait()
        elif misuse == "spins":
            while True:
                await asyncio.sleep(0)
        else:
            try:
                asyncio.get_running_loop().call_soon_threadsafe(print)
            except Exception:
                await work()

    async with Environment(app):
        run = await flow.start()
        with pytest.raises(RunParked):
            await run.result()
        assert begun == []
        assert (await run.status()).generation == 1
        await run.terminate()
        assert await state(run) is RunStatus.TERMINATED
