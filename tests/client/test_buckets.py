"""What runs did per bucket of time: read once, and quick."""

from typing import Any

import pytest

from stepwell.client.buckets import SETTLES, Bucket, Buckets, merged, percentiles
from stepwell.model.record import Tally, band_of, seconds_of
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is read, however long that takes here."""
    monkeypatch.setattr("stepwell.client.buckets.PATIENCE", 60.0)


def counting(store: MemoryStore, monkeypatch: pytest.MonkeyPatch, tallies: list[Tally]) -> list[tuple[float, float]]:
    reads: list[tuple[float, float]] = []

    async def tally(since: float, until: float, step: float) -> list[Tally]:
        reads.append((since, until))
        return [one for one in tallies if since <= one.at < until]

    monkeypatch.setattr(store, "tally", tally)
    return reads


async def test_finished_buckets_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    clock.move_to(clock.now() // 60 * 60 + 6030)
    now = clock.now()
    store = MemoryStore("b", clock)
    first = now // 60 * 60
    tallies = [Tally(first - 600, "w", "created", 3, 5), Tally(first - 600, "w", "failed", 4, 2),
               Tally(first, "w", "created", -1, 1)]  # fmt: skip
    reads = counting(store, monkeypatch, tallies)
    buckets = Buckets(store, clock, 60.0)
    told, complete = await buckets.window(first - 3540, now)
    assert complete is True
    assert (len(told), sum(b.created for b in told), merged(told)) == (60, 6, {"failed": 2})
    reads.clear()
    clock.move_to(now + 2)
    await buckets.window(first - 3540, now)
    assert reads == [(first, first + 60)]  # only the one that is not over
    reads.clear()
    clock.move_to(now + 2.1)
    await buckets.window(first - 3540, now)
    assert reads == []  # and not again within a second
    buckets.close()


async def test_what_is_not_claimed_yet_is_read_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    store = MemoryStore("b", clock)
    first = clock.now() // 60 * 60
    reads = counting(store, monkeypatch, [Tally(first, "w", "created", -1, 1)])
    buckets = Buckets(store, clock, 60.0)
    clock.move_to(first + 120)
    await buckets.window(first, first + 60)
    clock.move_to(first + 130)
    await buckets.window(first, first + 60)
    assert len(reads) == 2
    clock.move_to(first + 60 * (SETTLES + 3))
    await buckets.window(first, first + 60)
    clock.move_to(clock.now() + 60)
    await buckets.window(first, first + 60)
    assert len(reads) == 3


async def test_a_large_window_is_filled_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    clock = VirtualClock()
    store = MemoryStore("b", clock)
    gate = asyncio.Event()
    done: list[float] = []

    async def slow(since: float, until: float, step: float) -> list[Tally]:
        if done:
            await gate.wait()
        done.append(until)
        return []

    monkeypatch.setattr(store, "tally", slow)
    monkeypatch.setattr("stepwell.client.buckets.PATIENCE", 0.01)
    buckets = Buckets(store, clock, 60.0)
    now = clock.now() // 60 * 60
    _, complete = await buckets.window(now - 600, now)
    assert complete is False
    assert done == [now]  # the newest first
    gate.set()
    monkeypatch.setattr("stepwell.client.buckets.PATIENCE", 60.0)
    _, complete = await buckets.window(now - 600, now)
    assert complete is True
    buckets.close()


def test_percentiles_are_the_upper_ends_of_bands() -> None:
    assert percentiles({}, 0.5, 0.9) == [None, None]
    bands: dict[int, int] = {}
    for length in (0.01, 0.02, 0.03, 10.0):
        band = band_of(length)
        bands[band] = bands.get(band, 0) + 1
    p50, p99 = percentiles(bands, 0.5, 0.99)
    assert p50 is not None
    assert p99 is not None
    assert 0.02 <= p50 <= 0.02 * 1.1
    assert 10.0 <= p99 <= 11.0
    assert percentiles({7: 1}, 1.0) == [round(seconds_of(7), 6)]


def test_a_bucket_adds_up() -> None:
    bucket = Bucket(0.0)
    rows: list[Any] = [("created", 3, 2), ("created", -1, 1), ("succeeded", 5, 2), ("succeeded", 6, 1)]
    for what, band, count in rows:
        bucket.add(Tally(0.0, "w", what, band, count))
    assert (bucket.created, bucket.unclaimed, bucket.ended, bucket.starts, bucket.runs) == (
        3, 1, {"succeeded": 3}, {3: 2}, {5: 2, 6: 1})  # fmt: skip
