"""Small records of the edges: kept, read in pages, dropped."""

from collections.abc import Sequence
from typing import Final

from stepwell.model.record import Record
from stepwell.store.sql.rows import Value, text
from stepwell.store.sqlite.connection import Db

_PUT: Final = "INSERT INTO stepwell_records (ns, kind, owner, id, at, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO "
_REPLACE: Final = "UPDATE SET at = excluded.at, data = excluded.data"
_DROP: Final = "DELETE FROM stepwell_records WHERE ns = ? AND kind = ? AND owner = ? AND id = ?"


def put(db: Db, records: Sequence[Record], *, replace: bool) -> list[bool]:
    """As `ports.store.Store.put`, inside a transaction."""
    sql = _PUT + (_REPLACE if replace else "NOTHING")
    return [db.run(sql, (db.ns, r.kind, r.owner, r.id, r.at, text(r.data))) > 0 for r in records]


def read(db: Db, kind: str, owner: bytes | None, after: str | None, limit: int, *, newest: bool) -> list[Record]:
    """As `ports.store.Store.records`."""
    order = "DESC" if newest else "ASC"
    where, params = "ns = ? AND kind = ?", list[Value]((db.ns, kind))
    if owner is not None:
        where, params = f"{where} AND owner = ?", [*params, owner]
    if after is not None:
        where, params = f"{where} AND id {'<' if newest else '>'} ?", [*params, after]
    sql = f"SELECT owner, id, at, data FROM stepwell_records WHERE {where} ORDER BY owner {order}, id {order} LIMIT ?"
    return [Record(kind=kind, id=id_, at=at, data=data.encode(), owner=whose)
            for whose, id_, at, data in db.all(sql, [*params, limit])]  # fmt: skip


def drop(db: Db, kind: str, ids: Sequence[str], owner: bytes) -> int:
    """As `ports.store.Store.drop`, inside a transaction."""
    return sum(db.run(_DROP, (db.ns, kind, owner, id_)) for id_ in ids)
