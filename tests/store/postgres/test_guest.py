"""Runs started in transactions of every driver that people have for PostgreSQL."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from stepwell import App, Conflict
from stepwell.errors import InvalidOption, SchemaMissing, WrongContext
from tests import postgres
from tests.store.postgres.drivers import CALLERS, by_asyncpg, by_psycopg_async, of_asyncpg
from tests.store.postgres.shop import Shop, anyio_backend, asked, make_app, place, server, shop

__all__ = ["anyio_backend", "place", "server", "shop"]
pytestmark = pytest.mark.anyio


async def done(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


@pytest.mark.parametrize("driver", CALLERS)
async def test_a_run_exists_if_and_only_if_the_transaction_commits(
    shop: Shop, server: Any, place: str, driver: str
) -> None:
    connect, spelled = CALLERS[driver]
    tags = {"n": 1, "f": 2.0, "b": True, "s": "100%"}
    before = await shop.flow.options(id="taken").start(1)
    async with connect(spelled(server.url)) as caller:
        conn = caller.conn
        await done(caller.execute(f"INSERT INTO {place}.ledger VALUES (1)"))
        run = await shop.flow.options(id="in", conn=conn, tags=tags).start(21)
        assert (await shop.flow.options(id="in", conn=conn).start(21)).key == run.key
        assert (await shop.flow.options(id="taken", conn=conn).start(1)).key == before.key
        with pytest.raises(Conflict):
            await shop.flow.options(id="taken", conn=conn).start(2)
        await done(caller.execute(f"INSERT INTO {place}.ledger VALUES (2)"))
        assert "in" not in [row.id for row in (await shop.runs.list()).runs]
        await done(caller.commit())
    assert await run.result(60) == 42
    assert (await shop.runs.row("in")).tags == tags
    async with connect(spelled(server.url)) as caller:
        await done(caller.execute(f"INSERT INTO {place}.ledger VALUES (3)"))
        many = shop.flow.options(conn=caller.conn)
        await many.start_many([many.options(id=f"out{n}").item(n) for n in range(3)])
        await done(caller.rollback())
    assert {row.id for row in (await shop.runs.list()).runs} == {"taken", "in"}
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == [1, 2]


async def test_workers_hear_of_the_commit(server: Any, place: str) -> None:
    app = make_app(server, place, poll_interval=60)
    async with app, by_asyncpg(server.url) as caller:
        assert app._opened is not None
        await asyncio.wait_for(app._opened.store._hints.listening.wait(), 60)  # type: ignore[attr-defined]
        run = await app.flow.options(conn=caller.conn).start(2)
        await caller.commit()
        assert await run.result(50) == 4


async def test_large_inputs_go_along(server: Any, place: str) -> None:
    app = make_app(server, place)

    @app.workflow
    async def size(text: str) -> int:
        return len(text)

    async with app, by_psycopg_async(server.url) as caller:
        run = await app.start("size", {"text": "x" * 100_000}, conn=caller.conn)
        await caller.commit()
        assert await run.result(60) == 100_000


async def test_a_connection_in_pipeline_mode_is_refused(shop: Shop, server: Any) -> None:
    with psycopg.connect(server.url) as conn:
        with conn.pipeline(), pytest.raises(InvalidOption, match="pipeline mode"):
            await shop.flow.options(id="no", conn=conn).start(1)
        with conn.pipeline():
            conn.execute("SELECT 1")
        await shop.flow.options(id="yes", conn=conn).start(1)
    async with await psycopg.AsyncConnection.connect(server.url) as other:
        async with other.pipeline():
            await other.execute("SELECT 1")
            with pytest.raises(InvalidOption, match="pipeline mode"):
                await shop.flow.options(id="no", conn=other).start(1)
        await other.rollback()
    assert [row.id for row in (await shop.runs.list()).runs] == ["yes"]


async def test_outside_of_a_transaction(shop: Shop, server: Any) -> None:
    conn = await asyncpg.connect(server.url)
    with pytest.raises(InvalidOption, match="not in a transaction"):
        await shop.flow.options(conn=conn).start(1)
    await conn.close()
    with (
        psycopg.connect(server.url, autocommit=True) as own,
        pytest.raises(InvalidOption, match="not in a transaction"),
    ):
        await shop.flow.options(conn=own).start(1)
    engine = create_async_engine(of_asyncpg(server.url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as one:
        with pytest.raises(InvalidOption, match="not in a transaction"):
            await shop.flow.options(conn=one).start(1)
    await engine.dispose()


async def test_another_database_is_refused_and_its_transaction_goes_on(shop: Shop, server: Any, place: str) -> None:
    name = f"elsewhere_{place}"
    await asked(server, f"CREATE DATABASE {name}")
    url = f"{server.url.rpartition('/')[0]}/{name}"
    try:
        other = await asyncpg.connect(url)
        async with other.transaction():
            with pytest.raises(SchemaMissing):
                await shop.flow.options(conn=other).start(1)
            assert await other.fetchval("SELECT 1") == 1
        async with App(f"{url}?schema={place}", mode="client"), other.transaction():
            with pytest.raises(InvalidOption, match="another database"):
                await shop.flow.options(conn=other).start(1)
            assert await other.fetchval("SELECT 1") == 1
        await other.close()
    finally:
        await asked(server, f"DROP DATABASE {name} WITH (FORCE)")


async def test_an_id_held_by_another_transaction_waits_as_the_caller_says(shop: Shop, server: Any) -> None:
    async def start(conn: Any) -> Any:
        return await shop.flow.options(id="x", conn=conn).start(1)

    one, two = await asyncpg.connect(server.url), await asyncpg.connect(server.url)
    first = one.transaction()
    await first.start()
    await start(one)
    impatient = two.transaction()
    await impatient.start()
    await two.execute("SET LOCAL lock_timeout = '50ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await start(two)
    await impatient.rollback()
    async with two.transaction():
        waiting = asyncio.ensure_future(start(two))
        while not await asked(server, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert not waiting.done()
        await first.commit()
        run = await waiting
    assert await run.result(60) == 2
    await one.close()
    await two.close()


def test_the_synchronous_face(server: Any) -> None:
    place = postgres.fresh()
    app = make_app(server, place)
    with app.sync as face:
        with psycopg.connect(server.url) as conn:
            run = face.start(app.flow.options(conn=conn), 5)
            conn.commit()
            assert run.result(60) == 10

        async def misuse() -> None:
            async with by_asyncpg(server.url) as caller:
                with pytest.raises(WrongContext, match="asynchronous connection"):
                    face.start(app.flow.options(conn=caller.conn), 5)

        asyncio.run(misuse())
    asyncio.run(asked(server, f"DROP SCHEMA {place} CASCADE"))
