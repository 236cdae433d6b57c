"""Connections of users' own, by driver: asyncpg, psycopg, SQLAlchemy, sqlite3, apsw.

A driver is known by the name of the module that its class comes from, so that none has to be installed.
"""

from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any, Final

from stepwell.errors import InvalidOption
from stepwell.ports.guest import Connection, Row

POSTGRESQL: Final = "postgresql"
SQLITE: Final = "sqlite"
_IDLE, _IN_TRANSACTION = 0, 2  # of libpq
_NO_PIPELINE: Final = 0
_EXPECTED: Final = "a connection of asyncpg, psycopg, SQLAlchemy, apsw or sqlite3"


async def settled(value: Any) -> Any:
    """What a call of a driver gives, whether it is synchronous or to be awaited."""
    return await value if isawaitable(value) else value


def numbered(sql: str) -> str:
    """`$1`, `$2`, … in place of the question marks."""
    first, *rest = sql.split("?")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, start=1))


def percented(sql: str) -> str:
    """`%s` in place of the question marks."""
    return sql.replace("%", "%%").replace("?", "%s")


class AsyncpgConnection:
    """asyncpg, also through its pool's proxy."""

    database = POSTGRESQL

    def __init__(self, native: Any) -> None:
        self.native = native

    async def begun(self) -> bool:
        return bool(self.native.is_in_transaction())

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return [tuple(row) for row in await self.native.fetch(numbered(sql), *params)]


class PsycopgConnection:
    """psycopg 3, both kinds; not in pipeline mode, in which nobody knows yet whether what was sent succeeds."""

    database = POSTGRESQL

    def __init__(self, native: Any) -> None:
        self.native = native

    async def begun(self) -> bool:
        self._refuse_pipeline()
        # Without autocommit, the first statement begins the transaction.
        status = int(self.native.info.transaction_status)
        return status == _IN_TRANSACTION or (status == _IDLE and not self.native.autocommit)

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        self._refuse_pipeline()
        cursor = self.native.cursor(row_factory=_plain)
        try:
            await settled(cursor.execute(percented(sql) if params else sql, list(params) or None))
            rows: list[Row] = await settled(cursor.fetchall()) if cursor.description else []
            return rows
        finally:
            await settled(cursor.close())

    def _refuse_pipeline(self) -> None:
        if int(self.native.info.pipeline_status) != _NO_PIPELINE:
            raise InvalidOption(
                "the connection is in pipeline mode: its answers come only later",
                expected="a psycopg connection outside of `conn.pipeline()`",
                hint="Start the run before the pipeline or after it, in the same transaction.",
            )


def _plain(_: Any) -> Callable[[Sequence[Any]], Row]:
    return tuple


class SqliteConnection:
    """sqlite3 of the standard library."""

    database = SQLITE

    def __init__(self, native: Any) -> None:
        self.native = native

    async def begun(self) -> bool:
        # Unless told otherwise, the module begins a transaction with the first write.
        implicit = self.native.isolation_level is not None or getattr(self.native, "autocommit", -1) is False
        return bool(self.native.in_transaction) or implicit

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        cursor = self.native.cursor()
        cursor.row_factory = None
        try:
            return [tuple(row) for row in cursor.execute(sql, tuple(params)).fetchall()]
        finally:
            cursor.close()


class ApswConnection:
    """apsw."""

    database = SQLITE

    def __init__(self, native: Any) -> None:
        self.native = native

    async def begun(self) -> bool:
        return bool(self.native.in_transaction)

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return [tuple(row) for row in self.native.execute(sql, tuple(params)).fetchall()]


class AlchemyConnection:
    """SQLAlchemy: a connection or a session, of either kind, over any driver of the two databases."""

    def __init__(self, native: Any) -> None:
        self.native = native
        bound = native.get_bind() if hasattr(native, "get_bind") else native
        dialect = bound.dialect
        if dialect.name not in (POSTGRESQL, SQLITE):
            raise InvalidOption(f"a connection to {dialect.name}", expected="one to PostgreSQL or SQLite")
        self.database: str = dialect.name
        self._style: str = dialect.paramstyle

    async def begun(self) -> bool:
        raw = (await self._raw()).dbapi_connection
        if self.database == SQLITE and hasattr(raw, "in_transaction"):
            return await SqliteConnection(raw).begun()
        return getattr(raw, "autocommit", False) is not True  # without, the first statement begins the transaction

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        conn = await self._connection()
        result = await settled(conn.exec_driver_sql(self._spelled(sql, bool(params)), tuple(params)))
        return [tuple(row) for row in result.fetchall()] if result.returns_rows else []

    async def driver(self) -> Any:
        """The driver's own connection."""
        return (await self._raw()).driver_connection

    async def _raw(self) -> Any:
        conn = await self._connection()
        return await conn.get_raw_connection() if hasattr(conn, "get_raw_connection") else conn.connection

    async def _connection(self) -> Any:
        native = self.native
        return await settled(native.connection()) if hasattr(native, "get_bind") else native

    def _spelled(self, sql: str, any_params: bool) -> str:
        if self._style == "qmark":
            return sql
        if self._style.startswith("numeric"):
            return numbered(sql)
        return percented(sql) if any_params else sql


def connection(native: Any) -> Connection:
    """As `ports.guest.Transactions.connection`."""
    made = kind_of(native)
    if made is None:
        kind = type(native)
        raise InvalidOption(f"{kind.__module__}.{kind.__qualname__} is no connection", expected=_EXPECTED)
    return made(native)


def kind_of(native: Any) -> Callable[[Any], Connection] | None:
    """What makes a connection of an object, if it is one of a known driver."""
    names = ((cls.__module__.partition(".")[0], cls.__name__) for cls in type(native).__mro__)
    return next((made for name in names if (made := _KINDS.get(name)) is not None), None)


_KINDS: Final[dict[tuple[str, str], Callable[[Any], Connection]]] = {
    ("asyncpg", "Connection"): AsyncpgConnection,
    ("asyncpg", "PoolConnectionProxy"): AsyncpgConnection,
    ("psycopg", "Connection"): PsycopgConnection,
    ("psycopg", "AsyncConnection"): PsycopgConnection,
    ("sqlite3", "Connection"): SqliteConnection,
    ("apsw", "Connection"): ApswConnection,
    ("sqlalchemy", "Connection"): AlchemyConnection,
    ("sqlalchemy", "AsyncConnection"): AlchemyConnection,
    ("sqlalchemy", "Session"): AlchemyConnection,
    ("sqlalchemy", "AsyncSession"): AlchemyConnection,
    ("sqlalchemy", "scoped_session"): AlchemyConnection,
    ("sqlalchemy", "async_scoped_session"): AlchemyConnection,
}
