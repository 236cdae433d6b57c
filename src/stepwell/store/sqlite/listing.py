"""Pages of runs and counts, by filter; quick also where a million runs have ended.

Pages run along the primary key, newest first, and most are full after a few rows. The exceptions, where almost no row
fits, are led to the index that has those few: see `_sources`.
"""

from typing import Final

from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import CODE, STATUS, RunStatus
from stepwell.store.sql.filters import LAST, Condition, conditions, joined, key_range
from stepwell.store.sql.rows import Value, decoded, tag_values
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.reads import RUN_ARRAYS, with_tags

FEW: Final = 1000
"""Up to so many ids with a prefix are sorted; of more, a page is soon found along the key."""
_SUCCEEDED: Final = CODE[RunStatus.SUCCEEDED]
_RUNNING: Final = CODE[RunStatus.RUNNING]
_RUNS: Final = "stepwell_runs r"

Source = tuple[str, list[Condition]]


def list_runs(db: Db, which: RunFilter, after: bytes | None, limit: int) -> list[RunRow]:
    """As `ports.store.Store.list`."""
    common = conditions(which, db.ns, after)
    parts: list[str] = []
    params: list[Value] = []
    for source, own in _sources(db, which):
        where, values = joined([*common, *own])
        parts.append(f"SELECT * FROM (SELECT r.* FROM {source} WHERE {where} ORDER BY r.key DESC LIMIT ?)")
        params += [*values, limit]
    page = f"{' UNION ALL '.join(parts)} ORDER BY key DESC LIMIT ?"
    rows = with_tags(db, decoded(db.value(f"SELECT {RUN_ARRAYS} FROM ({page}) r", [*params, limit])))
    return sorted(rows, key=lambda row: row.key, reverse=True)


def _sources(db: Db, which: RunFilter) -> list[Source]:
    """Where to look, each with what else must hold there; together they have every run that fits, once."""
    if which.parent is not None:
        return [(f"{_RUNS} INDEXED BY stepwell_runs_child", [])]
    for name, wanted in which.tags.items():
        kind, value = tag_values(wanted)
        tagged: Condition = ("t.ns = ? AND t.name = ? AND t.kind = ? AND t.value = ?", [db.ns, name, kind, value])
        return [(f"stepwell_tags t CROSS JOIN {_RUNS} ON r.ns = t.ns AND r.key = t.key", [tagged])]
    if which.pinned and which.status:
        pinned = f"{_RUNS} INDEXED BY stepwell_runs_pinned"
        return [(pinned, [("r.status = ?", [CODE[status]])]) for status in dict.fromkeys(which.status)]
    if which.status and RunStatus.SUCCEEDED not in which.status:
        # Held runs are few and sorted; of every other status, the index is in the order of the keys.
        live, ordered = f"{_RUNS} INDEXED BY stepwell_runs_live", " AND r.worker IS NULL"
        return [
            (
                live,
                [(f"r.status = ? AND r.status <> {_SUCCEEDED}" + ordered * (CODE[status] != _RUNNING), [CODE[status]])],
            )
            for status in dict.fromkeys(which.status)
        ]
    if which.id_prefix and _few(db, which.id_prefix):
        named: Condition = ("r.id IS NOT NULL AND r.id >= ? AND r.id < ?", [which.id_prefix, which.id_prefix + LAST])
        sources: list[Source] = [(f"{_RUNS} INDEXED BY stepwell_runs_id", [named])]
        keys = key_range(which.id_prefix)
        if keys is not None:
            sources.append((_RUNS, [("r.id IS NULL AND r.key >= ? AND r.key <= ?", [*keys])]))
        return sources
    return [(_RUNS, [])]


def _few(db: Db, prefix: str) -> bool:
    ids = "SELECT 1 FROM stepwell_runs WHERE ns = ? AND id >= ? AND id < ? LIMIT ?"
    found: int = db.value(f"SELECT count(*) FROM ({ids})", (db.ns, prefix, prefix + LAST, FEW))
    return found < FEW


def count_runs(db: Db, which: RunFilter) -> dict[str, int]:
    """As `ports.store.Store.count`."""
    where, params = joined(conditions(which, db.ns))
    simple = which == RunFilter(status=which.status, workflow=which.workflow)
    if not simple:
        counts = db.all(f"SELECT r.status, count(*) FROM {_RUNS} WHERE {where} GROUP BY r.status", params)
        return {STATUS[status].value: n for status, n in counts}
    # Indexes alone answer: those that have not succeeded are in one, those that have are in another.
    live = f"SELECT r.status, count(*) FROM {_RUNS} INDEXED BY stepwell_runs_live"
    counts = db.all(f"{live} WHERE {where} AND r.status <> 10 GROUP BY r.status", params)
    closed = f"SELECT count(*) FROM {_RUNS} INDEXED BY stepwell_runs_closed"
    succeeded = db.value(f"{closed} WHERE {where} AND r.status = {_SUCCEEDED} AND r.status >= 10", params)
    found = {STATUS[status].value: n for status, n in counts}
    return found | {RunStatus.SUCCEEDED.value: succeeded} if succeeded else found
