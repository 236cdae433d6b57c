import asyncio

import asyncpg
import pytest

from stepwell.errors import StoreUnavailable
from stepwell.store.postgres import server
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.server import check_server, is_durable
from tests import postgres
from tests.store.postgres.conftest import OpenPostgres

pytestmark = pytest.mark.anyio


async def test_this_one_will_do(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_server(db)
    monkeypatch.setattr(server, "OLDEST", 990000)
    with pytest.raises(StoreUnavailable, match="PostgreSQL") as refused:
        await check_server(db)
    assert not refused.value.retryable


async def test_a_database_must_take_every_text(server_url: str, open_postgres: OpenPostgres) -> None:
    name = postgres.fresh()
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreUnavailable, match=r"SQL_ASCII.*UTF8"):
            await open_postgres(server_url.rpartition("/")[0] + f"/{name}")
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def test_durability_is_what_the_server_gives(open_postgres: OpenPostgres, db: Db) -> None:
    setting = await db.value("SELECT current_setting('fsync')")
    assert await is_durable(db) is (setting == "on")
    assert (await open_postgres()).capabilities.durable is (setting == "on")
    assert not (await open_postgres(durability="normal")).capabilities.durable


def test_with_fsync_a_commit_is_durable() -> None:
    from stepwell.adapters.clock import SystemClock
    from stepwell.store.postgres import PostgresStore

    async def durable(url: str, durability: str) -> bool:
        store = PostgresStore(url, "default", SystemClock(), durability=durability)  # type: ignore[arg-type]
        await store.open()
        try:
            return store.capabilities.durable
        finally:
            await store.close()

    with postgres.private_server(fsync=True) as own:
        assert asyncio.run(durable(own.url, "full"))
        assert not asyncio.run(durable(own.url, "normal"))
        off = own.url + "?options=-csynchronous_commit%3Doff"
        assert not asyncio.run(durable(off, "full"))
