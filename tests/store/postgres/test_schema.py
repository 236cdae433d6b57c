import asyncio
import time

import asyncpg
import pytest

from stepwell.errors import NotFound, SchemaMissing, SchemaTooNew, SchemaTooOld, StoreUnavailable
from stepwell.model.change import ClaimRequest
from stepwell.model.record import Record
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.schema import enter, migrate, schema_status, upgrade, upgrade_sql, visit
from stepwell.store.sql.migrations import Migration, migrations
from tests import postgres
from tests.store.postgres.conftest import OpenPostgres

pytestmark = pytest.mark.anyio
STEPS = migrations("postgres")
NEWEST = len(STEPS)
MORE = Migration(
    NEWEST + 1, "more", 1, "ALTER TABLE {schema}.runs ADD COLUMN more text; CREATE TABLE {schema}.extra ();"
)
BREAKING = Migration(NEWEST + 2, "less", NEWEST + 2, "DROP TABLE {schema}.extra;")


async def _columns(url: str) -> list[tuple[object, ...]]:
    async with visit(Home(address(url))) as db:
        columns = await db.all(
            "SELECT table_name, column_name, data_type, collation_name, is_nullable FROM information_schema.columns"
            " WHERE table_schema = $1 ORDER BY 1, 2",
            db.schema,
        )
        indexes = await db.all(
            "SELECT tablename, indexname, replace(indexdef, $1, '') FROM pg_indexes WHERE schemaname = $1"
            " ORDER BY 1, 2",
            db.schema,
        )
    return [tuple(row) for row in (*columns, *indexes)]


async def test_from_nothing_to_up_to_date(schema_url: str) -> None:
    before = await schema_status(schema_url)
    assert (before.schema, before.usable, before.newest) == (0, False, NEWEST)
    assert await _columns(schema_url) == []
    after = await upgrade(schema_url)
    assert (after.schema, after.min_reader, after.pending, after.usable) == (NEWEST, 1, (), True)
    assert await upgrade(schema_url) == after
    assert await upgrade_sql(schema_url) == "-- nothing to do\n"
    async with visit(Home(address(schema_url))) as db:
        made = float(await db.value("SELECT value FROM {meta} WHERE name = 'created_at'"))
    assert abs(made - time.time()) < 60


async def test_every_text_is_compared_by_code_point(schema_url: str) -> None:
    await upgrade(schema_url)
    texts = [row for row in await _columns(schema_url) if row[2] == "text" and row[:2] != ("meta", "value")]
    assert len(texts) > 30
    assert {row[3] for row in texts} == {"C"}


async def test_the_printed_statements_do_the_same(schema_url: str, server_url: str) -> None:
    text = await upgrade_sql(schema_url)
    connection = await asyncpg.connect(server_url)
    await connection.execute(text)
    await connection.close()
    assert (await schema_status(schema_url)).usable
    other = f"{server_url}?schema={postgres.fresh()}"
    await upgrade(other)
    assert await _columns(schema_url) == await _columns(other)


async def test_many_at_once_apply_it_once(schema_url: str) -> None:
    found = await asyncio.gather(*(upgrade(schema_url) for _ in range(6)))
    assert {status.schema for status in found} == {NEWEST}


async def test_many_that_open_it_make_it_once(open_postgres: OpenPostgres, schema_url: str) -> None:
    stores = await asyncio.gather(*(open_postgres(schema_url, namespace="default") for _ in range(6)))
    assert [await store.workers() for store in stores] == [[]] * 6


async def test_nothing_is_made_unasked(open_postgres: OpenPostgres, schema_url: str) -> None:
    with pytest.raises(SchemaMissing, match="stepwell db init"):
        await open_postgres(schema_url, create=False)
    assert (await schema_status(schema_url)).schema == 0
    await open_postgres(schema_url)
    await open_postgres(schema_url, create=False)


