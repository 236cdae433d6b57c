"""Transactions on connections that are taken for a step: from a pool, an engine, a session maker, or a function.

Everything else is done with the connection afterwards, but nothing in the same transaction: it ends here. A commit
that is not answered in time is left to itself, and its connection is given back when the driver gives up.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Final

from stepwell.adapters.connections import SQLITE, AlchemyConnection, connection, kind_of, settled
from stepwell.errors import InvalidOption, StoreLocked, StoreUnavailable, WrongContext
from stepwell.ports.guest import Admit, Connection, Transaction, at_once

log = logging.getLogger("stepwell.step")
GiveBack = Callable[[Any], Awaitable[Any] | Any]
PATIENCE_MS: Final = 30_000
COMMIT_S: float = 10.0
"""Seconds that a commit may take before it is looked up by another connection whether it has happened."""
_EXPECTED: Final = "a pool, an engine, a session maker, or a function that makes a connection"


class OpenTransaction:
    """Implements `ports.guest.Transaction`. `give_back` is told of the connection when all is over."""

    def __init__(self, native: Any, give_back: GiveBack) -> None:
        self.native = native
        self.conn: Connection = connection(native)
        self._give_back = give_back
        self._own: Any = None
        self._sync = False
        self._ending: asyncio.Future[None] | Future[None] | None = None
        self._leaving: asyncio.Future[None] | None = None

    async def begin(self, wait: bool) -> None:
        """Begin; of SQLite's kinds the one that never has to be given up half-way, since it waits at its beginning."""
        native, conn, self._sync = self.native, self.conn, wait
        if conn.database == SQLITE:
            if isinstance(conn, AlchemyConnection):
                await settled(native.begin())
            if not getattr(await _driver(conn), "in_transaction", False):
                await _begin_immediate(conn, wait)
        elif hasattr(native, "is_in_transaction"):
            # Entered as `async with` does, or asyncpg complains of one that failed when its connection goes back.
            own = native.transaction()
            await own.__aenter__()
            self._own = own
        elif isinstance(conn, AlchemyConnection):
            await settled(native.begin())
        elif native.autocommit:
            await conn.execute("BEGIN")

    async def flush(self) -> None:
        if hasattr(self.native, "flush"):
            await settled(self.native.flush())

    async def commit(self) -> None:
        if self.conn.database == SQLITE:
            await self._commit()
            return
        if self._sync:
            self._ending = self._commit_beside()
            asked: Any = threading.Event()
            self._ending.add_done_callback(lambda _: asked.set())
            asked.wait(COMMIT_S)
        else:
            self._ending = asyncio.ensure_future(self._commit())
            await asyncio.wait([self._ending], timeout=COMMIT_S)
        if not self._ending.done():
            if hasattr(self.native, "terminate"):
                self.native.terminate()
            raise StoreUnavailable(f"the database did not answer the COMMIT of a step within {COMMIT_S:.0f} s")
        self._ending.result()

    def _commit_beside(self) -> "Future[None]":
        """In a thread of its own, which may stand still for as long as the driver likes."""
        ending: Future[None] = Future()

        def work() -> None:
            try:
                at_once(self._commit())
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                ending.set_exception(error)
            else:
                ending.set_result(None)

        threading.Thread(target=copy_context().run, args=(work,), name="stepwell-commit", daemon=True).start()
        return ending

    async def _commit(self) -> None:
        if self._own is not None:
            own, self._own = self._own, None
            await own.__aexit__(None, None, None)
        elif hasattr(self.native, "commit"):
            await settled(self.native.commit())
        else:
            await self.conn.execute("COMMIT")

    async def leave(self) -> None:
        if self._ending is None or self._ending.done():
            if self._sync or self.conn.database == SQLITE:
                await self._leave()
            else:  # to its end, also when whoever leaves is cancelled once more
                self._leaving = asyncio.ensure_future(self._leave())
                await asyncio.shield(self._leaving)
        elif isinstance(self._ending, Future):
            self._ending.add_done_callback(lambda _: at_once(self._leave()))
        else:
            self._leaving = asyncio.ensure_future(self._leave_after(self._ending))

    async def _leave_after(self, ending: "asyncio.Future[None]") -> None:
        await asyncio.wait([ending])
        if not ending.cancelled() and (error := ending.exception()) is not None:
            log.debug("a commit that was given up: %s", error)
        await self._leave()

    async def _leave(self) -> None:
        for end in (self._end_own, self._roll_back):
            try:
                await end()
            except Exception as error:  # noqa: BLE001 - the connection is gone: so is the transaction
                log.debug("rolling back: %s", error)
        try:
            await settled(self._give_back(self.native))
        except Exception as error:  # noqa: BLE001 - nothing of the step depends on it
            log.debug("giving a connection back: %s", error)

    async def _end_own(self) -> None:
        """Let the driver end its own transaction: of one that was ended by a statement only, it knows nothing."""
        own, self._own = self._own, None
        if own is not None:
            await own.__aexit__(asyncio.CancelledError, None, None)

    async def _roll_back(self) -> None:
        native = self.native
        if hasattr(native, "is_in_transaction"):
            if native.is_in_transaction():
                await native.execute("ROLLBACK")
        elif hasattr(native, "rollback"):
            await settled(native.rollback())
        elif native.in_transaction:
            await self.conn.execute("ROLLBACK")


