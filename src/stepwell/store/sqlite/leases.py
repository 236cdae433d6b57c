"""Leases by the worker: heartbeats, deaths, signing off; and what falls due."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from stepwell.core.admission import AGEING, RESUMED
from stepwell.model.run import WorkerRow
from stepwell.model.status import CODE, RunStatus
from stepwell.ports.store import ALONE, DEATHS, DUE_AT_ONCE, QUARANTINE
from stepwell.store.sql.rows import WORKER, worker_row, worker_values
from stepwell.store.sqlite.connection import Db

_QUEUED: Final = CODE[RunStatus.QUEUED]
_RUNNING: Final = CODE[RunStatus.RUNNING]
_WAITING: Final = CODE[RunStatus.WAITING]
_PARKED: Final = CODE[RunStatus.PARKED]

_EXPIRED: Final = "UPDATE stepwell_workers SET dead = 1 WHERE ns = ? AND dead = 0 AND expires_at <= ? RETURNING id"
_HELD: Final = f"ns = ? AND status = {_RUNNING} AND worker = ?"
_LOST: Final = f"""
UPDATE stepwell_runs SET status = {_QUEUED}, worker = NULL, epoch = epoch + 1, deaths = CASE
    WHEN EXISTS (SELECT 1 FROM stepwell_journal j WHERE j.ns = stepwell_runs.ns AND j.key = stepwell_runs.key
                 AND j.generation = stepwell_runs.generation AND j.seq >= stepwell_runs.claimed_seq)
    THEN 0 ELSE deaths + 1 END
WHERE {_HELD} RETURNING key, deaths
"""
_QUARANTINE: Final = f"UPDATE stepwell_runs SET status = {_PARKED}, reason = ? WHERE ns = ? AND key = ?"
_WAKE: Final = f"""
UPDATE stepwell_runs SET
    rank = CASE status WHEN {_WAITING} THEN due + priority * {AGEING} - {RESUMED} ELSE rank END,
    status = {_QUEUED}, due = NULL
WHERE ns = ?1 AND key IN (
    SELECT key FROM stepwell_runs WHERE ns = ?1 AND due <= ?2 AND due IS NOT NULL AND status IN (0, 2)
    ORDER BY due, key LIMIT {DUE_AT_ONCE})
"""
_READY: Final = (
    "SELECT 1 FROM stepwell_runs INDEXED BY stepwell_runs_ready"
    f" WHERE ns = ? AND workflow = ? AND status = {_QUEUED} AND due IS NULL AND deaths < {ALONE}"
    " AND (pin IS NULL OR pin = ?) LIMIT 1"
)
_BEAT: Final = (
    f"INSERT INTO stepwell_workers (ns, {', '.join(WORKER)}) VALUES (?{', ?' * len(WORKER)})"
    f" ON CONFLICT (ns, id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in WORKER[1:])} WHERE dead = 0"
)


def bury(db: Db, now: float) -> None:
    """Mark workers dead whose leases have run out, and queue what they held, or park what killed three."""
    for (worker,) in db.all(_EXPIRED, (db.ns, now)):
        for key, deaths in db.all(_LOST, (db.ns, worker)):
            if deaths >= DEATHS:
                db.run(_QUARANTINE, (QUARANTINE, db.ns, key))


def wake(db: Db, now: float) -> None:
    """Queue what is due, the longest due first, and no more than `DUE_AT_ONCE`."""
    db.run(_WAKE, (db.ns, now))


def beat(db: Db, worker: WorkerRow) -> frozenset[bytes] | None:
    """As `ports.store.Heart.beat`, inside a transaction."""
    if db.run(_BEAT, (db.ns, *worker_values(worker))) == 0:
        return None
    text = db.value(f"SELECT group_concat(hex(key), ' ') FROM stepwell_runs WHERE {_HELD}", (db.ns, worker.id))
    return frozenset(map(bytes.fromhex, text.split())) if text else frozenset()


def stop(db: Db, worker: str) -> None:
    """As `ports.store.Heart.stop`, inside a transaction."""
    if db.run("DELETE FROM stepwell_workers WHERE ns = ? AND id = ? AND dead = 0", (db.ns, worker)):
        sql = f"UPDATE stepwell_runs SET status = {_QUEUED}, worker = NULL, epoch = epoch + 1 WHERE {_HELD}"
        db.run(sql, (db.ns, worker))


def read_workers(db: Db) -> list[WorkerRow]:
    """The workers that have not been marked dead."""
    sql = f"SELECT {', '.join(WORKER)} FROM stepwell_workers WHERE ns = ? AND dead = 0 ORDER BY id"
    return [worker_row(values) for values in db.all(sql, (db.ns,))]


def next_due(db: Db, workflows: Sequence[str], codes: Sequence[str], now: float) -> float | None:
    """As `ports.store.Store.next_due`."""
    offered = list(zip_longest(workflows, codes[: len(workflows)]))
    for workflow, code in offered:
        if db.one(_READY, (db.ns, workflow, code)) is not None:
            return 0.0
    if not workflows:
        return None
    known, params = _known(offered)
    sql = (
        "SELECT due FROM stepwell_runs INDEXED BY stepwell_runs_due WHERE ns = ? AND due IS NOT NULL"
        f" AND status IN (0, 2) AND {known} AND (status = {_WAITING} OR deaths < {ALONE}) ORDER BY due LIMIT 1"
    )
    due: float | None = db.value(sql, (db.ns, *params))
    return 0.0 if due is not None and due <= now else due


def lonely(db: Db, workflows: Sequence[str], limit: int, codes: Sequence[str]) -> list[bytes]:
    """As `ports.store.Store.lonely`."""
    if not workflows:
        return []
    known, params = _known(list(zip_longest(workflows, codes[: len(workflows)])))
    sql = (
        f"SELECT key FROM stepwell_runs INDEXED BY stepwell_runs_lonely WHERE ns = ? AND {known}"
        f" AND status = {_QUEUED} AND deaths >= {ALONE} AND due IS NULL ORDER BY key LIMIT ?"
    )
    return [key for (key,) in db.all(sql, (db.ns, *params, limit))]


def _known(offered: Sequence[tuple[str, str | None]]) -> tuple[str, list[Any]]:
    """The condition that a run is of one of these workflows, and not pinned to other code than the one at hand."""
    names = ", ".join("?" * len(offered))
    pinned = f"(workflow, pin) IN (VALUES {', '.join(['(?, ?)'] * len(offered))})"
    params: list[Any] = [name for name, _ in offered]
    return f"workflow IN ({names}) AND (pin IS NULL OR {pinned})", params + [v for pair in offered for v in pair]
