"""The picture of a list: within a bounded time. What it counts: tests/server/test_figures.py."""

import pytest

from stepwell.client.histogram import MOVES, Histograms, step_of
from stepwell.errors import InvalidOption
from stepwell.model.run import RunFilter
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("length", "buckets", "step"), [(96.0, 96, 1.0), (3_600, 60, 60.0), (3_600, 96, 60.0), (86_400, 96, 900.0),
                                    (864_000, 5, 172_800.0)]
)  # fmt: skip
def test_steps_are_round(length: float, buckets: int, step: float) -> None:
    assert step_of(length, buckets) == step


async def test_it_stops_in_time_and_goes_on_when_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    store = MemoryStore("h", clock)
    counts = 0

    async def slow(which: RunFilter) -> dict[str, int]:
        nonlocal counts
        counts += 1
        clock.move_to(clock.now() + 0.05)
        return {"succeeded": 2, "failed": 1}

    monkeypatch.setattr(store, "count", slow)
    histograms = Histograms(store, clock)
    until = clock.now() // 3600 * 3600 - 7_200
    which = RunFilter(since=until - 600, until=until)
    told, seen = await histograms.view(which, 10), []
    seen.append((told.complete, sum(bar.total is not None for bar in told.buckets)))
    for _ in range(5):
        told = await histograms.view(which, 10)
        seen.append((told.complete, sum(bar.total is not None for bar in told.buckets)))
        if told.complete:
            break
    assert seen[0] == (False, 3)
    assert seen[-1] == (True, 10)
    assert [bar.total for bar in told.buckets] == [3] * 10
    assert counts == 10  # each bar once: nothing in them moves any more
    clock.move_to(clock.now() + MOVES + 1)
    await histograms.view(which, 10)
    assert counts == 10


async def test_an_empty_range_is_refused() -> None:
    clock = VirtualClock()
    with pytest.raises(InvalidOption):
        await Histograms(MemoryStore("h", clock), clock).view(RunFilter(since=clock.now() + 60), 10)