async def _begin_immediate(conn: Connection, wait: bool) -> None:
    ((patience,),) = await conn.execute("PRAGMA busy_timeout")
    patience = patience or PATIENCE_MS
    await conn.execute(f"PRAGMA busy_timeout = {patience if wait else 0}")
    try:
        await conn.execute("BEGIN IMMEDIATE")
    except Exception as error:
        if "locked" in str(error) or "busy" in str(error).lower():
            raise StoreLocked(f"an SQLite file is locked by another transaction ({error})") from error
        raise
    await conn.execute(f"PRAGMA busy_timeout = {patience}")


async def _driver(conn: Connection) -> Any:
    return await conn.driver() if isinstance(conn, AlchemyConnection) else conn.native


async def begin(source: Any, wait: bool, admit: Admit) -> Transaction:
    """As `ports.guest.Transactions.begin`."""
    if wait and _asynchronous(source):
        raise WrongContext(
            f"a `def` step takes an asynchronous connection, from {type(source).__qualname__}",
            hint="Give it the driver's synchronous kind, or make the step `async def`.",
        )
    native, give_back = await _taken(source)
    try:
        transaction = OpenTransaction(native, give_back)
        await admit(transaction.conn)
        await transaction.begin(wait)
    except BaseException:
        await settled(give_back(native))
        raise
    return transaction


def _asynchronous(source: Any) -> bool:
    kind = type(source)
    return kind.__module__.startswith("asyncpg") or kind.__name__.lower().startswith("async")


async def _taken(source: Any) -> tuple[Any, GiveBack]:
    """A connection, and what to do with it afterwards."""
    if kind_of(source) is not None:
        raise InvalidOption(
            "a step takes its transaction from a single connection",
            expected=_EXPECTED,
            hint="Steps run at the same time, and each needs a connection of its own.",
        )
    if hasattr(source, "acquire") and hasattr(source, "release"):
        return await source.acquire(), source.release
    if hasattr(source, "getconn") and hasattr(source, "putconn"):
        return await settled(source.getconn()), source.putconn
    made: Any = None
    if hasattr(source, "connect") and hasattr(source, "dialect"):
        made = source.connect()
        if hasattr(made, "start"):
            await made.start()
    elif callable(source):
        made = await settled(source())
    if made is None or kind_of(made) is None:
        raise InvalidOption(f"a step takes its transaction from {type(source).__qualname__}", expected=_EXPECTED)
    return made, _closed


def _closed(native: Any) -> Any:
    return native.close()


class Drivers:
    """Implements `ports.guest.Transactions`."""

    def connection(self, native: Any) -> Connection:
        return connection(native)

    async def begin(self, source: Any, *, admit: Admit, wait: bool = True) -> Transaction:
        return await begin(source, wait, admit)
