"""Leases by the worker: heartbeats, deaths, signing off; and what falls due.

Locks are taken in one order everywhere: workers, mailboxes, runs. Whoever looks for work of others skips what is
locked: two of them never wait for each other.
"""

from collections.abc import Sequence
from typing import Final

from stepwell.core.admission import AGEING, RESUMED
from stepwell.model.run import WorkerRow
from stepwell.model.status import CODE, RunStatus
from stepwell.ports.store import ALONE, DEATHS, DUE_AT_ONCE, QUARANTINE
from stepwell.store.postgres.clock import DatabaseClock
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.rows import update_by_key
from stepwell.store.sql.rows import WORKER, worker_row, worker_values

_QUEUED: Final = CODE[RunStatus.QUEUED]
_RUNNING: Final = CODE[RunStatus.RUNNING]
_WAITING: Final = CODE[RunStatus.WAITING]
_PARKED: Final = CODE[RunStatus.PARKED]

GONE: Final = "w.ns = $1 AND (NOT w.dead AND w.expires_at <= $2 OR w.bereft)"
"""Of a worker: its lease is over, or it is dead and not all of its runs could be queued yet."""
DUE: Final = f"due <= $2 AND due IS NOT NULL AND status IN ({_QUEUED}, {_WAITING})"

_EXPIRED: Final = f"SELECT id FROM {{workers}} w WHERE {GONE} ORDER BY id FOR UPDATE SKIP LOCKED"
_HELD: Final = f"ns = $1 AND status = {_RUNNING} AND worker = ANY($2::text[])"
_LOCK_HELD: Final = f"SELECT key FROM {{runs}} WHERE {_HELD} FOR NO KEY UPDATE SKIP LOCKED"
# In a statement after the one that has locked the rows: the journal is to be no older than the row.
_LOST: Final = update_by_key(
    {
        "worker": "NULL", "epoch": "epoch + 1", "deaths": "died",
        "status": f"CASE WHEN died >= {DEATHS} THEN {_PARKED} ELSE {_QUEUED} END",
        "reason": f"CASE WHEN died >= {DEATHS} THEN $3::text ELSE reason END",
    },
    """(
    SELECT x.key, x.epoch, x.reason, CASE WHEN (
        SELECT j.seq FROM {journal} j
        WHERE j.ns = $1 AND j.key = x.key AND j.generation = x.generation AND j.seq >= x.claimed_seq LIMIT 1
    ) IS NULL THEN x.deaths + 1 ELSE 0 END AS died
    FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT * FROM {runs} r WHERE r.ns = $1 AND r.key = v.key OFFSET 0) x
) d""",
)  # fmt: skip
_BURIED: Final = f"""
UPDATE {{workers}} w SET dead = true, bereft = EXISTS (
    SELECT 1 FROM {{runs}} r WHERE r.ns = $1 AND r.status = {_RUNNING} AND r.worker = w.id)
WHERE w.ns = $1 AND w.id = ANY($2::text[])
"""
_WAKE: Final = f"""
WITH picked AS MATERIALIZED (
    SELECT key, {_QUEUED} AS status, NULL::float8 AS due,
    CASE status WHEN {_WAITING} THEN due + priority * {AGEING} - {RESUMED} ELSE rank END AS rank
    FROM {{runs}} r WHERE ns = $1 AND {DUE} ORDER BY r.due, key LIMIT {DUE_AT_ONCE}
    FOR NO KEY UPDATE SKIP LOCKED)
{update_by_key({"status": "status", "due": "due", "rank": "rank"}, "picked")}
"""
# One statement, as an idle worker asks little else: it is told the time, what it holds, and that it is not dead yet.
_BEAT: Final = f"""
WITH beaten AS (
    INSERT INTO {{workers}} AS w (ns, {", ".join(WORKER)})
    VALUES ({", ".join(f"${n + 1}" for n in range(len(WORKER) + 1))})
    ON CONFLICT (ns, id) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in WORKER[1:])} WHERE NOT w.dead
    RETURNING w.id)
SELECT r.key, extract(epoch FROM clock_timestamp())::float8
FROM beaten LEFT JOIN {{runs}} r ON r.ns = $1 AND r.status = {_RUNNING} AND r.worker = beaten.id
"""
_SIGN_OFF: Final = "DELETE FROM {workers} WHERE ns = $1 AND id = $2 AND NOT dead"
_RETURN: Final = f"""
WITH held AS MATERIALIZED (
    SELECT key, {_QUEUED} AS status, NULL::text AS worker, epoch + 1 AS epoch
    FROM {{runs}} r WHERE ns = $1 AND r.status = {_RUNNING} AND r.worker = $2 ORDER BY key
    FOR NO KEY UPDATE)
{update_by_key({"status": "status", "worker": "worker", "epoch": "epoch"}, "held")}
"""
_PATIENCE: Final = 5.0
"""Seconds that signing off waits for rows which somebody else holds. A lease that runs out does the same in the end."""


