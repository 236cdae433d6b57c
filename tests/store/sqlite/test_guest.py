"""A guest in connections of other libraries; Stepwell's own connections are closed while those are open."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest
import sqlalchemy

from stepwell.adapters.connections import connection
from stepwell.core.starting import new_run
from stepwell.errors import InvalidOption, SchemaMissing
from stepwell.model.options import StartOptions
from stepwell.ports.guest import VOID, Fence, Verdict
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.guest import SqliteGuest
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio


def run(n: int) -> Any:
    return new_run("flow", b"1", StartOptions(id=f"r{n}"), None, key=bytes([n]) * 16, now=1.0)


@pytest.fixture
async def closed(path: Path, open_store: OpenStore) -> Path:
    """The file with its tables, and nobody in it."""
    store = await open_store()
    await store.close()
    return path


@pytest.mark.parametrize("kind", ["sqlite3", "sqlalchemy"])
async def test_the_same_library_is_let_in(closed: Path, kind: str, monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    async def same(*_: object) -> bool:
        return True

    monkeypatch.setattr(SqliteGuest, "_safe", same)
    guest = SqliteGuest(str(closed), "default")
    engine = sqlalchemy.create_engine(f"sqlite:///{closed}")
    native: Any = sqlite3.connect(closed) if kind == "sqlite3" else engine.connect()
    replies = await guest.start(connection(native), [run(1), run(2)])
    assert [reply.ok for reply in replies] == [True, True]
    native.rollback()
    await guest.start(connection(native), [run(3)])
    native.commit()
    native.close()
    engine.dispose()
    store = SqliteStore(closed, "default", clock)
    await store.open()
    assert [row.id for row in await store.rows([bytes([n]) * 16 for n in (1, 2, 3)])] == ["r3"]
    await store.close()


async def test_which_library_is_the_same(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = SqliteGuest(str(closed), "default")
    conn = connection(sqlite3.connect(closed))
    ((theirs,),) = await conn.execute("SELECT sqlite_source_id()")
    for bundled, ours, safe in ((True, theirs, False), (False, theirs, True), (False, "another", False)):
        library = SimpleNamespace(
            Connection=apsw.Connection, using_amalgamation=bundled, sqlite3_sourceid=lambda ours=ours: ours
        )
        monkeypatch.setattr("stepwell.store.sqlite.guest.apsw", library)
        assert await guest._safe(conn) is safe
    conn.native.close()


async def test_another_library_is_refused_before_it_reads(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    conn = connection(sqlite3.connect(closed))
    conn.native.set_trace_callback(asked.append)
    monkeypatch.setattr(
        "stepwell.store.sqlite.guest.apsw", SimpleNamespace(Connection=apsw.Connection, using_amalgamation=True)
    )
    with pytest.raises(InvalidOption, match="another copy"):
        await SqliteGuest(str(closed), "default").find(conn)
    assert asked == []
    conn.native.close()


async def test_which_file_is_the_same(closed: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(closed)
    guest = SqliteGuest(str(closed), "default")
    assert await guest.find(connection(apsw.Connection(str(link)))) == 1
    with pytest.raises(InvalidOption, match="a database in memory"):
        await guest.find(connection(apsw.Connection(":memory:")))
    with pytest.raises(InvalidOption, match="no namespace 'other'"):
        await SqliteGuest(str(closed), "other").find(connection(apsw.Connection(str(closed))))
    empty = tmp_path / "empty.db"
    with pytest.raises(SchemaMissing):
        await SqliteGuest(str(empty), "default").find(connection(apsw.Connection(str(empty))))


async def test_outcomes(store: SqliteStore, path: Path) -> None:
    guest, native = SqliteGuest(str(path), "default"), apsw.Connection(str(path))
    native.set_busy_timeout(60_000)
    conn, fence = connection(native), Fence(b"\1" * 16, 1, "1:pay")
    with native:
        await guest.start(conn, [run(1)])
    with native:
        assert await guest.enter(conn, fence) is None
        assert await guest.settle(conn, fence, b'{"v":1}', 1.0) is Verdict.STALE
    native.execute("UPDATE stepwell_runs SET status = 1, epoch = 1")
    with native:
        assert await guest.enter(conn, fence) is None
        assert await guest.settle(conn, fence, VOID, 1.0) is Verdict.WRITTEN
    with native:
        assert await guest.enter(conn, fence) is None
        assert await guest.settle(conn, fence, b'{"v":1}', 1.0) is Verdict.WRITTEN
    with native:
        assert await guest.enter(conn, fence) == b'{"v":1}'
        assert await guest.settle(conn, fence, b'{"v":2}', 1.0) is Verdict.KNOWN
    (record,) = await store.records("outcome", owner=fence.run)
    assert record.data == b'{"v":1}'
