"""The workflows that are measured, and how a measured app is opened."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from stepwell import App, Workflow, sleep


def make_app(url: str, **options: Any) -> App:
    """An app with the measured workflows; retention off."""
    app = App(url, **options)

    @app.step
    async def one(x: int) -> int:
        return x + 1

    @app.workflow
    async def w1(x: int) -> int:
        return await one(x)

    @app.workflow
    async def w3(x: int) -> int:
        return await one(await one(await one(x)))

    @app.workflow
    async def steps(n: int) -> int:
        x = 0
        for _ in range(n):
            x = await one(x)
        return x

    @app.workflow
    async def gathered(n: int) -> int:
        return sum(await asyncio.gather(*[one(i) for i in range(n)]))

    @app.workflow
    async def sleeper(seconds: float) -> int:
        await sleep(seconds)
        return 1

    return app


def workflow(app: App, name: str) -> Workflow[..., Any]:
    """A measured workflow by its name."""
    definition = app.registry.workflow(name)
    assert definition is not None
    return Workflow(app.registry, definition.fn, name, definition.rules, ())


@asynccontextmanager
async def opened(url: str, store: Any = None, **options: Any) -> AsyncIterator[App]:
    """An open app on a database, working in this process."""
    app = make_app(url, **options)
    if store is not None:
        app.parts = msgspec.structs.replace(app.parts, store=store)
    async with app:
        yield app


async def drained(app: App, name: str, count: int) -> None:
    """Wait until `count` runs of a workflow have succeeded."""
    while True:
        counts = await app.runs.count(workflow=name, status="succeeded")
        if counts.get("succeeded", 0) >= count:
            return
        await asyncio.sleep(0.02)


async def throughput(app: App, name: str, count: int, already: int = 0) -> tuple[float, float]:
    """(runs per second, CPU seconds per run) of starting and finishing `count` runs."""
    flow = workflow(app, name)
    wall, cpu = time.perf_counter(), time.process_time()
    await flow.start_many([(n,) for n in range(count)])
    await finished(app, already + count)
    return count / (time.perf_counter() - wall), (time.process_time() - cpu) / count


async def finished(app: App, count: int) -> None:
    """Wait until the workers of this process have ended `count` runs since they began (no query is made)."""
    assert app._opened is not None
    workers = app._opened.engine.workers
    while sum(w.finished_count for w in workers) < count:
        await asyncio.sleep(0.002)
