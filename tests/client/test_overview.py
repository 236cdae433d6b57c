"""Figures of the whole. Over REST: tests/server/test_figures.py."""

import pytest

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


def test_a_worker_that_missed_its_beats_is_late() -> None:
    worker = WorkerRow(id="w", expires_at=10.0)
    assert (worker_view(worker, 9.0).status, worker_view(worker, 10.0).status) == ("alive", "late")
