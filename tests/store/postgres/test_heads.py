"""A claim, and the look for when the next run is due, visit few rows, whatever stands before what they can get."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stepwell.model.change import ClaimRequest
from stepwell.model.run import WorkerRow
from stepwell.store.postgres import leases
from stepwell.store.postgres.address import address
from stepwell.store.postgres.claims import claim
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.schema import enter, upgrade
from tests.store.postgres.conftest import undisturbed

pytestmark = pytest.mark.anyio
BEFORE = 20_000
"""Runs that stand before those that can be had: as many as make a difference that cannot be overlooked."""
READY = 100
FEW = 500
"""Rows that a claim of ten may visit: candidates, and each that it takes some times over."""
FILL = """
INSERT INTO {runs} (ns, key, workflow, queue, status, priority, epoch, generation, inbox, claimed_seq, deaths, rank,
    created_at, digest, cancelling, tagged, pin, due)
SELECT $1, decode(lpad(to_hex($2::integer + i), 32, '0'), 'hex'), $3::text, 'q', $4::smallint, 100, 1, 1, 0, 0, 0,
    $2::integer + i, 0, 'd', false, false, $5::text, $6::float8
FROM generate_series(1, $7::integer) i
"""


class Watched(Db):
    """Counts the rows that its statements visit in tables and indexes, those that they pass by included."""

    def __init__(self, conn: Any, home: Home) -> None:
        super().__init__(conn, home, pinned=False)
        self.visited = 0

    async def _ask(self, method: Any, sql: str, params: tuple[Any, ...]) -> Any:
        text = self.home.sql(sql)
        await self.conn.execute("BEGIN")
        told = await self.conn.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}", *params)
        await self.conn.execute("ROLLBACK")
        self.visited += _visited(json.loads(told)[0]["Plan"])
        return await super()._ask(method, sql, params)


def _visited(plan: dict[str, Any]) -> int:
    rows = 0.0
    if plan["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"):
        rows = sum(plan.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter"))
    return int(rows * plan["Actual Loops"]) + sum(map(_visited, plan.get("Plans", ())))


@pytest.fixture
async def watched(schema_url: str) -> AsyncIterator[Watched]:
    await upgrade(schema_url)
    home = Home(address(schema_url))
    db = await connect(home, plain=True)
    home.ns = await enter(db, "heads")
    yield Watched(db.conn, home)
    await db.close()


async def fill(db: Db, at: int, count: int, workflow: str = "work", status: int = 0, pin: str | None = None,
               due: float | None = None) -> None:  # fmt: skip
    await db.conn.execute(db.sql(FILL), db.ns, at, workflow, status, pin, due, count)


async def claimed(db: Watched, codes: tuple[str, ...] = ("new",)) -> list[int]:
    """Ranks of the ten that a claim gets."""
    await leases.beat(db, WorkerRow(id="w", host="h", pid=1, version="1", concurrency=1, expires_at=1e9))
    db.visited = 0
    request = ClaimRequest(worker="w", workflows=("work",), codes=codes, limit=10, now=5.0)
    return [int(one.row.rank) for one in await claim(db, request, {})]


@pytest.mark.parametrize(("workflow", "pin"), [("work", "old"), ("elsewhere", None), ("elsewhere", "new")])
async def test_what_others_must_claim_is_not_passed_by(watched: Watched, workflow: str, pin: str | None) -> None:
    await fill(watched, 0, BEFORE, workflow, pin=pin)
    await fill(watched, BEFORE, READY)
    await undisturbed(watched)
    await watched.conn.execute(watched.sql("VACUUM ANALYZE {runs}"))
    assert await claimed(watched) == [BEFORE + n for n in range(1, 11)]
    assert watched.visited < FEW
    watched.visited = 0
    assert await leases.next_due(watched, ["work"], ["new"], 5.0) == 0.0
    assert watched.visited < FEW


async def test_nothing_for_this_worker_is_found_out_at_once(watched: Watched) -> None:
    await fill(watched, 0, BEFORE, pin="old")
    await undisturbed(watched)
    await watched.conn.execute(watched.sql("VACUUM ANALYZE {runs}"))
    assert await claimed(watched) == []
    assert await leases.next_due(watched, ["work"], ["new"], 5.0) is None
    assert watched.visited < FEW


async def test_pinned_runs_keep_their_place_among_the_others(watched: Watched) -> None:
    for at in range(0, 12, 3):
        await fill(watched, at, 1)
        await fill(watched, at + 1, 1, pin="new")
        await fill(watched, at + 2, 1, pin="old")
    assert await claimed(watched) == [1, 2, 4, 5, 7, 8, 10, 11]


async def test_sleepers_of_others_are_looked_through_so_far(watched: Watched) -> None:
    """Beyond that the answer is the last look's time: earlier than need be, and no reason to look at them all."""
    await fill(watched, 0, BEFORE, "elsewhere", status=2, due=50.0)
    await fill(watched, BEFORE, 1, status=2, due=70.0)
    await undisturbed(watched)
    await watched.conn.execute(watched.sql("VACUUM ANALYZE {runs}"))
    watched.visited = 0
    assert await leases.next_due(watched, ["work"], [], 5.0) == 50.0
    assert watched.visited <= 2 * leases.FAR + FEW
    await watched.conn.execute(watched.sql("DELETE FROM {runs} WHERE key IN (SELECT key FROM {runs} LIMIT $1)"),
                               BEFORE - leases.FAR // 2)  # fmt: skip
    assert await leases.next_due(watched, ["work"], [], 5.0) == 70.0
