"""Pages of runs and counts, by filter; quick also where a million runs have ended.

Pages run along the primary key, newest first, and most are full after a few rows. Where an index has the few rows that
fit, they are led to it: see `_sources`. PostgreSQL takes no orders which index to use; the order that is asked for
decides, since only one index has it. What no index knows is looked for among the newest runs, and if those do not fill
the page, in the whole table, which several processes of the server then read at the same time.
"""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import CODE, STATUS, RunStatus
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.filters import Params, conditions, has_tag
from stepwell.store.postgres.reads import with_tags
from stepwell.store.postgres.rows import RUN_COLUMNS
from stepwell.store.sql.filters import LAST, key_range

FEW: Final = 1000
"""Up to so many ids with a prefix are sorted; of more, a page is soon found along the key."""
SORTABLE: Final = 10_000
"""So many runs are sorted in some milliseconds."""
NEWEST: Final = 10_000
"""So many runs are looked through in some milliseconds, and fill the page of most searches."""
_SUCCEEDED: Final = CODE[RunStatus.SUCCEEDED]
_RUNS: Final = "{runs} r"
_BY_KEY: Final = "r.key DESC"
_SORTED: Final = "(r.key || ''::bytea) DESC"
"""The same order, but not an index's: whatever fits is found first, and then sorted."""
_LIVE: Final = "r.worker DESC, r.key DESC"
"""The order of the index of what has not succeeded, within one status."""

Source = tuple[str, str, str]
"""Where to look, what else must hold there, and the order in which to look."""


async def list_runs(db: Db, which: RunFilter, after: bytes | None, limit: int | None) -> list[RunRow]:
    """As `ports.store.Store.list`; without a limit, all."""
    params = Params()
    common = " AND ".join(conditions(which, db.ns, params, after))
    most = params.put(limit)
    sources = await _sources(db, which, params)
    if not sources and limit is not None and which != RunFilter():
        found = await _searched(db, which, after, limit)
    else:
        parts = [
            f"(SELECT {RUN_COLUMNS} FROM {source} WHERE {common}{own} ORDER BY {order} LIMIT {most})"
            for source, own, order in sources or [(_RUNS, "", _BY_KEY)]
        ]
        page = parts[0] if len(parts) == 1 else f"{' UNION ALL '.join(parts)} ORDER BY key DESC LIMIT {most}"
        found = await db.all(page, *params)
    return sorted(await with_tags(db, found), key=lambda row: row.key, reverse=True)


async def _searched(db: Db, which: RunFilter, after: bytes | None, limit: int) -> list[Any]:
    """A page of what no index leads to."""
    params = Params()
    older = f" AND key < {params.put(after)}" if after is not None else ""
    newest = f"SELECT * FROM {{runs}} WHERE ns = {params.put(db.ns)}{older} ORDER BY key DESC LIMIT {NEWEST}"
    found = await db.all(_page(f"({newest}) r", _BY_KEY, which, db.ns, params, limit), *params)
    if len(found) == limit:
        return found
    params = Params()
    everywhere = _page(_RUNS, _SORTED, which, db.ns, params, limit, after)
    async with db.transaction(whole=True):
        return await db.all(everywhere, *params)


def _page(source: str, order: str, which: RunFilter, ns: int, params: Params, limit: int,
          after: bytes | None = None) -> str:  # fmt: skip
    where = " AND ".join(conditions(which, ns, params, after))
    return f"SELECT {RUN_COLUMNS} FROM {source} WHERE {where} ORDER BY {order} LIMIT {params.put(limit)}"


