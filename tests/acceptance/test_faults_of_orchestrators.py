"""Faults known from PipeWeave and @repo/orchestration: the same scenarios, and how they have to come out.

What each fault was is said in the test's docstring. (PipeWeave's routes that answered 501 come with the REST API;
here every verb of the handle is shown to do something. Its claim without a lock, that dispatched twice, is tested
with the others' in `test_faults_of_others.py`.)
"""

import asyncio
from datetime import UTC, datetime

import pytest

from stepwell import App, Conflict, Cron, EventTimeout, RunFailed, RunStatus, StartErrors
from stepwell.core.transitions import VERBS, Act, Verb
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio

# --- PipeWeave ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_does_something(verb: Verb) -> None:
    """Most routes of the documented interface answered 501."""
    assert any(act is not Act.NOTHING for act in VERBS[verb].values())
    assert set(VERBS[verb]) <= set(RunStatus)


async def test_liveness_is_in_the_database() -> None:
    """Heartbeats were timers in memory: nobody knew of a worker that died with the orchestrator."""
    app = App()

    @app.step
    async def work() -> str:
        return "done"

    clock = VirtualClock()
    store = MemoryStore("test", clock)
    async with Environment(app, clock=clock, store=store) as env:
        (row,) = await store.workers()
        assert row.expires_at == clock.now() + app.settings.lease
        run = await work.options(delay="1m").start()
        await env.crash()
        assert [worker.id for worker in await store.workers()] == [env.workers[0].id]  # the dead one is known as dead
        assert await run.result() == "done"


async def test_a_join_runs_once_however_its_parents_finish() -> None:
    """Joins raced: two parents that finished together both, or neither, started what waits for them."""
    app = App()
    joined: list[list[str]] = []

    @app.step
    async def part(name: str) -> str:
        return name

    @app.step
    async def join(parts: list[str]) -> int:
        joined.append(parts)
        return len(parts)

    @app.workflow
    async def half(name: str) -> str:
        return await part(name)

    @app.workflow
    async def whole() -> int:
        return await join(list(await asyncio.gather(half("a"), half("b"), part("c"))))

    async with Environment(app, workers=2):
        runs = await whole.start_many([()] * 30)
        assert [await run.result() for run in runs] == [3] * 30
    assert joined == [["a", "b", "c"]] * 30


async def test_the_same_key_at_the_same_time_starts_one_run() -> None:
    """Idempotency was check-then-insert: two requests at once both passed the check."""
    app = App()
    bodies: list[str] = []

    @app.step
    async def charge(amount: int) -> str:
        bodies.append(f"charged {amount}")
        return f"charge-{len(bodies)}"

    async with Environment(app, workers=2):
        one = charge.options(id="order-1")
        runs = await asyncio.gather(*(one.start(12) for _ in range(50)))
        assert len({run.key for run in runs}) == 1
        assert {await run.result() for run in runs} == {"charge-1"}
        assert bodies == ["charged 12"]
        with pytest.raises(Conflict):
            await one.start(13)
        with pytest.raises(StartErrors) as refused:
            await charge.start_many([one.item(12), one.item(13), one.item(12)])
        assert list(refused.value.errors) == [1]


# --- @repo/orchestration ------------------------------------------------------------------------------------


async def test_results_are_those_of_the_steps() -> None:
    """Step results were simulated."""
    app = App()

    @app.step
    def add(a: int, b: int) -> int:
        return a + b

    @app.workflow
    async def work() -> int:
        return await add(await add(1, 2), 3)

    async with Environment(app):
        run = await work.start()
        assert await run.result() == 6
        assert [entry["value"]["v"] for entry in await run.journal() if entry["k"] == "step"] == [3, 6]


async def test_a_saga_outlives_its_process() -> None:
    """Sagas and schedules lived in the memory of the process."""
    app = App()
    undone: list[str] = []
    go = app.event("go")

    @app.step
    async def book(what: str) -> str:
        return what

    @app.step
    async def cancel(what: str) -> None:
        undone.append(what)

    @app.workflow
    async def trip() -> None:
        await book("flight").on_rollback(cancel)
        await book("hotel").on_rollback(cancel)
        await go.wait("now", timeout="1 day")

    async with Environment(app) as env:
        run = await trip.start()
        await env.settle()
        await env.crash()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, EventTimeout)
        assert undone == ["hotel", "flight"]


def test_cron_is_computed() -> None:
    """Cron expressions were a placeholder."""
    mornings = Cron("30 9 * * MON-FRI", "Europe/Vienna")
    friday = datetime(2024, 3, 29, 12, tzinfo=UTC).timestamp()
    monday = mornings.next(friday)
    tuesday = mornings.next(monday)
    # Summer time begins in between: half past nine is half past seven in UTC.
    assert datetime.fromtimestamp(monday, UTC) == datetime(2024, 4, 1, 7, 30, tzinfo=UTC)
    assert tuesday - monday == 86_400
