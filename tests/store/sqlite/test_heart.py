import asyncio
import threading

import pytest

from stepwell.errors import StoreLocked, StoreUnavailable
from stepwell.model.run import WorkerRow
from stepwell.store.sqlite.connection import connect
from stepwell.testing.conformance.scene import Scene
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio


def _worker(name: str = "w1", expires_at: float = 2e9) -> WorkerRow:
    return WorkerRow(id=name, host="h", pid=5, version="v", concurrency=7, started_at=1.5, beat_at=2.5,
                     expires_at=expires_at, held=3)  # fmt: skip


@pytest.mark.parametrize("at", [None, ":memory:"])
async def test_a_heart_beats_in_any_thread(open_store: OpenStore, at: str | None) -> None:
    store = await open_store(at)
    heart = await store.heart()
    beats: list[frozenset[bytes] | None] = [heart.beat(_worker())]
    scene = Scene(lambda namespace, clock: store)
    new = scene.new(worker="w1")
    assert (await scene.create(new)).ok
    for _ in range(2):
        thread = threading.Thread(target=lambda: beats.append(heart.beat(_worker())))
        thread.start()
        await asyncio.to_thread(thread.join)
    assert beats == [frozenset(), {new.row.key}, {new.row.key}]
    assert await store.workers() == [_worker()]
    await asyncio.to_thread(heart.stop, "w1")
    assert await store.workers() == []
    heart.close()
    heart.close()


async def test_a_heart_does_not_wait_for_the_writer_s_queue(open_store: OpenStore) -> None:
    store = await open_store()
    go = threading.Event()
    assert store._writer is not None
    blocked = store._writer.submit(lambda db: go.wait(60), writes=False)
    heart = await store.heart()
    assert heart.beat(_worker()) == frozenset()
    go.set()
    await blocked
    heart.close()


async def test_a_heart_that_cannot_write_says_so(open_store: OpenStore) -> None:
    store = await open_store(busy_timeout=0.05)
    heart = await store.heart()
    other = connect(store.path)
    other.conn.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked):
        heart.beat(_worker())
    other.conn.execute("ROLLBACK")
    assert heart.beat(_worker()) == frozenset()
    heart.close()


async def test_no_heart_before_opening(open_store: OpenStore) -> None:
    store = await open_store()
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.heart()