async def test_older_and_newer(open_postgres: OpenPostgres, schema_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await upgrade(schema_url)
    old = await open_postgres(schema_url)
    await upgrade(schema_url, [*STEPS, MORE])
    assert await old.workers() == [], "one version older goes on"
    await open_postgres(schema_url)
    assert (await schema_status(schema_url, [*STEPS, MORE, BREAKING])).pending == (f"{NEWEST + 2:04}_less",)
    await upgrade(schema_url, [*STEPS, MORE, BREAKING])
    with pytest.raises(SchemaTooNew):
        await open_postgres(schema_url)
    with pytest.raises(SchemaTooNew, match="pip install"):
        await upgrade(schema_url)
    behind = f"{schema_url}_b"
    await upgrade(behind, STEPS)
    monkeypatch.setattr("stepwell.store.postgres.schema.migrations", lambda dialect: (*STEPS, MORE))
    with pytest.raises(SchemaTooOld, match="stepwell db upgrade"):
        await open_postgres(behind)


async def test_a_step_that_fails_leaves_nothing(schema_url: str) -> None:
    broken = Migration(NEWEST + 1, "broken", 1, "CREATE TABLE {schema}.extra (); SELECT 1 / 0;")
    await upgrade(schema_url)
    before = await _columns(schema_url)
    with pytest.raises(Exception, match="zero"):
        await upgrade(schema_url, [*STEPS, broken])
    assert await _columns(schema_url) == before
    assert (await schema_status(schema_url)).schema == NEWEST


async def test_a_role_that_may_not_make_it(schema_url: str, server_url: str) -> None:
    role = postgres.fresh()
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE ROLE {role} LOGIN")
    await connection.close()
    with pytest.raises(StoreUnavailable, match="refuses this role") as refused:
        await upgrade(schema_url.replace("stepwell@", f"{role}@"))
    assert not refused.value.retryable


async def test_a_namespace_has_one_number(db: Db, home: Home) -> None:
    name = postgres.fresh()

    async def entered() -> int:
        async with visit(Home(home.address)) as one:
            return await enter(one, name)

    numbers = await asyncio.gather(*(entered() for _ in range(5)))
    assert len(set(numbers)) == 1
    assert await enter(db, name) == numbers[0] != db.ns


async def test_opening_to_read_makes_no_namespace(open_postgres: OpenPostgres, schema_url: str) -> None:
    await open_postgres(schema_url, namespace="default")
    typo = await open_postgres(schema_url, namespace="defualt", create=False)
    assert await typo.list(RunFilter()) == []
    with pytest.raises(NotFound, match="no namespace 'defualt'"):
        await typo.put([Record(kind="note", id="1", at=0.0, data=b"{}")])
    async with visit(Home(address(schema_url))) as db:
        assert [name for (name,) in await db.all("SELECT name FROM {namespaces}")] == ["default"]


async def test_an_open_connection_can_migrate(home: Home) -> None:
    async with visit(home) as one:
        assert (await migrate(one)).usable


@pytest.mark.parametrize("printed", [False, True])
async def test_a_database_of_schema_1_is_brought_up_to_date(
    open_postgres: OpenPostgres, schema_url: str, server_url: str, printed: bool
) -> None:
    """With what it holds; the result is the same as of a new one."""
    status = await upgrade(schema_url, STEPS[:1])
    assert status.schema == 1
    async with visit(Home(address(schema_url))) as db:
        ns = await enter(db, "default")
        await db.run(
            "INSERT INTO {runs} (ns, key, workflow, queue, status, priority, epoch, generation, inbox, claimed_seq,"
            " deaths, rank, created_at, digest, cancelling, tagged, pin)"
            " SELECT $1, convert_to('run-' || n, 'UTF8'), 'work', 'q', 0, 100, 0, 1, 0, 0, 0, n, 0, 'd', false, false,"
            " CASE n % 3 WHEN 1 THEN 'old' WHEN 2 THEN 'new' END FROM generate_series(1, 6) n",
            ns,
        )
    with pytest.raises(SchemaTooOld, match="stepwell db upgrade"):
        await open_postgres(schema_url, create=False, namespace="default")
    assert (await schema_status(schema_url)).pending == tuple(f"{step.number:04}_{step.name}" for step in STEPS[1:])
    if printed:
        connection = await asyncpg.connect(server_url)
        await connection.execute(await upgrade_sql(schema_url))
        await connection.close()
        assert (await schema_status(schema_url)).usable
    else:
        assert (await upgrade(schema_url)).usable
    store = await open_postgres(schema_url, create=False, namespace="default")
    heart = await store.heart()
    heart.beat(WorkerRow(id="w", host="h", pid=1, version="1", concurrency=9, expires_at=store.clock.now() + 60))
    request = ClaimRequest(worker="w", workflows=("work",), codes=("new",), limit=9, now=store.clock.now())
    assert [one.row.rank for one in await store.claim(request, {})] == [2, 3, 5, 6]
    heart.close()
    new = f"{schema_url}_new"
    await upgrade(new)
    assert await _columns(schema_url) == await _columns(new)
