import asyncio
import threading

import pytest

from stepwell.model.change import Change, NewRun
from stepwell.model.run import RunFilter, RunRow, WorkerRow
from stepwell.store.memory import MemoryBase, MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


def _start(name: bytes) -> Change:
    key = name.ljust(16, b".")
    return Change(run=key, create=NewRun(RunRow(key=key, id=key.hex(), workflow="w"), b"[]"))


async def test_what_is_stored_survives_the_store(clock: VirtualClock) -> None:
    base = MemoryBase()
    first = MemoryStore("default", clock, base)
    await first.open()
    await first.commit([_start(b"a")])
    await first.close()
    second = MemoryStore("default", clock, base)
    assert await second.dump() == await first.dump()
    assert await second.count(RunFilter()) == {"queued": 1}


async def test_stores_without_a_common_base_are_apart(clock: VirtualClock) -> None:
    first, second = MemoryStore("default", clock), MemoryStore("default", clock)
    await first.commit([_start(b"a")])
    assert await second.count(RunFilter()) == {}


async def test_a_dump_is_a_copy(clock: VirtualClock) -> None:
    store = MemoryStore("default", clock)
    await store.commit([_start(b"a")])
    before = await store.dump()
    await store.commit([_start(b"b")])
    assert before != await store.dump()
    assert len(before["runs"]) == 1  # type: ignore[arg-type]


async def test_the_other_stores_hear_of_a_commit(clock: VirtualClock) -> None:
    base = MemoryBase()
    stores = [MemoryStore("default", clock, base) for _ in range(3)]
    for store in stores:
        await store.open()
    # Its own commit is no hint for the first: that one waits until the others have heard of it, and longer.
    waiting = [asyncio.ensure_future(store.wait_hint(0.2 if store is stores[0] else 60)) for store in stores]
    await asyncio.sleep(0)
    await stores[0].commit([_start(b"a")])
    assert await asyncio.gather(*waiting) == [False, True, True]
    for store in stores:
        await store.close()


async def test_hearts_beat_in_threads_while_others_commit(clock: VirtualClock) -> None:
    store = MemoryStore("default", clock)
    await store.open()
    heart = await store.heart()

    def beat() -> None:
        for n in range(300):
            heart.beat(WorkerRow(id=f"w{n % 7}", expires_at=2e9))
            heart.stop(f"w{n % 5}")

    threads = [threading.Thread(target=beat) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(300):
        await store.commit([_start(b"%d" % n)])
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert await store.count(RunFilter()) == {"queued": 300}
    await store.close()


def test_a_store_left_open_in_a_closed_loop_does_no_harm(clock: VirtualClock) -> None:
    base = MemoryBase()
    asyncio.run(MemoryStore("default", clock, base).open())

    async def commit() -> None:
        await MemoryStore("default", clock, base).commit([_start(b"a")])

    asyncio.run(commit())
