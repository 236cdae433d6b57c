"""One connection to PostgreSQL: statements in one namespace of one schema, transactions with deadlines.

Nothing here is session state (no SET, no LISTEN, no advisory lock, no temporary table): behind a pooler that gives
every transaction another server connection, all of it works the same.
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from stepwell.errors import StoreUnavailable
from stepwell.store.postgres.address import Address, refused

log = logging.getLogger("stepwell.store.postgres")

TABLES: Final = (
    "meta", "namespaces", "runs", "journal", "inbox", "blobs", "tags", "mailboxes", "messages", "waits", "sent",
    "workers", "subscriptions", "records",
)  # fmt: skip
MOMENT: Final = 1.0
"""Seconds that a cancelled attempt to connect may go on."""
_TABLE: Final = re.compile(rf"\{{({'|'.join(TABLES)}|schema)\}}")
_MOST_TEXTS: Final = 2000
# A plan that was made while a table was small or empty is kept when it grows: it must not read the table as a whole.
_PLAN_FOR: Final = 20
"""Seconds for which a plan is kept."""
_PLANNER: Final = {"enable_seqscan": "off", "jit": "off"}

_NOT_TAKEN: Final = (
    asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError, asyncpg.CantChangeRuntimeParamError,
)  # fmt: skip
"""What a server says to a setting that comes with a connection: no such one, not this value, not now."""


class Home:
    """What the connections of one store have in common: where they lead, and the namespace that they work in.

    `token` is a random text of the database's own, by which a store knows its own notifications, and by which its
    prepared statements are told from other processes' on a shared server connection. Without one, nothing is prepared.
    `tell` is to be called after every commit that made work claimable: other processes hear of it (see `hints`), in a
    transaction of its own, since one that notifies keeps all others of the database from committing meanwhile.
    """

    def __init__(self, address: Address, *, durable: bool = True) -> None:
        self.address = address
        self.prepared = address.prepared
        self.steering = True
        self.durable = durable
        self.ns = 0
        self.token = ""
        self.tell: Callable[[], None] = _nobody
        self._texts: dict[str, str] = {}

    def sql(self, template: str) -> str:
        """A statement with `{runs}` and the like replaced by the tables of this schema, remembered."""
        text = self._texts.get(template)
        if text is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            quoted = f'"{self.address.schema}"'
            text = _TABLE.sub(lambda m: quoted if m[1] == "schema" else f"{quoted}.{m[1]}", template)
            self._texts[template] = text
        return text

    def begin(self, lock_timeout_s: float | None, snapshot: bool, whole: bool = False) -> str:
        """The text that begins a transaction: server and client agree on how long anything may take."""
        name = f"begin {lock_timeout_s} {snapshot} {whole} {self.durable}"
        text = self.sql(name)
        if text == name:
            deadline = round(self.address.deadline * 1000)
            sets = [f"statement_timeout = {deadline}", f"idle_in_transaction_session_timeout = {2 * deadline}"]
            if lock_timeout_s is not None:
                sets.append(f"lock_timeout = {max(1, round(lock_timeout_s * 1000))}")
            if not self.durable:
                sets.append("synchronous_commit = off")
            if whole:
                sets.append("enable_seqscan = on")
            level = "REPEATABLE READ, READ ONLY" if snapshot else "READ COMMITTED"
            text = f"BEGIN ISOLATION LEVEL {level}; {'; '.join(f'SET LOCAL {one}' for one in sets)}"
            self._texts[name] = text
        return text

    @property
    def channel(self) -> str:
        """Where stores of this namespace tell each other that something was committed; a valid identifier."""
        return f"sw_{self.address.schema}_{self.ns}"

    def is_pooled(self) -> None:
        """A pooler was met that does not know prepared statements: go on without."""
        if self.prepared:
            self.prepared = False
            shown = self.address.shown
            log.warning("%s: a transaction pooler; prepared statements are off (prepared=off says so at once)", shown)


def _nobody() -> None:
    """Nobody listens."""


class Db:
    """A connection that works in one namespace. Its methods raise the driver's errors: who lends it out translates.

    Statements are templates: `{runs}` stands for that table in the store's schema, `$1` and so on for parameters.
    """

    __slots__ = ("conn", "home", "inside", "pinned")

    def __init__(self, conn: Any, home: Home, pinned: bool) -> None:
        self.conn = conn
        self.home = home
        self.inside = False
        self.pinned = pinned

    @property
    def ns(self) -> int:
        """The number of the namespace."""
        return self.home.ns

    @property
    def schema(self) -> str:
        """The PostgreSQL schema of our tables."""
        return self.home.address.schema

    def sql(self, template: str) -> str:
        """The text that a template stands for."""
        return self.home.sql(template)

    async def all(self, sql: str, *params: Any) -> list[Any]:
        """All rows."""
        rows: list[Any] = await self._ask(self.conn.fetch, sql, params)
        return rows

    async def one(self, sql: str, *params: Any) -> Any:
        """The first row, or None."""
        return await self._ask(self.conn.fetchrow, sql, params)

    async def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._ask(self.conn.fetchval, sql, params)

    async def run(self, sql: str, *params: Any) -> int:
        """Execute a write; how many rows it concerned."""
        done: str = await self._ask(self.conn.execute, sql, params)
        last = done.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def _ask(self, method: Callable[..., Any], sql: str, params: tuple[Any, ...]) -> Any:
        text = self.home.sql(sql)
        if self.inside or not self.pinned:
            return await method(text, *params)
        # Parsing and executing are two messages: only a transaction keeps both on one server connection.
        async with self.transaction():
            return await method(text, *params)

    @asynccontextmanager
    async def transaction(
        self, lock_timeout_s: float | None = None, *, snapshot: bool = False, whole: bool = False
    ) -> "AsyncGenerator[Db]":
        """Everything inside is committed at the end, or nothing is.

        `snapshot`: read only, all as of one moment. `whole`: a table may be read from end to end, by several processes.

        Whatever fails or is cancelled inside, the connection is not left in the transaction: when in doubt it ends.
        """
        assert not self.inside, "transactions do not nest"
        self.inside = True
        try:
            await self.conn.execute(self.home.begin(lock_timeout_s, snapshot, whole))
            yield self
            done: str = await self.conn.execute("COMMIT")
            self.inside = False
        except Exception as error:
            if not isinstance(error, TimeoutError | OSError) and not self.conn.is_closed():
                await self._roll_back()
            raise
        finally:
            if self.inside:
                self.conn.terminate()
        if done != "COMMIT":
            raise StoreUnavailable(f"the database {self.home.address.shown} rolled a transaction back")

    async def _roll_back(self) -> None:
        try:
            await self.conn.execute("ROLLBACK", timeout=2.0)
            self.inside = False
        except Exception:  # noqa: BLE001 - of no interest beside the error that led here; the connection ends
            self.conn.terminate()

    async def close(self) -> None:
        """End the connection, politely if that is quick."""
        try:
            await self.conn.close(timeout=1.0)
        except Exception:  # noqa: BLE001 - it is of no use any more, whatever its state
            self.conn.terminate()


async def connect(home: Home, *, plain: bool = False) -> Db:
    """Open a connection. `plain`: nothing is prepared on it.

    Raises the driver's errors, `OSError`, `TimeoutError`; InvalidOption for a parameter of the URL that the server does
    not take.
    """
    pinned = plain or not home.prepared or not home.token
    settings = {} if home.address.named else {"application_name": "stepwell"}
    if home.steering and not pinned:
        settings |= _PLANNER
    try:
        limit: Any = home.address.deadline  # asyncpg's own annotation has it a whole number
        opening = asyncpg.connect(
            dsn=home.address.dsn,
            timeout=limit,
            command_timeout=home.address.deadline,
            statement_cache_size=0 if pinned else 256,
            max_cached_statement_lifetime=_PLAN_FOR,
            server_settings=settings,
            connection_class=_connection_class(home.token),
        )
        return Db(await _uninterrupted(asyncio.ensure_future(opening)), home, pinned)
    except asyncpg.ProtocolViolationError:
        if not home.steering:
            raise
        home.steering = False  # a pooler that takes no settings: everything works without, if not always as fast
        return await connect(home, plain=plain)
    except _NOT_TAKEN as no:
        wrong = refused(home.address, str(no), known=not isinstance(no, asyncpg.UndefinedObjectError))
        if wrong is None:
            raise
        raise wrong from no


async def _uninterrupted(opening: "asyncio.Future[Any]") -> Any:
    """The driver leaves errors behind when it is cancelled while it connects: give it a moment to end by itself."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening], timeout=MOMENT)
        if not opening.done():
            opening.cancel()
        elif not opening.cancelled() and opening.exception() is None:
            opening.result().terminate()
        raise


def _connection_class(token: str) -> Any:
    """The driver numbers its statements per process; names must differ between processes that share a server's."""

    class OwnNames(asyncpg.Connection):  # type: ignore[misc, type-arg, unused-ignore]
        __slots__ = ()

        def _get_unique_id(self, prefix: str) -> str:
            name: str = super()._get_unique_id(prefix)
            return f"{name}{os.getpid():x}_{token[:12]}"

    return OwnNames
