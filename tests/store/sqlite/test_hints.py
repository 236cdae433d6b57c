import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.model.change import Change, Send
from stepwell.model.run import WorkerRow
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.threads import ConnectionThread
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio

COMMIT = """
import apsw, sys
conn = apsw.Connection(sys.argv[1])
conn.set_busy_timeout(60000)
conn.execute("UPDATE stepwell_namespaces SET mail = mail + 1")
"""


def _commit_elsewhere(path: Path) -> None:
    subprocess.run([sys.executable, "-c", COMMIT, str(path)], check=True)


async def _at_rest(store: SqliteStore) -> None:
    """Whatever was to be looked at is known; nobody asks any more."""
    hints = store._hints
    assert hints is not None
    async with asyncio.timeout(60):
        while hints._again or hints._asking is not None:
            await store.wait_hint(0.05)


async def test_another_process_is_heard(store: SqliteStore, path: Path) -> None:
    waiting = [asyncio.ensure_future(store.wait_hint(60)) for _ in range(3)]
    await asyncio.to_thread(_commit_elsewhere, path)
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_a_commit_between_two_waits_is_heard(store: SqliteStore, path: Path) -> None:
    assert not await store.wait_hint(0.05)
    await _at_rest(store)
    await asyncio.to_thread(_commit_elsewhere, path)
    assert await store.wait_hint(60)
    assert not await store.wait_hint(0.1)


async def test_one_s_own_commits_are_not(store: SqliteStore) -> None:
    waiting = asyncio.ensure_future(store.wait_hint(0.4))
    for _ in range(5):
        await store.commit([Change(send=Send(event="e", key="k"))])
        await asyncio.sleep(0.05)
    assert not await waiting


async def test_the_heart_of_this_process_is_another_connection(store: SqliteStore) -> None:
    waiting = asyncio.ensure_future(store.wait_hint(60))
    heart = await store.heart()
    thread = threading.Thread(target=lambda: heart.beat(WorkerRow(id="w", expires_at=5.0)))
    thread.start()
    assert await waiting
    thread.join()
    heart.close()


async def test_waiting_costs_no_query(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await _at_rest(store)
    asked: list[object] = []
    submit = ConnectionThread.submit

    def counted(thread: ConnectionThread, work: Callable[[Db], object], *, writes: bool) -> "asyncio.Future[object]":
        asked.append(work)
        return submit(thread, work, writes=writes)

    monkeypatch.setattr(ConnectionThread, "submit", counted)
    assert not await store.wait_hint(0.5)
    assert asked == []


async def test_closing_ends_the_wait(open_store: OpenStore) -> None:
    store = await open_store()
    waiting = asyncio.ensure_future(store.wait_hint(60))
    await asyncio.sleep(0)
    await store.close()
    assert await waiting is False


async def test_a_private_database_hears_nothing(open_store: OpenStore) -> None:
    store = await open_store(":memory:")
    assert not store.capabilities.hints
    assert not await store.wait_hint(0.01)


async def test_who_is_cancelled_in_the_moment_of_a_hint_does_not_go_on(store: SqliteStore) -> None:
    """Else the loop that waits for hints never ends, and its worker cannot stop."""
    waiting = asyncio.ensure_future(store.wait_hint(60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store._hints is not None
    store._hints._tell(True)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
