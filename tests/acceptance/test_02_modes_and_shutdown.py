"""Acceptance 2: modes, concurrency, shutdown, injection; on SQLite files, as in use."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stepwell import App, RunStatus
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/stepwell.db"


@dataclass
class Pool:
    users: dict[str, str]
    closed: bool = False


@dataclass
class Journal:
    lines: list[str] = field(default_factory=list)


async def reached(condition: object, seconds: float = 60.0) -> None:
    """Wait until a condition holds in the real world."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)


async def test_a_client_never_claims_and_needs_no_code(url: str) -> None:
    worker_app = App(url)
    bodies: list[str] = []

    @worker_app.step
    async def fetch(user_id: str) -> str:
        bodies.append(user_id)
        return user_id.upper()

    @worker_app.workflow
    async def order(order: dict[str, str]) -> str:
        return await fetch(order["user_id"])

    # By the workflow's code …
    client = App(mode="client", like=worker_app)
    async with client:
        known = await order.options(id="known").start({"user_id": "u-1"})
        assert (await known.status()).state is RunStatus.QUEUED
    # … and by its name alone.
    api_only = App(url, mode="client")
    async with api_only:
        run = await api_only.start("order", {"order": {"user_id": "u-2"}}, id="by-name")
        assert (await api_only.runs.get(run.id)).key == run.key
        await asyncio.sleep(0.3)
        assert (await run.status()).state is RunStatus.QUEUED
        assert (await api_only.status()).workers == []
        assert bodies == []
        async with worker_app:
            assert await run.result(timeout=60) == "U-2"
            assert (await run.status()).result == "U-2"
    assert sorted(bodies) == ["u-1", "u-2"]


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_concurrency_is_never_exceeded(kind: str) -> None:
    app = App("memory://", concurrency=5)
    inside, most, lock = 0, 0, threading.Lock()

    def enter(by: int) -> None:
        nonlocal inside, most
        with lock:
            inside += by
            most = max(most, inside)

    # The first ones stay until all slots are taken; those that were too many would be there, too.

    @app.step
    async def work() -> None:
        enter(1)
        await reached(lambda: most >= 5)
        await asyncio.sleep(0.005)
        enter(-1)

    @app.step
    def work_in_a_thread() -> None:
        enter(1)
        end = time.monotonic() + 60.0
        while most < 5 and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.005)
        enter(-1)

    step = work if kind == "async" else work_in_a_thread

    @app.workflow
    async def many() -> None:
        await asyncio.gather(*(step() for _ in range(10)))

    async with app:
        runs = await many.start_many([()] * 5)
        for run in runs:
            await run.result(timeout=60)
    assert most == 5


async def test_leaving_the_block_hands_a_run_to_another_worker(url: str) -> None:
    begun: list[str] = []
    first, second = App(url, grace="100ms", lease="10m"), App(url)

    @first.step
    async def long() -> str:
        begun.append("first")
        await asyncio.Event().wait()
        return "never"

    @second.step(name="long")
    async def quick() -> str:
        begun.append("second")
        return "done by the second"

    @first.workflow(name="work")
    async def on_first() -> str:
        return await long()

    @second.workflow(name="work")
    async def on_second() -> str:
        return await quick()

    async with first.worker(concurrency=5):
        run = await on_first.options(id="r").start()
        await reached(lambda: begun)
        left = time.monotonic()
    async with second.worker(concurrency=5):
        assert await (await on_second.get(run.id)).result(timeout=60) == "done by the second"
    assert time.monotonic() - left < first.settings.lease
    assert begun == ["first", "second"]


async def test_what_finishes_within_the_grace_is_kept(url: str) -> None:
    app = App(url, grace="60s")
    log = Journal()

    @app.step
    async def short() -> str:
        log.lines.append("begun")
        await reached(lambda: worker.stopping)
        await asyncio.sleep(0.2)
        log.lines.append("ended")
        return "done"

    @app.step
    async def after(value: str) -> str:
        log.lines.append("after")
        return value

    @app.workflow
    async def work() -> str:
        return await after(await short())

    async with app.worker() as worker:
        run = await work.options(id="r").start()
        await reached(lambda: log.lines)
    assert log.lines == ["begun", "ended"]  # recorded; nothing new was begun while it drained
    async with app:
        assert await (await work.get(run.id)).result(timeout=60) == "done"
    assert log.lines == ["begun", "ended", "after"]


async def test_a_worker_may_serve_some_workflows_only(url: str) -> None:
    app = App(url)

    @app.workflow
    async def mine() -> str:
        return "mine"

    @app.workflow(queue="other")
    async def others() -> str:
        return "others"

    async with app.worker(workflows=[mine]):
        left_alone = await others.start()
        assert await (await mine.start()).result(timeout=60) == "mine"
        assert (await left_alone.status()).state is RunStatus.QUEUED
    async with app.worker(queues=["other"]):
        assert await (await others.get(left_alone.id)).result(timeout=60) == "others"


async def test_a_resource_is_made_once_per_worker_and_closed() -> None:
    app = App("memory://")
    pools: list[Pool] = []

    @app.resource
    async def db() -> AsyncIterator[Pool]:
        pools.append(Pool({"u-1": "Ada"}))
        yield pools[-1]
        pools[-1].closed = True

    @app.step
    async def fetch(user_id: str, *, db: Pool = db.inject()) -> str:
        return db.users[user_id]

    @app.workflow
    async def work(user_id: str) -> str:
        return await fetch(user_id)

    async with app:
        runs = await work.start_many([("u-1",)] * 5)
        assert [await run.result(timeout=60) for run in runs] == ["Ada"] * 5
        assert [pool.closed for pool in pools] == [False]
    assert [pool.closed for pool in pools] == [True]

    with db.override(Pool({"u-1": "Fake"})):  # the one line
        async with Environment(app):
            assert await (await work.start("u-1")).result() == "Fake"
    assert len(pools) == 1
