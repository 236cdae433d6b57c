"""Transactions for steps on SQLite, and how one of asyncpg ends; more on PostgreSQL in tests/store/postgres."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest
from sqlalchemy.orm import sessionmaker

from stepwell.adapters.transactions import Drivers
from stepwell.errors import InvalidOption, StoreLocked, WrongContext
from stepwell.ports.guest import at_once
from tests import postgres
from tests.adapters.engines import disposed, engine_of

SOURCES: dict[str, Callable[[Path], Any]] = {
    "apsw": lambda file: partial(apsw.Connection, str(file)),
    "sqlite3": lambda file: partial(sqlite3.connect, file),
    "sqlite3 without its own transactions": lambda file: partial(sqlite3.connect, file, isolation_level=None),
    "engine": engine_of,
    "session maker": lambda file: sessionmaker(engine_of(file)),
}
closing = pytest.fixture(autouse=True)(disposed)


async def begin(source: Any, **how: Any) -> Any:
    """A transaction on any connection at all."""

    async def admit(conn: Any) -> None: ...

    return await Drivers().begin(source, admit=admit, **how)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    conn = sqlite3.connect(tmp_path / "a.db")
    conn.execute("CREATE TABLE t (a)")
    conn.close()
    return tmp_path / "a.db"


def rows(file: Path) -> list[int]:
    conn = sqlite3.connect(file)
    found = [a for (a,) in conn.execute("SELECT a FROM t")]
    conn.close()
    return found


@pytest.mark.parametrize("kind", SOURCES)
def test_commit_and_roll_back(kind: str, file: Path) -> None:
    source = SOURCES[kind](file)
    for commits, expected in ((False, []), (True, [1])):
        transaction = at_once(begin(source))
        assert at_once(transaction.conn.begun())
        at_once(transaction.conn.execute("INSERT INTO t VALUES (?)", (1,)))
        at_once(transaction.flush())
        if commits:
            at_once(transaction.commit())
        at_once(transaction.leave())
        assert rows(file) == expected


@pytest.mark.parametrize("kind", SOURCES)
def test_the_lock_of_the_file_is_taken_at_the_beginning(kind: str, file: Path) -> None:
    transaction = at_once(begin(SOURCES[kind](file)))
    other = SOURCES["apsw" if kind == "apsw" else "sqlite3"](file)
    with pytest.raises(StoreLocked):
        at_once(begin(other, wait=False))
    at_once(transaction.leave())
    at_once(at_once(begin(other, wait=False)).leave())


def test_a_session_writes_what_it_has_left() -> None:
    flushed = []

    class Session:
        def flush(self) -> None:
            flushed.append(1)

    transaction = at_once(begin(partial(apsw.Connection, ":memory:")))
    transaction.native = Session()
    at_once(transaction.flush())
    assert flushed == [1]


def test_what_is_no_source(file: Path) -> None:
    class AsyncEngine: ...

    with pytest.raises(InvalidOption, match="a single connection"):
        at_once(begin(apsw.Connection(str(file))))
    for nothing in (object(), lambda: None, lambda: "postgresql://"):
        with pytest.raises(InvalidOption, match="expected a pool"):
            at_once(begin(nothing))
    with pytest.raises(WrongContext, match="AsyncEngine"):
        at_once(begin(AsyncEngine()))
    assert at_once(Drivers().connection(apsw.Connection(str(file))).begun()) is False


def test_leaving_hides_no_error_and_raises_none(file: Path) -> None:
    transaction = at_once(begin(partial(apsw.Connection, str(file))))
    transaction.native.close()
    at_once(transaction.leave())


class Asyncpg:
    """A pool of one connection, and what asyncpg has complained of to the loop."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: self.complaints.append(told["message"]))

    async def transacted(self, body: Callable[[Any], Any]) -> None:
        """As a step has it: whatever becomes of the body, the transaction is left."""
        transaction = await begin(self.pool, wait=False)
        try:
            await transaction.conn.execute("CREATE TABLE of_an_attempt (a integer)")
            await body(transaction)
        finally:
            await transaction.leave()

    async def left_nothing(self) -> bool:
        """Whether the connection is back, in order, and nothing of the attempt is there."""
        async with asyncio.timeout(60), self.pool.acquire() as conn:
            table = await conn.fetchval("SELECT to_regclass('of_an_attempt')")
            return table is None and not conn.is_in_transaction() and not self.complaints


async def raises(transaction: Any) -> None:
    raise ZeroDivisionError


async def breaks_the_transaction(transaction: Any) -> None:
    await transaction.native.execute("SELECT 1/0")


async def times_out(transaction: Any) -> None:
    async with asyncio.timeout(0.01):
        await transaction.native.execute("SELECT pg_sleep(60)")


async def is_cancelled(transaction: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    await transaction.native.execute("SELECT pg_sleep(60)")


async def ends_it_itself(transaction: Any) -> None:
    await transaction.native.execute("ROLLBACK")


async def opens_a_savepoint(transaction: Any) -> None:
    await transaction.native.transaction().start()
    raise ZeroDivisionError


async def cannot_commit(transaction: Any) -> None:
    sql = "CREATE TEMP TABLE own (a integer UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
    await transaction.native.execute(sql)
    await transaction.native.execute("INSERT INTO own VALUES (1), (1)")
    await transaction.commit()


@pytest.mark.parametrize(
    "body",
    [raises, breaks_the_transaction, times_out, is_cancelled, ends_it_itself, opens_a_savepoint, cannot_commit],
)
def test_asyncpg_has_nothing_to_complain_of_an_attempt_that_failed(body: Callable[[Any], Any]) -> None:
    async def main() -> None:
        async with asyncpg.create_pool(postgres.shared().url, min_size=1, max_size=1) as pool:
            own = Asyncpg(pool)
            attempt = asyncio.create_task(own.transacted(body))
            await asyncio.wait([attempt])
            assert attempt.cancelled() or attempt.exception() is not None or body is ends_it_itself
            assert await own.left_nothing(), own.complaints

    asyncio.run(main())


def test_a_transaction_that_cannot_begin_is_no_complaint_either() -> None:
    async def main() -> None:
        async with asyncpg.create_pool(postgres.shared().url, min_size=1, max_size=1) as pool:
            own = Asyncpg(pool)
            beginning = asyncio.create_task(begin(pool, wait=False))
            asyncio.get_running_loop().call_soon(beginning.cancel)
            await asyncio.wait([beginning])
            assert await own.left_nothing(), own.complaints

    asyncio.run(main())


def test_who_leaves_may_be_cancelled_once_more() -> None:
    async def main() -> None:
        async with asyncpg.create_pool(postgres.shared().url, min_size=1, max_size=1) as pool:
            own = Asyncpg(pool)
            transaction = await begin(pool, wait=False)
            leaving = asyncio.create_task(transaction.leave())
            asyncio.get_running_loop().call_soon(leaving.cancel)
            await asyncio.wait([leaving])
            assert leaving.cancelled()
            assert await own.left_nothing(), own.complaints

    asyncio.run(main())


def test_a_connection_that_is_not_admitted_is_given_back_unused(tmp_path: Path) -> None:
    asked: list[str] = []
    conn = sqlite3.connect(tmp_path / "a.db")
    conn.set_trace_callback(asked.append)

    async def admit(_: Any) -> None:
        raise InvalidOption("not this one")

    with pytest.raises(InvalidOption, match="not this one"):
        at_once(Drivers().begin(lambda: conn, admit=admit))
    assert asked == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        conn.execute("SELECT 1")
