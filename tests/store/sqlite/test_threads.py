import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.errors import NotSerializable, StoreUnavailable
from stepwell.store.sqlite.connection import Db, connect
from stepwell.store.sqlite.threads import Again, ConnectionThread

pytestmark = pytest.mark.anyio


@pytest.fixture
def thread(path: Path) -> Iterator[ConnectionThread]:
    thread = ConnectionThread("test", str(path), lambda: connect(str(path)))
    thread.start()
    thread.call(lambda db: db.run("CREATE TABLE t (a INTEGER) STRICT"), writes=False)
    yield thread
    thread.close()


def _insert(value: Any) -> Callable[[Db], int]:
    return lambda db: db.run("INSERT INTO t VALUES (?)", (value,))


async def _held_up(thread: ConnectionThread) -> threading.Event:
    """Keep the thread busy, so that what follows is queued together."""
    go, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(db: Db) -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait(60)

    thread.submit(work, writes=False)
    await begun.wait()
    return go


async def test_what_is_queued_meanwhile_becomes_one_transaction(thread: ConnectionThread) -> None:
    go, before = await _held_up(thread), thread.groups
    futures = [thread.submit(_insert(n), writes=True) for n in range(50)]
    go.set()
    await asyncio.gather(*futures)
    assert thread.groups == before + 1
    assert thread.call(lambda db: db.value("SELECT group_concat(a) FROM t"), writes=False) == ",".join(
        map(str, range(50))
    )


async def test_nothing_is_answered_before_the_commit(thread: ConnectionThread, path: Path) -> None:
    seen = []

    def work(db: Db) -> None:
        db.run("INSERT INTO t VALUES (1)")
        seen.append(connect(str(path)).value("SELECT count(*) FROM t"))

    await thread.submit(work, writes=True)
    assert seen == [0]
    assert connect(str(path)).value("SELECT count(*) FROM t") == 1


async def test_only_the_guilty_job_fails(thread: ConnectionThread) -> None:
    go = await _held_up(thread)
    values = [1, 2**70, 3, "text", 5, "\ud800"]
    futures = [thread.submit(_insert(value), writes=True) for value in values]
    go.set()
    answers = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False, True, False, True]
    assert isinstance(answers[1], NotSerializable)
    assert isinstance(answers[1].__cause__, OverflowError)
    assert thread.call(lambda db: db.value("SELECT group_concat(a) FROM t"), writes=False) == "1,3,5"


async def test_a_defect_is_seen_as_it_is(thread: ConnectionThread) -> None:
    def defect(db: Db) -> None:
        db.run("INSERT INTO t VALUES (1)")
        raise KeyError("ours")

    go = await _held_up(thread)
    wrong, right = thread.submit(defect, writes=True), thread.submit(_insert(2), writes=True)
    go.set()
    with pytest.raises(KeyError):
        await wrong
    await right
    assert thread.call(lambda db: db.value("SELECT group_concat(a) FROM t"), writes=False) == "2"


async def test_a_job_may_ask_to_begin_again(thread: ConnectionThread) -> None:
    tries = []

    def work(db: Db) -> None:
        db.run("INSERT INTO t VALUES (1)")
        tries.append(1)
        if len(tries) < 3:
            raise Again

    await thread.submit(work, writes=True)
    assert thread.call(lambda db: db.value("SELECT count(*) FROM t"), writes=False) == 1


async def test_closing_finishes_what_is_queued(thread: ConnectionThread, path: Path) -> None:
    go = await _held_up(thread)
    future = thread.submit(_insert(1), writes=True)
    closing = asyncio.to_thread(thread.close)
    go.set()
    await asyncio.gather(future, closing)
    assert connect(str(path)).value("SELECT count(*) FROM t") == 1
    with pytest.raises(StoreUnavailable, match="not open"):
        thread.submit(_insert(2), writes=True)
    with pytest.raises(StoreUnavailable, match="not open"):
        thread.call(_insert(2), writes=True)


async def test_a_connection_that_cannot_be_made(tmp_path: Path) -> None:
    place = str(tmp_path / "missing" / "runs.db")
    thread = ConnectionThread("test", place, lambda: connect(place))
    thread.start()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="directory exists"):
            await thread.submit(lambda db: None, writes=True)
    thread.close()


async def test_whoever_gave_up_waiting_is_left_alone(thread: ConnectionThread) -> None:
    go = await _held_up(thread)
    future = thread.submit(_insert(1), writes=True)
    future.cancel()
    other = thread.submit(_insert(2), writes=True)
    go.set()
    await other
    assert thread.call(lambda db: db.value("SELECT count(*) FROM t"), writes=False) == 2


async def test_a_busy_event_loop_gives_way(thread: ConnectionThread) -> None:
    loop, done, spins = asyncio.get_running_loop(), False, 0

    def spin() -> None:  # shorter than a switch interval: the loop never has to let go
        nonlocal spins
        spins += 1
        until = time.perf_counter() + 0.004
        while time.perf_counter() < until:
            pass
        if not done:
            loop.call_soon(spin)

    spin()
    for n in range(20):
        await thread.submit(_insert(n), writes=True)
    done = True
    assert spins < 2500, "ten seconds of spinning; whether anybody else has the processor is not counted"
