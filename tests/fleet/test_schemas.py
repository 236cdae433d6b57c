"""Tables that are made while others look, and brought up to date while workers work."""

import asyncio
import signal

import asyncpg
import pytest

from stepwell import App
from stepwell.store.postgres.schema import schema_status
from stepwell.store.sql.migrations import migrations
from tests.fleet.fleet import Fleet, until

pytestmark = pytest.mark.anyio
NEWEST = len(migrations("postgres"))


async def test_processes_that_begin_at_once_make_the_tables_once(fleet: Fleet) -> None:
    """Whoever looks meanwhile sees no schema, or one that is whole, if not the newest yet."""
    looked = asyncio.Event()
    watching = asyncio.ensure_future(_watch(fleet.url, looked))
    await looked.wait()
    workers = [fleet.worker("flows.py") for _ in range(3)]
    initial = await asyncio.gather(
        *(asyncio.to_thread(fleet.stepwell, "db", "init", "-u", fleet.url) for _ in range(2))
    )
    assert all("schema" in said for said in initial)
    for worker in workers:
        await asyncio.to_thread(worker.workers)
    seen = await asyncio.wait_for(watching, 60)
    numbers = [number for _, number in seen]
    assert numbers == sorted(set(numbers)), f"whole steps of the schema alone: {seen}"
    assert (seen[0], numbers[-1]) == ((0, 0), NEWEST)
    async with App(fleet.url, mode="client") as client:
        assert await (await client.start("order", {"n": 1})).result(timeout=60) == 103
        assert len(await client.workers()) == 3
    for worker in workers:
        assert worker.end(signal.SIGTERM) == 0
        assert "ERROR" not in worker.said
        assert "another one begins" not in worker.said


async def _watch(url: str, looked: asyncio.Event) -> list[tuple[int, int]]:
    """Every state of the schema that somebody else can see: its tables, its number."""
    plain, _, schema = url.partition("?schema=")
    connection = await asyncpg.connect(plain)
    tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1"
    states: list[tuple[int, int]] = []
    while not states or states[-1][1] < NEWEST:
        async with connection.transaction(isolation="repeatable_read"):
            count = await connection.fetchval(tables, schema)
            number = 0
            if count:
                number = int(await connection.fetchval(f"SELECT value FROM \"{schema}\".meta WHERE name = 'schema'"))
        if states[-1:] != [(count, number)]:
            states.append((count, number))
        looked.set()
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.5)
    assert await connection.fetchval(tables, schema) == states[-1][0]
    await connection.close()
    return states


async def test_an_upgrade_while_workers_work(fleet: Fleet) -> None:
    """`db upgrade` asks for no pause: it waits for nobody, and nobody loses anything."""
    async with App(fleet.url, mode="client") as client:
        workers = fleet.worker("flows.py", "--processes", "2")
        workers.workers(2)
        before = (await schema_status(fleet.url)).schema
        connection = await asyncpg.connect(fleet.url.partition("?")[0])
        schema = fleet.url.partition("schema=")[2]
        # As a database that one migration less has been applied to: every step of it must bear being applied beside
        # workers, who hold the tables, and being applied again.
        enough = asyncio.Event()
        feeding = asyncio.ensure_future(_feed(client, enough))
        for _ in range(3):
            said = await asyncio.to_thread(fleet.stepwell, "db", "upgrade", "-u", fleet.url)
            assert f"schema {before}" in said
        # A migration proper: a column that this version does not know, in the hottest table.
        await connection.execute("SET lock_timeout = '30s'")
        await connection.execute(f'ALTER TABLE "{schema}".runs ADD COLUMN later text')
        await connection.execute(f"UPDATE \"{schema}\".meta SET value = '{before + 1}' WHERE name = 'schema'")
        await asyncio.sleep(0.3)
        newer = fleet.worker("flows.py")
        await asyncio.to_thread(newer.workers)
        enough.set()
        count = await feeding
        assert count > 5
        await until(lambda: _done(client, count))
        assert fleet.begun() == {(n, part): 1 for n in range(count) for part in range(3)}
        await connection.close()
        assert workers.end(signal.SIGTERM) == 0
        assert newer.end(signal.SIGTERM) == 0
        assert "ERROR" not in workers.said, workers.said


async def _feed(client: App, enough: asyncio.Event) -> int:
    """How many it has started."""
    n = 0
    while n <= 5 or not enough.is_set():
        await client.start("order", {"n": n}, id=f"order-{n}")
        n += 1
        await asyncio.sleep(0.02)
    return n


async def _done(client: App, count: int) -> bool:
    return (await client.runs.count()).get("succeeded") == count
