"""Small documents of the edges: kept, paged through, dropped."""

from collections.abc import Sequence
from typing import Final

from stepwell.model.record import Record
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.filters import Params
from stepwell.store.sql.rows import text

_INSERT: Final = (
    "INSERT INTO {records} (ns, kind, owner, id, at, data)"
    " SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::text[], $5::float8[], $6::text[])"
    " ON CONFLICT (ns, kind, owner, id) DO"
)
_KEEP: Final = f"{_INSERT} NOTHING RETURNING kind, owner, id"
_REPLACE: Final = f"{_INSERT} UPDATE SET at = excluded.at, data = excluded.data"
_COLUMNS: Final = "kind, owner, id, at, data"
_DROP: Final = "DELETE FROM {records} WHERE ns = $1 AND kind = $2 AND owner = $3 AND id = ANY($4::text[])"


async def put(db: Db, records: Sequence[Record], replace: bool) -> list[bool]:
    """As `ports.store.Store.put`."""
    # Of two with one name, the last stands with `replace`, else the first; and always in one order, against deadlocks.
    named: dict[tuple[str, bytes, str], Record] = {}
    for record in records if replace else reversed(records):
        named[_name(record)] = record
    if not named:
        return []
    columns = [
        [kind for kind, _, _ in sorted(named)],
        [owner for _, owner, _ in sorted(named)],
        [id_ for _, _, id_ in sorted(named)],
        [named[name].at for name in sorted(named)],
        [text(named[name].data) for name in sorted(named)],
    ]
    async with db.transaction(lock_timeout_s=db.home.address.deadline / 2):
        if replace:
            await db.run(_REPLACE, db.ns, *columns)
            return [True] * len(records)
        written = {(kind, owner, id_) for kind, owner, id_ in await db.all(_KEEP, db.ns, *columns)}
    return [_name(record) in written and named[_name(record)] is record for record in records]


def _name(record: Record) -> tuple[str, bytes, str]:
    return record.kind, record.owner, record.id


async def read_records(
    db: Db, kind: str, owner: bytes | None, after: str | None, limit: int, newest: bool
) -> list[Record]:
    """As `ports.store.Store.records`."""
    direction, beyond = ("DESC", "<") if newest else ("ASC", ">")
    where, params = "ns = $1 AND kind = $2", Params([db.ns, kind])
    if owner is not None:
        where += f" AND owner = {params.put(owner)}"
    if after is not None:
        where += f" AND id {beyond} {params.put(after)}"
    order = f"ORDER BY owner {direction}, id {direction} LIMIT {params.put(limit)}"
    rows = await db.all(f"SELECT {_COLUMNS} FROM {{records}} WHERE {where} {order}", *params)
    return [Record(kind=k, owner=o, id=i, at=at, data=data.encode()) for k, o, i, at, data in rows]


async def drop(db: Db, kind: str, ids: Sequence[str], owner: bytes) -> int:
    """As `ports.store.Store.drop`."""
    return await db.run(_DROP, db.ns, kind, owner, sorted(set(ids)))
