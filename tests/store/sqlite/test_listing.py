"""Where pages and counts look: the plans, since a test cannot wait for a million runs."""

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.model.change import Change
from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus
from stepwell.store.sqlite import SqliteStore, listing
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.listing import FEW, count_runs, list_runs
from stepwell.store.sqlite.reads import read_closings
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio
S = RunStatus


async def _plan(store: SqliteStore, which: RunFilter, count: bool = False) -> str:
    return await _plan_of(store, lambda db: count_runs(db, which) if count else list_runs(db, which, b"\xff" * 16, 20))


async def _plan_of(store: SqliteStore, ask: Callable[[Db], object]) -> str:
    plans: list[str] = []

    def work(db: Db) -> None:
        seen: list[tuple[str, Any]] = []

        def trace(cursor: object, sql: str, bindings: object) -> bool:
            seen.append((sql, bindings))
            return True

        db.conn.exec_trace = trace
        ask(db)
        db.conn.exec_trace = None
        for sql, bindings in seen:
            plans.extend(detail for *_, detail in db.all(f"EXPLAIN QUERY PLAN {sql}", bindings))

    assert store._reader is not None
    store._reader.call(work, writes=False)
    return "\n".join(plans)


@pytest.mark.parametrize(
    ("which", "index"),
    [
        (RunFilter(), "PRIMARY KEY (ns=? AND key<?)"),
        (RunFilter(status=(S.SUCCEEDED,)), "PRIMARY KEY (ns=? AND key<?)"),
        (RunFilter(workflow=("a",)), "PRIMARY KEY (ns=? AND key<?)"),
        (RunFilter(status=(S.FAILED,)), "stepwell_runs_live (ns=? AND status=? AND worker=? AND key<?)"),
        (RunFilter(status=(S.PARKED, S.QUEUED)), "stepwell_runs_live (ns=? AND status=? AND worker=? AND key<?)"),
        (RunFilter(status=(S.RUNNING,)), "stepwell_runs_live (ns=? AND status=?)"),
        (RunFilter(parent=b"p" * 16), "stepwell_runs_child (ns=? AND parent=? AND key<?)"),
        (RunFilter(tags={"a": 1}), "stepwell_tags_value (ns=? AND name=? AND kind=? AND value=?"),
        (RunFilter(id_prefix="order-"), "stepwell_runs_id (ns=? AND id>? AND id<?)"),
        (RunFilter(id_prefix="00ab"), "PRIMARY KEY (ns=? AND key>? AND key<?)"),
    ],
)
async def test_pages_are_led_to_their_index(store: SqliteStore, which: RunFilter, index: str) -> None:
    plan = await _plan(store, which)
    assert index in plan
    if which.status != (S.RUNNING,) and which.id_prefix is None:
        inner = plan.split("USE TEMP B-TREE")[0]
        assert index in inner, "sorted although the index has the order"


async def test_how_a_page_closed_is_read_along_two_keys(store: SqliteStore) -> None:
    # By their keys, then one step backwards into each journal: it costs the same however long journals are.
    plan = await _plan_of(store, lambda db: read_closings(db, [n.to_bytes(16, "big") for n in range(50)], 4096))
    assert "SEARCH r USING PRIMARY KEY (ns=? AND key=?)" in plan, plan
    assert "SEARCH j USING PRIMARY KEY (ns=? AND key=? AND generation=? AND seq=?)" in plan, plan
    assert "SEARCH e USING PRIMARY KEY (ns=? AND key=? AND generation=?)" in plan, plan
    assert "SCAN" not in plan, plan


async def test_a_common_prefix_is_looked_for_along_the_key(store: SqliteStore) -> None:
    scene = Scene(lambda namespace, clock: store)
    for at in range(0, FEW, 500):
        news = [scene.new(f"order-{at + n}") for n in range(500)]
        await store.commit([Change(run=new.row.key, create=new) for new in news])
    assert "stepwell_runs_id" in await _plan(store, RunFilter(id_prefix="order-1"))
    plan = await _plan(store, RunFilter(id_prefix="order-"))
    assert "PRIMARY KEY (ns=? AND key<?)" in plan
    assert len(await store.list(RunFilter(id_prefix="order-"), limit=7)) == 7


