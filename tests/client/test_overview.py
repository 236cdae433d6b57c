"""Figures of the whole. Over REST: tests/server/test_figures.py."""

import pytest

from stepwell.client.fresh import Fresh
from stepwell.client.overview import WINDOWS, Overview, worker_view
from stepwell.client.views import Views
from stepwell.errors import InvalidOption
from stepwell.model.run import WorkerRow
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_every_window_and_the_present() -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 60)
        await env.settle()
        overview = Overview(env.app, Views(env.app._engine()))
        for window, (length, step) in WINDOWS.items():
            told = await overview.view(window)
            assert len(told.throughput) in (length // step, length // step + 1)
            assert sum(rate.created for rate in told.throughput) == 1
            assert (told.complete, told.now.slots) == (True, 10)
            assert told.now.next_due_at is not None
        with pytest.raises(InvalidOption):
            await overview.view("1y")
        assert [queue.queue for queue in await overview.queues()] == ["default"]
        with pytest.raises(InvalidOption):
            await overview.queues("1y")
        await env.advance("10m")
        (hour,), (quarter,) = await overview.queues("1h"), await overview.queues("15m")
        assert hour.out_per_minute == pytest.approx(1 / 60, abs=0.005)
        assert quarter.out_per_minute == pytest.approx(1 / 15, abs=0.006)
        overview.close()


async def test_what_left_each_queue() -> None:
    async with Environment(shop()) as env:
        app = env.app
        for n in range(9):  # two of three by the first queue
            await app.runs.start("echo", n, queue="first" if n % 3 else "second")
        for _ in range(6):
            await app.runs.start("fail", "no", queue="third")
        await env.settle()
        overview = Overview(app, Views(app._engine()))
        out = {queue.queue: queue.out_per_minute for queue in await overview.queues("15m")}
        assert set(out) == {"default", "first", "second", "third"}, "also a queue that only ended runs speak of"
        assert out["default"] == 0.0
        assert out["first"] == pytest.approx(6 / 15, abs=0.05)
        assert out["second"] == pytest.approx(3 / 15, abs=0.05)
        assert out["third"] == pytest.approx(6 / 15, abs=0.05)
        overview.close()


async def test_a_workflow_without_recent_runs_is_told_by_its_own_queue() -> None:
    app = shop()

    @app.workflow(queue="nightly")
    async def report() -> int:
        return 1

    async with Environment(app) as env:
        await app.start(report)
        await env.settle()
        overview = Overview(app, Views(app._engine()))
        overview._shares = Fresh(nothing, env.clock, 5.0)
        out = {queue.queue: queue.out_per_minute for queue in await overview.queues("15m")}
        assert (out["nightly"] or 0.0) > 0.0
        assert out["default"] == 0.0
        overview.close()


async def nothing() -> dict[str, dict[str, float]]:
    return {}


def test_a_worker_that_missed_its_beats_is_late() -> None:
    worker = WorkerRow(id="w", expires_at=10.0)
    assert (worker_view(worker, 9.0).status, worker_view(worker, 10.0).status) == ("alive", "late")
