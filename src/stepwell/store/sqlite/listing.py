"""Pages of runs and counts, by filter; fast also where a million runs have ended."""

from typing import Final

from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import CODE, STATUS, RunStatus
from stepwell.store.sql.dialect import SQLITE
from stepwell.store.sql.filters import condition
from stepwell.store.sql.rows import decoded
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.reads import RUN_ARRAYS, with_tags

_SUCCEEDED: Final = CODE[RunStatus.SUCCEEDED]


def list_runs(db: Db, which: RunFilter, after: bytes | None, limit: int) -> list[RunRow]:
    """As `ports.store.Store.list`."""
    where, params = condition(which, db.ns, SQLITE, after)
    page = f"SELECT * FROM stepwell_runs r WHERE {where} ORDER BY r.key DESC LIMIT ?"
    rows = with_tags(db, decoded(db.value(f"SELECT {RUN_ARRAYS} FROM ({page}) r", [*params, limit])))
    return sorted(rows, key=lambda row: row.key, reverse=True)


def count_runs(db: Db, which: RunFilter) -> dict[str, int]:
    """As `ports.store.Store.count`."""
    where, params = condition(which, db.ns, SQLITE)
    sql = f"SELECT r.status, count(*) FROM stepwell_runs r WHERE {where} GROUP BY r.status"
    counts: list[tuple[int, int]] = db.all(sql, params)
    return {STATUS[status].value: n for status, n in counts}