async def _sources(db: Db, which: RunFilter, params: Params) -> list[Source]:
    """Together they have every run that fits, once. None: no index leads there."""
    if which.parent is not None:
        return [(_RUNS, "", "r.parent DESC, r.key DESC")]
    for name, wanted in which.tags.items():
        tagged = f" AND t.ns = {params.put(db.ns)} AND {has_tag(name, wanted, params)}"
        return [(f"{{tags}} t JOIN {_RUNS} ON r.ns = t.ns AND r.key = t.key", tagged, "t.key DESC")]
    if which.pinned:  # almost always few, and then sorted
        return [(_RUNS, "", _SORTED)]
    if which.status and RunStatus.SUCCEEDED not in which.status:
        return [_of_status(CODE[status]) for status in dict.fromkeys(which.status)]
    if which.id_prefix and await _few(db, which.id_prefix):
        first, last = params.put(which.id_prefix), params.put(which.id_prefix + LAST)
        sources = [(_RUNS, f" AND r.id IS NOT NULL AND r.id >= {first} AND r.id < {last}", _SORTED)]
        keys = key_range(which.id_prefix)
        if keys is not None:
            first, last = params.put(keys[0]), params.put(keys[1])
            sources.append((_RUNS, f" AND r.id IS NULL AND r.key >= {first} AND r.key <= {last}", _BY_KEY))
        return sources
    if which.workflow and await _few_ended(db, which.workflow):
        return [(_RUNS, " AND r.status >= 10", _SORTED), (_RUNS, " AND r.status < 10 AND r.status <> 10", _SORTED)]
    if (which.since is not None or which.until is not None) and await _short(db, which):
        return [(_RUNS, "", _SORTED)]
    return []


def _of_status(status: int) -> Source:
    """Held runs are few and sorted; of every other status, the index is in the order of the keys."""
    if status == CODE[RunStatus.RUNNING]:
        return _RUNS, f" AND r.status = {status}", _SORTED
    return _RUNS, f" AND r.status = {status} AND r.worker IS NULL", _LIVE


async def _few(db: Db, prefix: str) -> bool:
    ids = "SELECT 1 FROM {runs} WHERE ns = $1 AND id >= $2 AND id < $3 LIMIT $4"
    found: int = await db.value(f"SELECT count(*) FROM ({ids}) few", db.ns, prefix, prefix + LAST, FEW)
    return found < FEW


async def _few_ended(db: Db, workflows: Sequence[str]) -> bool:
    ended = "SELECT 1 FROM {runs} WHERE ns = $1 AND workflow = ANY($2::text[]) AND status >= 10 LIMIT $3"
    found: int = await db.value(f"SELECT count(*) FROM ({ended}) few", db.ns, workflows, FEW)
    return found < FEW


async def _short(db: Db, which: RunFilter) -> bool:
    """Whether few enough were created between two moments that sorting them beats passing by all newer ones."""
    params = Params([db.ns])
    times = [f"created_at >= {params.put(which.since)}"] if which.since is not None else []
    times += [f"created_at < {params.put(which.until)}"] if which.until is not None else []
    times.append("created_at > '-infinity'")  # the condition of the index
    made = f"SELECT 1 FROM {{runs}} WHERE ns = $1 AND {' AND '.join(times)} LIMIT {params.put(SORTABLE)}"
    found: int = await db.value(f"SELECT count(*) FROM ({made}) few", *params)
    return found < SORTABLE


async def count_runs(db: Db, which: RunFilter) -> dict[str, int]:
    """As `ports.store.Store.count`."""
    params = Params()
    where = " AND ".join(conditions(which, db.ns, params))
    if which != RunFilter(status=which.status, workflow=which.workflow):
        async with db.transaction(whole=True):
            counts = await db.all(f"SELECT r.status, count(*) FROM {_RUNS} WHERE {where} GROUP BY r.status", *params)
        return {STATUS[status].value: n for status, n in counts}
    # Indexes alone answer: those that have not succeeded are in one, those that have are in another.
    some = f"SELECT r.status, count(*) FROM {_RUNS} WHERE {where} AND r.status"
    both = f"{some} <> {_SUCCEEDED} GROUP BY r.status UNION ALL {some} = {_SUCCEEDED} GROUP BY r.status"
    counts = await db.all(both, *params)
    return {STATUS[status].value: n for status, n in counts}
