import asyncio
import threading
import time

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.errors import StoreUnavailable
from stepwell.model.run import WorkerRow
from stepwell.store.postgres import PostgresStore
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Home
from stepwell.store.postgres.heart import PostgresHeart
from stepwell.testing.conformance.scene import Scene
from tests.store.postgres.conftest import OpenPostgres

pytestmark = pytest.mark.anyio


def _worker(name: str = "w1") -> WorkerRow:
    return WorkerRow(id=name, host="h", pid=5, version="v", concurrency=7, started_at=1.5, beat_at=2.5, expires_at=2e9,
                     held=3, queues=("a", "b"), offers={"work": "f"}, lag=0.25, draining=True)  # fmt: skip


async def test_a_heart_beats_in_any_thread(pg: PostgresStore) -> None:
    heart = await pg.heart()
    beats: list[frozenset[bytes] | None] = [heart.beat(_worker())]
    scene = Scene(lambda namespace, clock: pg)
    new = scene.new(worker="w1")
    assert (await scene.create(new)).ok
    for _ in range(2):
        thread = threading.Thread(target=lambda: beats.append(heart.beat(_worker())))
        thread.start()
        await asyncio.to_thread(thread.join)
    assert beats == [frozenset(), {new.row.key}, {new.row.key}]
    assert await pg.workers() == [_worker()]
    await asyncio.to_thread(heart.stop, "w1")
    assert await pg.workers() == []
    heart.close()
    heart.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        heart.beat(_worker())


async def test_it_beats_while_the_event_loop_does_not_turn(pg: PostgresStore) -> None:
    heart = await pg.heart()
    assert heart.beat(_worker()) == frozenset(), "called from a coroutine: the loop stands still meanwhile"
    heart.close()


async def test_each_beat_measures_the_time(open_postgres: OpenPostgres) -> None:
    class Slow(SystemClock):
        now = staticmethod(lambda: time.time() - 3600.0)

    store = await open_postgres(clock=Slow(), time="database")
    assert abs(store.clock.now() - time.time()) < 60.0, "an hour wrong, and it does not matter"
    assert store._time is not None
    store._time._measured = -1e9
    assert store._time.stale
    heart = await store.heart()
    heart.beat(_worker())
    heart.close()
    assert not store._time.stale


async def test_a_server_that_is_gone(home: Home) -> None:
    away = Home(address("postgresql://me@127.0.0.1:1/x"))
    heart = PostgresHeart(away, None)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="reached"):
            await asyncio.to_thread(heart.beat, _worker())
    heart.close()


async def test_a_lost_connection_is_opened_again(pg: PostgresStore, db: object) -> None:
    heart = PostgresHeart(pg._home, None)
    heart.beat(_worker())
    await asyncio.to_thread(_cut, heart)
    try:
        heart.beat(_worker())
    except StoreUnavailable:
        assert heart.beat(_worker()) == frozenset()
    heart.close()


def _cut(heart: PostgresHeart) -> None:
    assert heart._loop is not None
    slot = heart._slot
    heart._loop.call_soon_threadsafe(lambda: slot._db and slot._db.conn.terminate())
