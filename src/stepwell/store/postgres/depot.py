"""A PostgreSQL schema at either end of a move."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from stepwell.errors import Stale, StoreLocked, StoreUnavailable
from stepwell.ports.depot import Freight, Row
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.rows import tag, tag_values
from stepwell.store.postgres.schema import PATIENCE, enter, migrate, read_status, visit
from stepwell.store.postgres.translation import translated
from stepwell.store.sql.freight import TABLES, Table
from stepwell.store.sql.sealing import ASIDE, IDENTITY, SEALED, SQLSTATE
from stepwell.store.sql.versions import check

_BY_NAME: Final = {table.name: table for table in TABLES}
_CLOSED: Final = (*SEALED, "mailboxes")
_EVENTS: Final = (("insert", "INSERT", "NEW"), ("change", "UPDATE OR DELETE", "OLD"))
_KEYS: Final = {table.name: table.key for table in TABLES} | {"workers": ("id",), "mailboxes": ("event", "mailbox")}
_CHUNK: Final = 5000
_PUT_BACK: Final = (
    f"UPDATE {{records}} r SET kind = substr(kind, {len(ASIDE) + 1}) WHERE ns = $1 AND starts_with(kind, '{ASIDE}')"
    " AND NOT EXISTS (SELECT 1 FROM {records} a WHERE a.ns = r.ns AND a.owner = r.owner AND a.id = r.id"
    f" AND a.kind = substr(r.kind, {len(ASIDE) + 1}))"
)
LOCK_S: Final = 2.0
TRIES: Final = 30


class PostgresDepot:
    """Implements `ports.depot.Depot`."""

    def __init__(self, url: str) -> None:
        self._home = Home(address(url))
        self.shown = self._home.address.shown
        self.identity = ""
        self._stack = AsyncExitStack()
        self._open: Db | None = None

    async def open(self, *, create: bool) -> None:
        self._open = db = await self._stack.enter_async_context(visit(self._home))
        check(await migrate(db) if create else await read_status(db))
        if await _note(db, IDENTITY) is None:
            await db.run("INSERT INTO {meta} VALUES ($1, gen_random_uuid()::text) ON CONFLICT DO NOTHING", IDENTITY)
        self.identity = await _note(db, IDENTITY) or ""

    async def close(self) -> None:
        self._open = None
        await self._stack.aclose()

    async def namespaces(self) -> list[str]:
        async with self._working() as db:
            return [name for (name,) in await db.all("SELECT name FROM {namespaces} ORDER BY name")]

    async def note(self, name: str) -> str | None:
        async with self._working() as db:
            return await _note(db, name)

    async def write_note(self, name: str, text: str | None) -> None:
        async with self._working() as db, db.transaction():
            await _write_note(db, name, text)

    # -- seals ---------------------------------------------------------------------------------

    async def seal(self, namespace: str, note: str, text: str, message: str) -> None:
        for n in range(TRIES):
            try:
                async with self._working() as db, db.transaction(LOCK_S):
                    await _lock(db)
                    await _seal(db, await _ns(db, namespace), message)
                    await _write_note(db, note, text)
            except StoreLocked:  # by a transaction of a user's own, perhaps; those who write must not wait for long
                if n + 1 == TRIES:
                    raise
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.2)
            else:
                return

    async def unseal(self, namespace: str, note: str) -> None:
        async with self._working() as db, db.transaction(LOCK_S * TRIES):
            await _unseal(db, await _ns(db, namespace))
            await _write_note(db, note, None)

    # -- rows ----------------------------------------------------------------------------------

    async def count(self, namespace: str, table: Freight) -> int:
        async with self._working() as db, db.transaction():
            ns = await _ns(db, namespace)
            await db.run("SET LOCAL statement_timeout = 0")  # all rows are looked at, however many there are
            sql = db.sql(f"SELECT count(*) FROM {{{table.name}}} WHERE ns = $1")
            return int(await db.conn.fetchval(sql, ns, timeout=PATIENCE))

    async def read(self, namespace: str, table: Freight, after: Row | None) -> list[Row]:
        own, keys = _BY_NAME[table.name], ", ".join(table.key)
        places = ", ".join(f"${n}" for n in range(3, 3 + len(table.key)))
        beyond = "" if after is None else f" AND ({keys}) > ({places})"
        names = ", ".join(_columns(own))
        sql = f"SELECT {names} FROM {{{own.name}}} WHERE ns = $1{beyond} ORDER BY {keys} LIMIT $2"
        async with self._working() as db:
            params = (await _ns(db, namespace), table.batch, *(after or ())[: len(table.key)])
            return [_read(own, tuple(row)) for row in await db.all(sql, *params)]

    async def write(self, namespace: str, table: Freight, rows: Sequence[Row], guard: tuple[str, str]) -> None:
        own = _BY_NAME[table.name]
        async with self._working() as db, db.transaction():
            await self._guard(db, guard)
            ns = await enter(db, namespace)
            await db.conn.copy_records_to_table(
                own.name,
                schema_name=db.schema,
                columns=["ns", *_columns(own)],
                records=[(ns, *_written(own, row)) for row in rows],
            )
            if own.name in ("messages", "waits"):
                await self._mailboxes(db, ns, rows)

    async def _mailboxes(self, db: Db, ns: int, rows: Sequence[Row]) -> None:
        """The rows under whose locks sending and waiting meet (P4)."""
        pairs = sorted({(row[0], row[1]) for row in rows})
        sql = (
            "INSERT INTO {mailboxes} (ns, event, mailbox) SELECT $1, * FROM unnest($2::text[], $3::text[])"
            " ON CONFLICT DO NOTHING"
        )
        await db.run(sql, ns, *map(list, zip(*pairs, strict=True)))

    async def clear(self, namespace: str, guard: tuple[str, str]) -> None:
        for table in _CLOSED:
            names = ", ".join(_KEYS[table])
            but = f" AND NOT starts_with(kind, '{ASIDE}')" if table == "records" else ""
            some = f"SELECT {names} FROM {{{table}}} WHERE ns = $1{but} LIMIT {_CHUNK}"
            gone = 1
            while gone:
                async with self._working() as db, db.transaction():
                    await self._guard(db, guard)
                    sql = f"DELETE FROM {{{table}}} WHERE ns = $1 AND ({names}) IN ({some})"
                    gone = await db.run(sql, await _ns(db, namespace))

    async def arrive(self, namespace: str, note: str, text: str, kinds: Sequence[str]) -> None:
        async with self._working() as db, db.transaction():
            # By what others would have to wait for: of two at once, one is the first.
            if await db.run("INSERT INTO {meta} VALUES ($1, '') ON CONFLICT DO NOTHING", note):
                sql = "UPDATE {records} SET kind = $2 || kind WHERE ns = $1 AND kind = ANY($3::text[])"
                await db.run(sql, await _ns(db, namespace), ASIDE, list(kinds))
            await _write_note(db, note, text)

    async def settle(self, namespace: str, note: str) -> None:
        async with self._working() as db, db.transaction():
            ns = await _ns(db, namespace)
            await db.run(_PUT_BACK, ns)
            await db.run(f"DELETE FROM {{records}} WHERE ns = $1 AND starts_with(kind, '{ASIDE}')", ns)
            await _write_note(db, note, None)

    async def mail(self, namespace: str) -> int:
        async with self._working() as db:
            return int(await db.value("SELECT last_value FROM {schema}.mail"))

    async def set_mail(self, namespace: str, number: int) -> None:
        async with self._working() as db:
            sql = "SELECT setval($1::regclass, greatest($2::bigint, last_value)) FROM {schema}.mail"
            await db.value(sql, f'"{db.schema}".mail', max(1, number))

    # -- parts ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def _working(self) -> AsyncGenerator[Db]:
        if self._open is None:
            raise StoreUnavailable(f"{self.shown} is not open")
        try:
            yield self._open
        except Exception as error:
            ours = translated(error, self.shown)
            if ours is error:
                raise
            raise ours from error

    async def _guard(self, db: Db, guard: tuple[str, str]) -> None:
        """The note must be as this process wrote it, and stay so until the transaction ends."""
        if await db.value("SELECT value FROM {meta} WHERE name = $1 FOR SHARE", guard[0]) != guard[1]:
            raise Stale(f"another process has taken over the move to {self.shown}", hint="Let it finish.")


async def _ns(db: Db, namespace: str) -> int:
    return int(await db.value("SELECT ns FROM {namespaces} WHERE name = $1", namespace) or 0)


async def _note(db: Db, name: str) -> str | None:
    found: str | None = await db.value("SELECT value FROM {meta} WHERE name = $1", name)
    return found


async def _write_note(db: Db, name: str, text: str | None) -> None:
    if text is None:
        await db.run("DELETE FROM {meta} WHERE name = $1", name)
    else:
        sql = "INSERT INTO {meta} VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        await db.run(sql, name, text)


async def _lock(db: Db) -> None:
    """Wait until nobody is in the middle of writing."""
    tables = ", ".join(f"{{{table}}}" for table in _CLOSED)
    await db.run(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")


async def _seal(db: Db, ns: int, message: str) -> None:
    await _unseal(db, ns)
    quoted = message.replace("'", "''").replace("%", "%%")
    await db.run(
        f"CREATE FUNCTION {{schema}}.sealed_{ns}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
        f" RAISE EXCEPTION '{quoted}' USING ERRCODE = '{SQLSTATE}'; END $f$"
    )
    for table in _CLOSED:
        for name, events, row in _EVENTS:
            await db.run(
                f"CREATE TRIGGER sealed_{ns}_{name} BEFORE {events} ON {{{table}}} FOR EACH ROW"
                f" WHEN ({row}.ns = {ns}) EXECUTE FUNCTION {{schema}}.sealed_{ns}()"
            )


async def _unseal(db: Db, ns: int) -> None:
    await db.run(f"DROP FUNCTION IF EXISTS {{schema}}.sealed_{ns}() CASCADE")


def _columns(table: Table) -> tuple[str, ...]:
    return (*table.key, "kind", "value", "real") if table.name == "tags" else table.columns


def _read(table: Table, row: Row) -> Row:
    """The form that all databases share."""
    return (*row[:2], tag(*row[2:])) if table.name == "tags" else row


def _written(table: Table, row: Row) -> Row:
    """The values of `_columns`."""
    return (*row[:2], *tag_values(row[2])) if table.name == "tags" else row