async def bury(db: Db, now: float) -> None:
    """Mark workers dead whose leases have run out, and queue what they held, or park what killed three.

    A run that is locked by somebody else is left, and remembered at its worker, for the next one who looks.
    """
    async with db.transaction():
        gone = [worker for (worker,) in await db.all(_EXPIRED, db.ns, now)]
        if gone:
            held = [key for (key,) in await db.all(_LOCK_HELD, db.ns, gone)]
            if held:
                await db.run(_LOST, db.ns, held, QUARANTINE)
            await db.run(_BURIED, db.ns, gone)


async def wake(db: Db, now: float) -> None:
    """Queue what is due, the longest due first, and no more than `DUE_AT_ONCE`."""
    await db.run(_WAKE, db.ns, now)


async def beat(db: Db, worker: WorkerRow, clock: DatabaseClock | None = None) -> frozenset[bytes] | None:
    """As `ports.store.Heart.beat`; the clock learns from it."""
    sent = clock.monotonic() if clock is not None else 0.0
    found = await db.all(_BEAT, db.ns, *worker_values(worker))
    if not found:
        return None
    if clock is not None:
        clock.learn(sent, found[0][1], clock.monotonic())
    return frozenset(key for key, _ in found if key is not None)


async def stop(db: Db, worker: str) -> None:
    """As `ports.store.Heart.stop`."""
    async with db.transaction(lock_timeout_s=_PATIENCE):
        # Deleting waits for those who are creating or claiming runs in its name; the runs are looked for after that.
        if await db.run(_SIGN_OFF, db.ns, worker):
            await db.run(_RETURN, db.ns, worker)


async def read_workers(db: Db) -> list[WorkerRow]:
    """The workers that have not been marked dead."""
    sql = f"SELECT {', '.join(WORKER)} FROM {{workers}} WHERE ns = $1 AND NOT dead ORDER BY id"
    return [worker_row(values) for values in await db.all(sql, db.ns)]


# -- what there is to do ---------------------------------------------------------------------------------------

OFFERED: Final = "unnest($2::text[], $3::text[]) AS o(workflow, code)"
"""Workflows, with the fingerprint of the code at hand or NULL."""
UNPINNED: Final = "(r.pin IS NULL OR r.pin = o.code)"
FREE: Final = "r.pin IS NULL"
FITTING: Final = "r.pin IS NOT NULL AND r.pin = o.code"
"""The two halves of `UNPINNED`: each has an index of its own, in the order of the queue."""
READY: Final = (
    f"r.ns = $1 AND r.workflow = o.workflow AND r.status = {_QUEUED} AND r.due IS NULL AND r.deaths < {ALONE}"
)
FAR: Final = 1000
"""So many runs that wait for a time are looked through for one of the workflows that are asked for."""
_HEAD: Final = f"(SELECT r.rank FROM {{runs}} r WHERE {READY} AND %s ORDER BY r.rank LIMIT 1) IS NOT NULL"
_READY: Final = f"SELECT 1 FROM {OFFERED} WHERE {_HEAD % FREE} OR {_HEAD % FITTING} LIMIT 1"
_DUE: Final = (
    f"SELECT r.* FROM {{runs}} r WHERE r.ns = $1 AND r.due IS NOT NULL AND r.status IN ({_QUEUED}, {_WAITING})"
    " ORDER BY r.due, r.key"
)
_DUE_NEXT: Final = f"""
SELECT r.due FROM ({_DUE} LIMIT {FAR}) r WHERE (r.status = {_WAITING} OR r.deaths < {ALONE})
AND EXISTS (SELECT 1 FROM {OFFERED} WHERE o.workflow = r.workflow AND {UNPINNED}) ORDER BY r.due, r.key LIMIT 1
"""
_DUE_FAR: Final = f"SELECT r.due FROM ({_DUE} OFFSET {FAR - 1} LIMIT 1) r"
_NEXT: Final = (
    f"SELECT CASE WHEN ({_READY}) IS NOT NULL THEN 0.0::float8 ELSE coalesce(({_DUE_NEXT}), ({_DUE_FAR})) END"
)
_LONELY: Final = f"""
SELECT r.key FROM {OFFERED}, {{runs}} r WHERE r.ns = $1 AND r.workflow = o.workflow AND r.status = {_QUEUED}
AND r.deaths >= {ALONE} AND r.due IS NULL AND {UNPINNED} ORDER BY r.key LIMIT $4
"""


def offered(workflows: Sequence[str], codes: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """The parameters of `OFFERED`."""
    known: list[str | None] = [*codes[: len(workflows)]]
    return list(workflows), known + [None] * (len(workflows) - len(known))


async def next_due(db: Db, workflows: Sequence[str], codes: Sequence[str], now: float) -> float | None:
    """As `ports.store.Store.next_due`."""
    if not workflows:
        return None
    due: float | None = await db.value(_NEXT, db.ns, *offered(workflows, codes))
    return 0.0 if due is not None and due <= now else due


async def lonely(db: Db, workflows: Sequence[str], limit: int, codes: Sequence[str]) -> list[bytes]:
    """As `ports.store.Store.lonely`."""
    if not workflows:
        return []
    return [key for (key,) in await db.all(_LONELY, db.ns, *offered(workflows, codes), limit)]