@pytest.mark.parametrize(
    "which", [RunFilter(), RunFilter(workflow=("a", "b")), RunFilter(status=(S.FAILED, S.SUCCEEDED))]
)
async def test_counts_come_from_indexes_alone(store: SqliteStore, which: RunFilter) -> None:
    plan = await _plan(store, which, count=True)
    assert "COVERING INDEX stepwell_runs_closed" in plan
    assert "stepwell_runs_live" in plan


@pytest.mark.parametrize(
    ("which", "index"),
    [
        (RunFilter(parent=b"p" * 16), "stepwell_runs_child (ns=? AND parent=?)"),
        (RunFilter(tags={"a": 1}), "stepwell_tags_value (ns=? AND name=? AND kind=? AND value=?)"),
        (RunFilter(pinned=True, status=(S.QUEUED,)), "stepwell_runs_pinned (ns=? AND status=?)"),
        (RunFilter(since=1.0), "COVERING INDEX stepwell_runs_created (ns=? AND created_at>?)"),
        (
            RunFilter(since=1.0, until=2.0),
            "COVERING INDEX stepwell_runs_created (ns=? AND created_at>? AND created_at<?)",
        ),
        (RunFilter(since=1.0, status=(S.FAILED,)), "stepwell_runs_live"),
        (RunFilter(since=1.0, workflow=("a",)), "stepwell_runs_created (ns=? AND created_at>?)"),
        (RunFilter(id_prefix="order-"), "stepwell_runs_id (ns=? AND id>? AND id<?)"),
    ],
)
async def test_counts_look_at_few_rows(store: SqliteStore, which: RunFilter, index: str) -> None:
    plan = await _plan(store, which, count=True)
    assert index in plan
    assert "SEARCH r USING PRIMARY KEY (ns=?)" not in plan, "all runs are looked at"


async def test_a_wide_span_is_counted_along_the_key(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(lambda namespace, clock: store)
    for _ in range(3):
        await scene.ended(workflow="a")
    monkeypatch.setattr(listing, "MANY", 3)
    which = RunFilter(since=1.0, workflow=("a",))
    assert "SEARCH r USING PRIMARY KEY (ns=?)" in await _plan(store, which, count=True)
    assert await store.count(which) == {"succeeded": 3}


async def test_counts_by_every_way_are_the_same(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(lambda namespace, clock: store)
    for n in range(4):
        await scene.queued(run_id=f"q-{n}", workflow="ab"[n % 2], queue="xy"[n // 2], tags={"n": n % 2})
        await scene.ended((S.SUCCEEDED, S.FAILED)[n % 2], workflow="ab"[n // 2])
        await scene.ended(run_id=f"s-{n}", tags={"n": n})
        scene.pass_time(60)
    middle = scene.now - 120
    for narrow in (
        {}, {"since": middle}, {"until": middle}, {"since": middle - 60, "until": middle + 60}, {"tags": {"n": 1}},
        {"id_prefix": "s-"}, {"id_prefix": "0"}, {"text": "q"}, {"queue": ("x",)},
    ):  # fmt: skip
        for more in ({}, {"workflow": ("a",)}, {"status": (S.SUCCEEDED,)}, {"status": (S.QUEUED, S.SUCCEEDED)}):
            which = RunFilter(**narrow, **more)
            fold: dict[str, int] = {}
            for row in await store.list(which, limit=100):
                fold[row.status.value] = fold.get(row.status.value, 0) + 1
            for many in (1, 100_000):
                monkeypatch.setattr(listing, "MANY", many)
                assert await store.count(which) == fold, which
