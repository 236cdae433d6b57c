import asyncio
import logging
from contextlib import suppress

import asyncpg
import pytest

from stepwell.errors import InvalidOption, StoreUnavailable
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import TABLES, Db, Home, connect
from stepwell.store.sql.migrations import migrations

pytestmark = pytest.mark.anyio
PUT = "INSERT INTO {subscriptions} VALUES ($1, $2, 'w')"
COUNT = "SELECT count(*) FROM {subscriptions} WHERE ns = $1"


def test_templates_name_the_tables_of_the_schema() -> None:
    home = Home(address("postgresql://db/x?schema=flows"))
    template = "SELECT '{}' FROM {runs} JOIN {schema}.x JOIN {unknown} USING (ns)"
    assert home.sql(template) == 'SELECT \'{}\' FROM "flows".runs JOIN "flows".x JOIN {unknown} USING (ns)'
    for n in range(5000):
        home.sql(f"SELECT {n} FROM {{runs}}")
    assert len(home._texts) <= 2000


def test_every_table_has_its_name_in_templates() -> None:
    made = "".join(step.sql for step in migrations("postgres"))
    assert {line.split("{schema}.")[1].split(" ")[0] for line in made.splitlines() if line.startswith("CREATE TABLE")} \
        == set(TABLES)  # fmt: skip


def test_a_transaction_begins_with_its_deadlines() -> None:
    home = Home(address("postgresql://db/x?deadline=3"), durable=False)
    assert home.begin(0.25, False) == home.begin(0.25, False)
    assert home.begin(0.25, False) == (
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 3000;"
        " SET LOCAL idle_in_transaction_session_timeout = 6000; SET LOCAL lock_timeout = 250;"
        " SET LOCAL synchronous_commit = off"
    )
    assert home.begin(None, True).startswith("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement")


async def test_answers(db: Db) -> None:
    assert await db.run(PUT, db.ns, "a") == 1
    assert await db.run(PUT, db.ns, "b") == 1
    rows = await db.all("SELECT event FROM {subscriptions} WHERE ns = $1 ORDER BY event", db.ns)
    assert [event for (event,) in rows] == ["a", "b"]
    assert await db.one("SELECT event FROM {subscriptions} WHERE event = $1", "none") is None
    assert await db.value("SELECT event FROM {subscriptions} WHERE event = $1", "none") is None
    assert await db.value(COUNT, db.ns) == 2
    assert await db.run("DELETE FROM {subscriptions} WHERE ns = $1", db.ns) == 2
    assert await db.run("SET LOCAL enable_seqscan = on") == 0


async def _put(db: Db, *events: str, error: Exception | None = None) -> None:
    async with db.transaction(lock_timeout_s=1.0):
        for event in events:
            await db.run(PUT, db.ns, event)
        if error is not None:
            raise error


async def test_a_transaction_is_all_or_nothing(db: Db) -> None:
    await _put(db, "a")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _put(db, "b", "a")
    with pytest.raises(ZeroDivisionError):
        await _put(db, "c", error=ZeroDivisionError())
    assert await db.value(COUNT, db.ns) == 1
    assert not db.inside


async def test_a_commit_that_the_server_made_a_rollback_is_no_success(db: Db) -> None:
    async def fail_unnoticed() -> None:
        async with db.transaction():
            await db.run(PUT, db.ns, "a")
            with suppress(asyncpg.PostgresSyntaxError):
                await db.value("SELEKT")

    with pytest.raises(StoreUnavailable, match="rolled"):
        await fail_unnoticed()
    assert await db.value(COUNT, db.ns) == 0


async def test_a_cancelled_transaction_ends_its_connection(home: Home, db: Db) -> None:
    other = await connect(home)
    begun = asyncio.Event()

    async def work() -> None:
        async with other.transaction():
            await other.run(PUT, other.ns, "a")
            begun.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert other.conn.is_closed()
    assert await db.value(COUNT, db.ns) == 0


async def test_a_snapshot_is_of_one_moment(home: Home, db: Db) -> None:
    other = await connect(home)
    async with db.transaction(snapshot=True):
        assert await db.value(COUNT, db.ns) == 0
        await other.run(PUT, db.ns, "a")
        assert await db.value(COUNT, db.ns) == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with asyncio.timeout(60):
                await db.run(PUT, db.ns, "b")
        await db.conn.execute("ROLLBACK; BEGIN")
    assert await db.value(COUNT, db.ns) == 1
    await other.close()


async def test_locks_are_not_waited_for_longer_than_asked(home: Home, db: Db) -> None:
    other = await connect(home)
    await db.run(PUT, db.ns, "a")
    lock = "SELECT 1 FROM {subscriptions} WHERE ns = $1 FOR UPDATE"
    async with db.transaction():
        await db.value(lock, db.ns)
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with other.transaction(lock_timeout_s=0.02):
                await other.value(lock, db.ns)
    await other.close()


async def test_without_prepared_statements_each_is_in_a_transaction(home: Home) -> None:
    pinned = await connect(home, plain=True)
    assert await pinned.value("SELECT current_setting('idle_in_transaction_session_timeout')") == "20s"
    assert await pinned.value("SELECT count(*) FROM pg_prepared_statements") == 0
    await pinned.close()
    await pinned.close()


async def test_prepared_statements_have_names_of_their_own(home: Home, db: Db) -> None:
    await db.value("SELECT 1 + $1::integer", 1)
    names = [name for (name,) in await db.all("SELECT name FROM pg_prepared_statements")]
    assert names
    assert all(home.token[:12] in name for name in names)


def test_a_pooler_is_spoken_of_once(caplog: pytest.LogCaptureFixture) -> None:
    home = Home(address("postgresql://me:hush@db/x"))
    with caplog.at_level(logging.WARNING):
        home.is_pooled()
        home.is_pooled()
    assert not home.prepared
    (told,) = [record for record in caplog.records if record.name == "stepwell.store.postgres"]
    assert "hush" not in told.getMessage()
    home.tell()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("bogus=1", "^bogus in the database URL .*expected schema, lanes"),
        ("shcema=x", "Did you mean schema"),
        ("options=-c%20bogus%3D1", "^options in the database URL .*bogus"),
        ("statement_timeout=soon", "^statement_timeout in the database URL .*soon"),
        ("shared_buffers=1GB", "^shared_buffers in the database URL"),
    ],
)
async def test_a_parameter_that_the_server_does_not_take(server_url: str, query: str, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        await connect(Home(address(f"{server_url}?{query}")))


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("search_path=own", "search_path", "own"),
        ("statement_timeout=7s", "statement_timeout", "7s"),
        ("options=-c%20work_mem%3D5MB", "work_mem", "5MB"),
        ("shop.branch=north", "shop.branch", "north"),
        ("application_name=till", "application_name", "till"),
        ("sslmode=prefer&target_session_attrs=any", "application_name", "stepwell"),
    ],
)
async def test_settings_of_the_server_and_of_the_driver(
    server_url: str, query: str, setting: str, value: str
) -> None:  # fmt: skip
    db = await connect(Home(address(f"{server_url}?{query}")))
    assert await db.conn.fetchval(f"SHOW {setting}") == value
    await db.close()
