"""What a group costs: the number of statements, which is what its speed hangs on; and the plans they have."""

import re
from collections.abc import Callable
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from stepwell.model.change import Change, Post
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import Db
from stepwell.testing.conformance.scene import Scene
from stepwell.testing.differential import play
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio
Statements = list[tuple[str, Any]]


def _watched(store: SqliteStore) -> Statements:
    seen: Statements = []

    def trace(cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        seen.append((sql, bindings))
        return True

    def watch(db: Db) -> None:
        db.conn.exec_trace = trace

    for thread in {store._writer, store._reader}:
        assert thread is not None
        thread.call(watch, writes=False)
    return seen


@pytest.fixture
async def scene(store: SqliteStore) -> Scene:
    scene = Scene(lambda namespace, clock: store)
    await scene.beat("w1")
    return scene


@pytest.mark.parametrize("size", [1, 10, 200])
async def test_a_group_of_starts_and_a_group_of_ends(store: SqliteStore, scene: Scene, size: int) -> None:
    news = [scene.new(f"id-{n}" if n % 2 else None, worker="w1") for n in range(size)]
    seen = _watched(store)
    await store.commit([Change(run=new.row.key, create=new) for new in news])
    assert len(seen) == 5, "begin, the worker's lease, runs, journal, commit"
    seen.clear()
    await store.commit([scene.finish(new.row) for new in news])
    assert len(seen) == 5, "begin, fence, journal, rows, commit"


async def test_a_mixed_group(store: SqliteStore, scene: Scene) -> None:
    rows = [scene.new(worker="w1") for _ in range(90)]
    await store.commit([Change(run=new.row.key, create=new) for new in rows])
    seen = _watched(store)
    changes: list[Change] = []
    for n, new in enumerate(rows):
        kinds: list[Callable[..., Change]] = [scene.finish, scene.suspend, scene.entries]
        changes.append(kinds[n % 3](new.row))
        fresh = scene.new(f"new-{n}")
        changes.append(Change(run=fresh.row.key, create=fresh))
    assert all(reply.ok for reply in await store.commit(changes))
    assert len(seen) == 6


async def test_a_claim(store: SqliteStore, scene: Scene) -> None:
    news = [scene.new() for _ in range(200)]
    await store.commit([Change(run=new.row.key, create=new) for new in news])
    seen = _watched(store)
    assert len(await scene.claim(limit=200, workflows=("a", "b", "work"))) == 200
    assert len(seen) == 5, "begin, look, take, read, commit"
    seen.clear()
    assert await scene.claim() == []
    assert len(seen) == 3, "begin, look, commit"


async def test_slow_changes_do_not_break_up_the_others(store: SqliteStore, scene: Scene) -> None:
    parent = await scene.waiting()
    news = [scene.new(worker="w1") for _ in range(60)]
    await store.commit([Change(run=new.row.key, create=new) for new in news])
    seen = _watched(store)
    changes = [scene.finish(new.row) for new in news]
    for n in range(0, 60, 20):
        changes[n] = replace(changes[n], post=(Post(target=parent.key, item=scene.item("child", call="c")),))
    assert all(reply.ok for reply in await store.commit(changes))
    bulk = [sql for sql, _ in seen if "(VALUES" in sql]
    assert len(bulk) == 3
    assert len(seen) < 50


async def test_no_statement_walks_through_a_table(open_store: OpenStore) -> None:
    watched = await open_store()
    seen = _watched(watched)

    async def model(clock: Clock) -> Store:
        return MemoryStore("default", clock)

    async def other(clock: Clock) -> Store:
        watched.clock = clock
        return watched

    await play(1, 300, model, other)
    statements = dict(seen)
    assert len(statements) > 80
    reader = (await open_store())._reader
    assert reader is not None
    slow = []
    for sql, bindings in statements.items():
        if sql.startswith(("BEGIN", "COMMIT", "PRAGMA", "ROLLBACK")) or _may_walk(sql):
            continue
        plan = reader.call(lambda db: db.all(f"EXPLAIN QUERY PLAN {sql}", bindings), writes=False)  # noqa: B023
        slow += [(detail, sql) for *_, detail in plan if detail.startswith("SCAN") and _is_table(detail, sql)]
    assert slow == []


def _may_walk(sql: str) -> bool:
    """Dumps, pages (they are made of subqueries; `test_listing` has their plans), counts by any filter."""
    dumped = sql.startswith("SELECT") and "ORDER BY" in sql and sql.count("ns = ?") == 1 and "LIMIT" not in sql
    return dumped or sql.endswith(") r") or "GROUP BY r.status" in sql


def _is_table(detail: str, sql: str) -> bool:
    name = detail.split()[1]
    return name.startswith("stepwell_") or re.search(rf"stepwell_\w+ {name}\b", sql) is not None
