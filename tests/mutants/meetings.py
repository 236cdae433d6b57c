"""Scenarios of runs and those they meet: messages, children, operators, generators of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from stepwell import App, EventTimeout, RunCancelled, RunFailed, RunStatus, sleep
from stepwell.model.change import Change, Reply, Send
from stepwell.store.memory import MemoryBase, MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from tests.mutants.scenarios import Around, ends


async def no_message_falls_between_looking_and_waiting() -> None:
    """A message is sent right after the wait was placed, and one right before."""
    app = App("memory://")
    event = app.event("event", str)

    @app.workflow
    async def flow(key: str) -> str:
        try:
            return await event.wait(key, timeout="1h")
        except EventTimeout:
            return "lost"

    clock = VirtualClock()

    async def commit(changes: list[Change]) -> list[Reply]:
        armed = [wait.key for change in changes for wait in change.arm]
        replies: list[Reply] = await store.inner.commit(changes)
        for key in armed:
            await store.inner.commit([Change(send=Send(event="event", key=key, data=b'"heard"', at=clock.now()))])
        return replies

    store = Around(clock, commit=commit)
    async with Environment(app, store=store, clock=clock):  # type: ignore[arg-type]
        assert await ends((await flow.start("after")).result()) == "heard"
        await event.send("kept", key="before")
        assert await ends((await flow.start("before")).result()) == "kept"


async def a_message_that_comes_when_the_run_goes_to_sleep_wakes_it() -> None:
    """It is posted between the last look into the inbox and the giving back of the lease."""
    app = App("memory://")
    event = app.event("event", str)

    @app.workflow
    async def flow() -> str:
        return await event.wait("key")

    clock = VirtualClock()
    sent: list[int] = []

    async def commit(changes: list[Change]) -> list[Reply]:
        asleep = any(c.patch is not None and c.patch.status is RunStatus.WAITING for c in changes)
        if asleep and not sent:
            sent.append(1)
            for change in changes:
                first = Change(run=change.run, epoch=change.epoch, generation=change.generation, arm=change.arm)
                await store.inner.commit([first])
            await store.inner.commit([Change(send=Send(event="event", key="key", data=b'"awake"', at=clock.now()))])
        replies: list[Reply] = await store.inner.commit(changes)
        return replies

    store = Around(clock, commit=commit)
    async with Environment(app, store=store, clock=clock):  # type: ignore[arg-type]
        assert await ends((await flow.start()).result()) == "awake"


async def one_id_is_one_run() -> None:
    """Two processes start the same run at the same time."""
    app = App("memory://")

    @app.workflow
    async def flow(x: int) -> int:
        return x

    clock, base = VirtualClock(), MemoryBase()
    keys = []
    apps = [App("memory://", mode="client", like=app) for _ in range(2)]
    environments = [Environment(one, store=MemoryStore("test", clock, base), clock=clock, workers=0) for one in apps]
    async with environments[0], environments[1]:
        runs = await asyncio.gather(*(one.runs.start("flow", 1, id="same") for one in apps))
        keys = [run.key for run in runs]
        assert len(set(keys)) == 1, "two runs have one id"
        assert len((await apps[0].runs.list()).runs) == 1


async def a_parent_hears_of_its_childs_end() -> None:
    """Also when the child was the last thing it waited for."""
    app = App("memory://")

    @app.workflow
    async def child() -> str:
        await sleep("1h")
        return "grown up"

    @app.workflow
    async def parent() -> str:
        return await child()

    async with Environment(app, replay=True):
        assert await ends((await parent.start()).result()) == "grown up"


async def a_cancelled_run_gets_no_slot_any_more() -> None:
    """Ten steps share four slots when the run is cancelled."""
    app = App("memory://")
    begun: list[int] = []

    @app.step
    async def work(x: int) -> None:
        begun.append(x)
        await asyncio.Event().wait()

    @app.workflow
    async def flow() -> None:
        await asyncio.gather(*(work(x) for x in range(10)))

    async with Environment(app, concurrency=4) as env:
        run = await flow.start()
        await env.settle()
        (worker,) = env.workers
        for attempt in list(worker.executor._running)[:2]:
            assert attempt.task is not None
            attempt.task.cancel()  # two slots become free in the moment of the cancellation
        await run.cancel()
        with suppress(RunCancelled, RunFailed):
            await ends(run.result())
        assert sorted(begun) == [0, 1, 2, 3], begun


async def a_generator_left_in_the_middle_is_closed_by_its_own_run() -> None:
    """Its `finally` may have a step to do."""
    app = App("memory://")
    log: list[str] = []

    @app.step
    async def note(text: str) -> None:
        log.append(text)

    async def pages() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await note("closed")

    @app.workflow
    async def flow() -> str:
        async for _ in pages():
            break
        await sleep("1h")
        return "done"

    async with Environment(app):
        assert await ends((await flow.start()).result()) == "done"
        assert log == ["closed"], log


SCENARIOS: list[Callable[[], Coroutine[Any, Any, None]]] = [
    no_message_falls_between_looking_and_waiting,
    a_message_that_comes_when_the_run_goes_to_sleep_wakes_it,
    one_id_is_one_run,
    a_parent_hears_of_its_childs_end,
    a_cancelled_run_gets_no_slot_any_more,
    a_generator_left_in_the_middle_is_closed_by_its_own_run,
]
