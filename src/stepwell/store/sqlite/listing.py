"""Pages of runs and counts, by filter; quick also where a million runs have ended.

Pages run along the primary key, newest first, and most are full after a few rows. The exceptions, where almost no row
fits, are led to the index that has those few: see `_sources`.
"""

from collections import Counter
from typing import Final

import msgspec

from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import CODE, STATUS, RunStatus
from stepwell.store.sql.filters import LAST, Condition, conditions, joined, key_range
from stepwell.store.sql.rows import Value, decoded, tag_values
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.reads import RUN_ARRAYS, with_tags

FEW: Final = 1000
"""Up to so many ids with a prefix are sorted; of more, a page is soon found along the key."""
MANY: Final = 100_000
"""Of more that were created in a span of time, all are looked at along the key: quicker than one by one."""
_SUCCEEDED: Final = CODE[RunStatus.SUCCEEDED]
_RUNNING: Final = CODE[RunStatus.RUNNING]
_RUNS: Final = "stepwell_runs r"
_OTHERS: Final = f"SELECT r.status, count(*) FROM {_RUNS} INDEXED BY stepwell_runs_live"

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
    if _named(db, which):
        prefix = which.id_prefix or ""
        named: Condition = ("r.id IS NOT NULL AND r.id >= ? AND r.id < ?", [prefix, prefix + LAST])
        sources: list[Source] = [(f"{_RUNS} INDEXED BY stepwell_runs_id", [named])]
        keys = key_range(prefix)
        if keys is not None:
            sources.append((_RUNS, [("r.id IS NULL AND r.key >= ? AND r.key <= ?", [*keys])]))
        return sources
    return [(_RUNS, [])]


def _named(db: Db, which: RunFilter) -> bool:
    """Whether a prefix of ids leads to few runs."""
    prefix = which.id_prefix
    if not prefix or (which.status and RunStatus.SUCCEEDED not in which.status):
        return False
    ids = "SELECT 1 FROM stepwell_runs WHERE ns = ? AND id >= ? AND id < ? LIMIT ?"
    found: int = db.value(f"SELECT count(*) FROM ({ids})", (db.ns, prefix, prefix + LAST, FEW))
    return found < FEW


def count_runs(db: Db, which: RunFilter) -> dict[str, int]:
    """As `ports.store.Store.count`.

    Those that have not succeeded are few, and in one index, with their status. Those that have are the rest: they are
    counted without a look at any other column than the filter's, and not grouped.
    """
    db.conn.execute("BEGIN")  # one moment for all statements: what ends between them is counted once
    try:
        return _counted(db, which)
    finally:
        db.conn.execute("COMMIT")


def _counted(db: Db, which: RunFilter) -> dict[str, int]:
    where, params = joined(conditions(which, db.ns))
    if which.parent is not None or which.tags or (which.pinned and which.status):
        return _grouped(db, _sources(db, which), (where, params))
    counts: dict[int, int] = {}
    if not which.status or set(which.status) != {RunStatus.SUCCEEDED}:
        counts = dict(db.all(f"{_OTHERS} WHERE {where} AND r.status <> {_SUCCEEDED} GROUP BY r.status", params))
    if not which.status or RunStatus.SUCCEEDED in which.status:
        counts[_SUCCEEDED] = _succeeded(db, which, (where, params))
    return {STATUS[status].value: n for status, n in counts.items() if n}


def _grouped(db: Db, sources: list[Source], common: Condition) -> dict[str, int]:
    """Where few rows are to be looked at: by status."""
    counts: Counter[str] = Counter()
    for source, own in sources:
        where, values = joined([common, *own])
        for status, n in db.all(f"SELECT r.status, count(*) FROM {source} WHERE {where} GROUP BY r.status", values):
            counts[STATUS[status].value] += n
    return dict(counts)


def _succeeded(db: Db, which: RunFilter, common: Condition) -> int:
    """How many of those that fit have succeeded."""
    where, params = common
    if which == RunFilter(status=which.status, workflow=which.workflow):
        closed = f"SELECT count(*) FROM {_RUNS} INDEXED BY stepwell_runs_closed"
        return int(db.value(f"{closed} WHERE {where} AND r.status = {_SUCCEEDED} AND r.status >= 10", params))
    if _named(db, which):
        rest = conditions(msgspec.structs.replace(which, id_prefix=None), db.ns)
        some = [(source, joined([*rest, *own])) for source, own in _sources(db, which)]
        return sum(db.value(f"SELECT count(*) FROM {source} WHERE {its} AND r.status = {_SUCCEEDED}", values)
                   for source, (its, values) in some)  # fmt: skip
    times = RunFilter(since=which.since, until=which.until)
    if times == RunFilter():
        return int(db.value(f"SELECT count(*) FROM {_RUNS} WHERE {where} AND r.status = {_SUCCEEDED}", params))
    made, span = joined(conditions(times, db.ns))
    created = f"{_RUNS} INDEXED BY stepwell_runs_created"
    if which == RunFilter(status=which.status, since=which.since, until=which.until):
        # All that were created then, by the index alone, without the others.
        others = f"SELECT count(*) FROM {_RUNS} INDEXED BY stepwell_runs_live WHERE {made} AND r.status <> {_SUCCEEDED}"
        counted: int = db.value(f"SELECT count(*) FROM {created} WHERE {made}", span) - db.value(others, span)
        return counted
    few: int = db.value(f"SELECT count(*) FROM (SELECT 1 FROM {created} WHERE {made} LIMIT ?)", [*span, MANY])
    if few < MANY:
        return int(db.value(f"SELECT count(*) FROM {created} WHERE {where} AND r.status = {_SUCCEEDED}", params))
    along = where.replace("r.created_at", "+r.created_at")  # a sign that keeps the index out
    return int(db.value(f"SELECT count(*) FROM {_RUNS} WHERE {along} AND r.status = {_SUCCEEDED}", params))
