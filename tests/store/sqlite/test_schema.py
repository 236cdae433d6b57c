import asyncio
from pathlib import Path

import apsw
import msgspec
import pytest

from stepwell.errors import SchemaMissing, SchemaTooNew, SchemaTooOld, StoreCorrupt
from stepwell.store.sql.migrations import Migration, migrations
from stepwell.store.sqlite import SqliteStore, schema_status, upgrade, upgrade_sql
from stepwell.store.sqlite.connection import connect
from stepwell.store.sqlite.schema import migrate, read_status
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio
FIRST = migrations("sqlite")[0]
NEWEST = len(migrations("sqlite"))
SECOND = Migration(
    2, "more", 1, "ALTER TABLE stepwell_runs ADD COLUMN more TEXT; CREATE TABLE stepwell_more (a ANY) STRICT;"
)
BREAKING = Migration(3, "less", 3, "DROP TABLE stepwell_more;")


def _schema(path: Path) -> list[str]:
    return [sql for (sql,) in connect(str(path)).all("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY sql")]


def _note(path: Path, **values: int) -> None:
    db = connect(str(path))
    for name, value in values.items():
        db.run("UPDATE stepwell_meta SET value = ? WHERE name = ?", (value, name))
    db.conn.close()


async def test_opening_makes_the_schema(store: SqliteStore, path: Path) -> None:
    status = schema_status(str(path))
    assert (status.schema, status.min_reader, status.newest, status.pending) == (NEWEST, 1, NEWEST, ())
    assert status.usable
    assert connect(str(path)).value("SELECT value FROM stepwell_meta WHERE name = 'created_at'") == 1_700_000_000.0


async def test_a_new_database_is_never_seen_half_made(path: Path) -> None:
    steps = [FIRST, SECOND]
    maker, looker = connect(str(path)), connect(str(path), reading=True)
    seen: list[int] = []
    # Whatever has been executed, another process may look next.
    maker.conn.set_profile(lambda *_: seen.append(read_status(looker, steps).schema))
    assert migrate(maker, 1.0, steps).schema == 2
    maker.conn.set_profile(None)
    assert set(seen) == {0, 2}


async def test_nothing_is_made_unasked(open_store: OpenStore, path: Path) -> None:
    assert schema_status(str(path)).schema == 0
    assert not schema_status(str(path)).usable
    with pytest.raises(SchemaMissing, match="stepwell db init"):
        await open_store(create=False)
    assert not path.exists()
    connect(str(path)).run("CREATE TABLE users (a)")
    with pytest.raises(SchemaMissing, match="stepwell db init"):
        await open_store(create=False)


async def test_a_user_s_own_tables_stay(open_store: OpenStore, path: Path) -> None:
    db = connect(str(path))
    db.run("CREATE TABLE runs (a)")
    db.run("INSERT INTO runs VALUES (1)")
    await open_store()
    assert db.value("SELECT a FROM runs") == 1


async def test_a_newer_schema(open_store: OpenStore, path: Path) -> None:
    await (await open_store()).close()
    _note(path, schema=NEWEST + 1)
    await (await open_store()).close()  # expanded only: a version older keeps working
    _note(path, min_reader=NEWEST + 1)
    with pytest.raises(SchemaTooNew, match="pip install --upgrade stepwell"):
        await open_store()
    with pytest.raises(SchemaTooNew):
        upgrade(str(path), 0.0)
    assert not schema_status(str(path)).usable


async def test_an_older_schema(open_store: OpenStore, path: Path) -> None:
    await (await open_store()).close()
    _note(path, schema=0)
    db = connect(str(path))
    db.run("UPDATE stepwell_meta SET value = -1 WHERE name = 'schema'")
    with pytest.raises(SchemaTooOld, match="stepwell db upgrade"):
        await open_store(create=False)


def test_migrations_are_applied_in_order(path: Path) -> None:
    assert upgrade(str(path), 5.0, [FIRST]).schema == 1
    status = schema_status(str(path), [FIRST, SECOND, BREAKING])
    assert (status.schema, status.pending, status.usable) == (1, ("0002_more", "0003_less"), False)
    assert upgrade(str(path), 6.0, [FIRST, SECOND]).schema == 2
    assert schema_status(str(path), [FIRST]).usable
    after = upgrade(str(path), 7.0, [FIRST, SECOND, BREAKING])
    assert (after.schema, after.min_reader, after.pending) == (3, 3, ())
    assert not schema_status(str(path), [FIRST, SECOND]).usable
    assert upgrade(str(path), 8.0, [FIRST, SECOND, BREAKING]) == after
    assert connect(str(path)).value("SELECT value FROM stepwell_meta WHERE name = 'created_at'") == 5.0


def test_a_migration_that_fails_leaves_nothing(path: Path) -> None:
    upgrade(str(path), 5.0, [FIRST])
    before = _schema(path)
    wrong = msgspec.structs.replace(SECOND, sql=SECOND.sql + "CREATE TABLE stepwell_runs (a);")
    with pytest.raises(Exception, match="stepwell_runs"):
        upgrade(str(path), 6.0, [FIRST, wrong])
    assert _schema(path) == before
    assert schema_status(str(path)).schema == 1
    assert upgrade(str(path), 6.0, [FIRST, SECOND]).schema == 2


def test_printed_sql_does_the_same(path: Path) -> None:
    steps = [FIRST, SECOND]
    printed, other = upgrade_sql(str(path), steps), path.with_name("other.db")
    assert not path.exists()
    upgrade(str(other), 0.0, steps)
    assert upgrade_sql(str(other), steps) == "-- nothing to do\n"
    conn = apsw.Connection(str(path))
    conn.execute(printed)
    conn.close()
    assert _schema(path) == _schema(other)
    assert schema_status(str(path), steps).usable
    assert "BEGIN IMMEDIATE" not in upgrade_sql(str(path), [FIRST])


async def test_two_processes_make_it_at_once(path: Path) -> None:
    def make() -> int:
        return migrate(connect(str(path)), 0.0).schema

    assert await asyncio.gather(*(asyncio.to_thread(make) for _ in range(4))) == [NEWEST] * 4


async def test_what_is_no_database(open_store: OpenStore, path: Path) -> None:
    path.write_bytes(b"this is not a database at all, " * 100)
    with pytest.raises(StoreCorrupt, match="not an SQLite database"):
        await open_store()
    with pytest.raises(StoreCorrupt):
        schema_status(str(path))


async def test_every_key_is_led_by_the_namespace(store: SqliteStore, path: Path) -> None:
    db = connect(str(path))
    tables = [
        name for (name,) in db.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'stepwell%'")
    ]
    for table in tables:
        if table in ("stepwell_meta", "stepwell_namespaces"):
            continue
        for _, index, *_ in db.all(f"PRAGMA index_list({table})"):
            assert db.all(f"PRAGMA index_info({index})")[0][2] == "ns", index
