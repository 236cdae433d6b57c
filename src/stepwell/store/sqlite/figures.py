"""Figures over many runs: what happened in a span of time, and how deep the queues are."""

from typing import Final

from stepwell.model.record import BANDS, SHORTEST, Depth, Tally
from stepwell.model.status import STATUS
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.retention import WORKFLOWS

_BAND: Final = f"max(0, CAST(log2(max({{0}} - created_at, {SHORTEST}) / {SHORTEST}) * {BANDS} + 1e-9 AS INTEGER))"
_CREATED: Final = (
    "SELECT CAST(created_at / ?4 AS INTEGER) * ?4 AS at, workflow,"
    f" CASE WHEN started_at IS NULL THEN -1 ELSE {_BAND.format('started_at')} END AS band, count(*)"
    " FROM stepwell_runs INDEXED BY stepwell_runs_created"
    " WHERE ns = ?1 AND created_at >= ?2 AND created_at < ?3 GROUP BY at, workflow, band"
)
_ENDED: Final = (
    f"SELECT CAST(finished_at / ?4 AS INTEGER) * ?4 AS at, {_BAND.format('finished_at')} AS band, count(*)"
    " FROM stepwell_runs INDEXED BY stepwell_runs_closed WHERE ns = ?1 AND workflow = ?5 AND status = ?6"
    " AND status >= 10 AND finished_at >= ?2 AND finished_at < ?3 GROUP BY at, band"
)
_DEPTHS: Final = (
    "SELECT queue, sum(status = 0 AND due IS NULL), sum(status = 0 AND due IS NOT NULL), sum(status = 1),"
    " sum(status = 2), min(CASE WHEN status = 0 AND due IS NULL THEN created_at END)"
    " FROM stepwell_runs INDEXED BY stepwell_runs_live WHERE ns = ? AND status < 10 AND status <> 10"
    " GROUP BY queue ORDER BY queue"
)


def tally(db: Db, since: float, until: float, step: float) -> list[Tally]:
    """As `ports.store.Store.tally`."""
    span = (db.ns, since, until, float(step))
    found = [Tally(at, workflow, "created", band, n) for at, workflow, band, n in db.all(_CREATED, span)]
    ended = [status for status in STATUS.values() if status.terminal]
    for (workflow,) in db.all(WORKFLOWS, (db.ns,)):
        for code, status in STATUS.items():
            if status in ended:
                rows = db.all(_ENDED, (*span, workflow, code))
                found += [Tally(at, workflow, status.value, band, n) for at, band, n in rows]
    return sorted(found, key=lambda one: (one.at, one.workflow, one.what, one.band))


def depths(db: Db) -> list[Depth]:
    """As `ports.store.Store.depths`."""
    return [
        Depth(queue=queue, ready=ready, delayed=delayed, running=running, waiting=waiting, oldest=oldest)
        for queue, ready, delayed, running, waiting, oldest in db.all(_DEPTHS, (db.ns,))
    ]
