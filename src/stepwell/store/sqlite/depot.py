"""An SQLite file at either end of a move."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from stepwell.errors import Stale, StoreUnavailable
from stepwell.ports.clock import Clock
from stepwell.ports.depot import Freight, Row
from stepwell.store.sql.freight import FLAGS, TABLES, Table
from stepwell.store.sql.rows import tag, tag_values
from stepwell.store.sql.sealing import ASIDE, IDENTITY, SEALED
from stepwell.store.sql.versions import check
from stepwell.store.sqlite.connection import Db, connect
from stepwell.store.sqlite.schema import migrate, schema_status

T = TypeVar("T")
_BY_NAME: Final = {table.name: table for table in TABLES}
_EVENTS: Final = (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
_CHUNK: Final = 5000
_IS_ASIDE: Final = f"substr(kind, 1, {len(ASIDE)}) = '{ASIDE}'"
_PUT_BACK: Final = (
    f"UPDATE stepwell_records AS r SET kind = substr(kind, {len(ASIDE) + 1}) WHERE ns = ? AND {_IS_ASIDE}"
    " AND NOT EXISTS (SELECT 1 FROM stepwell_records a WHERE a.ns = r.ns AND a.owner = r.owner AND a.id = r.id"
    f" AND a.kind = substr(r.kind, {len(ASIDE) + 1}))"
)


class SqliteDepot:
    """Implements `ports.depot.Depot`. Nothing else goes on meanwhile, so the loop may as well wait."""

    def __init__(self, path: str, clock: Clock) -> None:
        self.path = path
        self.shown = f"sqlite:///{Path(path).resolve()}"
        self.identity = ""
        self._clock = clock
        self._open: Db | None = None

    async def open(self, *, create: bool) -> None:
        if not create:
            check(schema_status(self.path))
        self._open = connect(self.path)
        if create:
            check(migrate(self._open, self._clock.now()))
        self.identity = self._note(self._open, IDENTITY) or self._open.transaction(self._identify)

    async def close(self) -> None:
        if self._open is not None:
            self._open.conn.close()
            self._open = None

    async def namespaces(self) -> list[str]:
        return [name for (name,) in self._db.all("SELECT name FROM stepwell_namespaces ORDER BY name")]

    async def note(self, name: str) -> str | None:
        return self._note(self._db, name)

    async def write_note(self, name: str, text: str | None) -> None:
        self._db.transaction(lambda db: self._write_note(db, name, text))

    async def seal(self, namespace: str, note: str, text: str, message: str) -> None:
        def work(db: Db) -> None:
            ns = self._ns(db, namespace)
            self._unseal(db, ns)
            self._write_note(db, note, text)
            quoted = message.replace("'", "''")
            for table in (*SEALED, "namespaces"):
                for event, row in _EVENTS:
                    db.conn.execute(
                        f"CREATE TRIGGER {_trigger(table, event, ns)} BEFORE {event} ON stepwell_{table}"
                        f" WHEN {row}.ns = {ns} BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
                    )

        self._db.transaction(work)

    async def unseal(self, namespace: str, note: str) -> None:
        def work(db: Db) -> None:
            self._unseal(db, self._ns(db, namespace))
            self._write_note(db, note, None)

        self._db.transaction(work)

    def _unseal(self, db: Db, ns: int) -> None:
        for table in (*SEALED, "namespaces"):
            for event, _ in _EVENTS:
                db.conn.execute(f"DROP TRIGGER IF EXISTS {_trigger(table, event, ns)}")

    # -- rows ----------------------------------------------------------------------------------

    async def count(self, namespace: str, table: Freight) -> int:
        sql = f"SELECT count(*) FROM stepwell_{table.name} WHERE ns = ?"
        return int(self._db.value(sql, (self._ns(self._db, namespace),)))

    async def read(self, namespace: str, table: Freight, after: Row | None) -> list[Row]:
        own, keys = _BY_NAME[table.name], ", ".join(table.key)
        beyond = "" if after is None else f" AND ({keys}) > ({', '.join('?' * len(table.key))})"
        sql = f"SELECT {', '.join(_columns(own))} FROM stepwell_{own.name} WHERE ns = ?{beyond} ORDER BY {keys} LIMIT ?"
        params = (self._ns(self._db, namespace), *(after or ())[: len(table.key)], table.batch)
        return [_read(own, row) for row in self._db.all(sql, params)]

    async def write(self, namespace: str, table: Freight, rows: Sequence[Row], guard: tuple[str, str]) -> None:
        own = _BY_NAME[table.name]
        names = _columns(own)
        sql = f"INSERT INTO stepwell_{own.name} (ns, {', '.join(names)}) VALUES (?{', ?' * len(names)})"

        def work(db: Db) -> None:
            self._guard(db, guard)
            ns = self._ns(db, namespace, create=True)
            db.conn.executemany(sql, [(ns, *_written(own, row)) for row in rows])

        self._db.transaction(work)

    async def clear(self, namespace: str, guard: tuple[str, str]) -> None:
        for table in SEALED:
            gone = 1
            while gone:
                gone = self._db.transaction(partial(self._clear, namespace=namespace, table=table, guard=guard))

    def _clear(self, db: Db, namespace: str, table: str, guard: tuple[str, str]) -> int:
        self._guard(db, guard)
        keys = {table: own.key for table, own in _BY_NAME.items()}.get(table, ("id",))
        names, ns = ", ".join(keys), self._ns(db, namespace)
        but = f" AND NOT {_IS_ASIDE}" if table == "records" else ""
        some = f"SELECT {names} FROM stepwell_{table} WHERE ns = ?{but} LIMIT {_CHUNK}"
        return db.run(f"DELETE FROM stepwell_{table} WHERE ns = ? AND ({names}) IN ({some})", (ns, ns))

    async def arrive(self, namespace: str, note: str, text: str, kinds: Sequence[str]) -> None:
        def work(db: Db) -> None:
            if self._note(db, note) is None:
                marks = ", ".join("?" * len(kinds))
                sql = f"UPDATE stepwell_records SET kind = ? || kind WHERE ns = ? AND kind IN ({marks})"
                db.run(sql, (ASIDE, self._ns(db, namespace), *kinds))
            self._write_note(db, note, text)

        self._db.transaction(work)

    async def settle(self, namespace: str, note: str) -> None:
        def work(db: Db) -> None:
            ns = self._ns(db, namespace)
            db.run(_PUT_BACK, (ns,))
            db.run(f"DELETE FROM stepwell_records WHERE ns = ? AND {_IS_ASIDE}", (ns,))
            self._write_note(db, note, None)

        self._db.transaction(work)

    async def mail(self, namespace: str) -> int:
        return int(self._db.value("SELECT mail FROM stepwell_namespaces WHERE name = ?", (namespace,)) or 0)

    async def set_mail(self, namespace: str, number: int) -> None:
        def work(db: Db) -> None:
            self._ns(db, namespace, create=True)
            sql = "UPDATE stepwell_namespaces SET mail = max(mail, ?) WHERE name = ?"
            db.run(sql, (number, namespace))

        self._db.transaction(work)

    # -- parts ---------------------------------------------------------------------------------

    @property
    def _db(self) -> Db:
        if self._open is None:
            raise StoreUnavailable(f"{self.shown} is not open")
        return self._open

    def _ns(self, db: Db, namespace: str, *, create: bool = False) -> int:
        if create:
            db.run("INSERT INTO stepwell_namespaces (name) VALUES (?) ON CONFLICT DO NOTHING", (namespace,))
        return int(db.value("SELECT ns FROM stepwell_namespaces WHERE name = ?", (namespace,)) or 0)

    def _identify(self, db: Db) -> str:
        db.run("INSERT OR IGNORE INTO stepwell_meta VALUES (?, lower(hex(randomblob(16))))", (IDENTITY,))
        return self._note(db, IDENTITY) or ""

    def _note(self, db: Db, name: str) -> str | None:
        found = db.value("SELECT value FROM stepwell_meta WHERE name = ?", (name,))
        return None if found is None else str(found)

    def _write_note(self, db: Db, name: str, text: str | None) -> None:
        if text is None:
            db.run("DELETE FROM stepwell_meta WHERE name = ?", (name,))
        else:
            db.run("INSERT OR REPLACE INTO stepwell_meta VALUES (?, ?)", (name, text))

    def _guard(self, db: Db, guard: tuple[str, str]) -> None:
        if self._note(db, guard[0]) != guard[1]:
            raise Stale(f"another process has taken over the move to {self.shown}", hint="Let it finish.")


def _trigger(table: str, event: str, ns: int) -> str:
    return f"stepwell_seal_{ns}_{table}_{event.lower()}"


def _columns(table: Table) -> tuple[str, ...]:
    return (*table.key, "kind", "value") if table.name == "tags" else table.columns


def _read(table: Table, row: Sequence[Any]) -> Row:
    """The form that all databases share."""
    values = list(row)
    if table.name == "tags":
        key, name, kind, value = values
        return key, name, tag(kind, value)
    if table.name == "runs":
        for at in FLAGS:
            values[at] = bool(values[at])
    return tuple(values)


def _written(table: Table, row: Row) -> Row:
    """The values of `_columns`."""
    if table.name == "tags":
        return (*row[:2], *tag_values(row[2]))
    return tuple(int(value) if at in FLAGS else value for at, value in enumerate(row)) if table.name == "runs" else row
