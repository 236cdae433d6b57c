"""Figures over many runs: what happened in a span of time, and how deep the queues are."""

from typing import Final

from stepwell.model.record import BANDS, SHORTEST, Depth, Tally
from stepwell.model.status import CODE, STATUS, TERMINAL
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.retention import WORKFLOW_NAMES

# As `band_of`: the logarithm's last digits are no two libraries' own, so that both round the same way up.
_BAND: Final = (
    f"greatest(0, floor(ln(greatest({{0}} - r.created_at, {SHORTEST}::float8) / {SHORTEST}::float8)"
    f" / ln(2::float8) * {BANDS} + 1e-9))::integer"
)
_CREATED: Final = (
    "SELECT floor(r.created_at / $4) * $4 AS at, r.workflow,"
    f" CASE WHEN r.started_at IS NULL THEN -1 ELSE {_BAND.format('r.started_at')} END AS band, count(*)"
    " FROM {runs} r WHERE r.ns = $1 AND r.created_at > '-infinity' AND r.created_at >= $2 AND r.created_at < $3"
    " GROUP BY 1, 2, 3"
)
# A look at each kind of end of each workflow: an index has them in the order of time. The fence (OFFSET 0) keeps the
# planner from making one join of it, which would read the whole table.
_ENDED: Final = f"""
WITH RECURSIVE {WORKFLOW_NAMES}
SELECT floor(r.finished_at / $4) * $4 AS at, w.name, e.status, {_BAND.format("r.finished_at")} AS band, count(*)
FROM w CROSS JOIN unnest($5::smallint[]) e(status) CROSS JOIN LATERAL (
    SELECT finished_at, created_at FROM {{runs}} WHERE ns = $1 AND workflow = w.name AND status = e.status
    AND status >= 10 AND finished_at >= $2 AND finished_at < $3 OFFSET 0) r
WHERE w.name IS NOT NULL GROUP BY 1, 2, 3, 4
"""
_DEPTHS: Final = (
    "SELECT queue, count(*) FILTER (WHERE status = 0 AND due IS NULL),"
    " count(*) FILTER (WHERE status = 0 AND due IS NOT NULL), count(*) FILTER (WHERE status = 1),"
    " count(*) FILTER (WHERE status = 2), min(created_at) FILTER (WHERE status = 0 AND due IS NULL)"
    " FROM {runs} WHERE ns = $1 AND status < 10 AND status <> 10 GROUP BY queue ORDER BY queue"
)


async def tally(db: Db, since: float, until: float, step: float) -> list[Tally]:
    """As `ports.store.Store.tally`."""
    span = (db.ns, float(since), float(until), float(step))
    found = [Tally(at, workflow, "created", band, n) for at, workflow, band, n in await db.all(_CREATED, *span)]
    ended = [CODE[status] for status in TERMINAL]
    for at, workflow, code, band, n in await db.all(_ENDED, *span, ended):
        found.append(Tally(at, workflow, STATUS[code].value, band, n))
    return sorted(found, key=lambda one: (one.at, one.workflow, one.what, one.band))


async def depths(db: Db) -> list[Depth]:
    """As `ports.store.Store.depths`."""
    return [
        Depth(queue=queue, ready=ready, delayed=delayed, running=running, waiting=waiting, oldest=oldest)
        for queue, ready, delayed, running, waiting, oldest in await db.all(_DEPTHS, db.ns)
    ]
