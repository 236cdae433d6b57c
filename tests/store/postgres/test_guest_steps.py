"""Steps that commit with their rows, over every driver that people have for PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import sqlalchemy

from stepwell import RunFailed
from stepwell.errors import StepTimeout
from tests.store.postgres.drivers import SOURCES, asyncpg_pool, psycopg_pool_async
from tests.store.postgres.shop import Shop, anyio_backend, asked, place, server, shop

__all__ = ["anyio_backend", "place", "server", "shop"]
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_step_commits_with_the_rows(shop: Shop, server: Any, place: str, kind: str) -> None:
    make, spelled, sync = SOURCES[kind]
    failures = [OSError("once")]

    @shop.resource
    async def db() -> AsyncIterator[Any]:
        async with make(spelled(server.url)) as source:
            yield source

    def statement(amount: int) -> Any:
        sql = f"INSERT INTO {place}.ledger VALUES ({amount})"
        return sqlalchemy.text(sql) if "sqlalchemy" in kind else sql

    def end(amount: int) -> int:
        if amount == 2 and failures:
            raise failures.pop()
        return amount * 10

    def in_thread(amount: int, *, conn: Any = db.transaction()) -> int:
        conn.execute(statement(amount))
        return end(amount)

    async def in_loop(amount: int, *, conn: Any = db.transaction()) -> int:
        await conn.execute(statement(amount))
        return end(amount)

    body: Any = in_thread if sync else in_loop
    step: Any = shop.step(retries=1, delay=0)(body)

    @shop.workflow
    async def pay() -> list[int]:
        return [await step(1), await step(2)]

    assert await (await pay.start()).result(60) == [10, 20]
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == [1, 2]
    assert await asked(server, f"SELECT count(*) FROM {place}.records WHERE kind = 'outcome'") == [2]
    assert not failures


@pytest.fixture
def db(shop: Shop, server: Any) -> Any:
    @shop.resource
    async def db() -> AsyncIterator[Any]:
        async with asyncpg_pool(server.url) as pool:
            yield pool

    return db


async def test_a_stale_holder_is_rolled_back(shop: Shop, server: Any, place: str, db: Any) -> None:
    entered, go_on, bodies = asyncio.Event(), asyncio.Event(), []

    @shop.step
    async def credit(*, conn: Any = db.transaction()) -> int:
        bodies.append(1)
        await conn.execute(f"INSERT INTO {place}.ledger VALUES (1)")
        if len(bodies) == 1:
            entered.set()
            await go_on.wait()
        return len(bodies)

    run = await credit.start()
    await entered.wait()
    await asked(server, f"UPDATE {place}.runs SET epoch = epoch + 1, status = 0, worker = NULL")
    go_on.set()
    assert await run.result(60) == 2
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == [1]


async def test_an_outcome_that_came_meanwhile_counts(shop: Shop, server: Any, place: str, db: Any) -> None:
    """The commit of an attempt of before arrives while the body runs again: the body's own rows go."""
    bodies = []

    @shop.step
    async def credit(*, conn: Any = db.transaction()) -> str:
        bodies.append(1)
        await conn.execute(f"INSERT INTO {place}.ledger VALUES (1)")
        await asked(
            server,
            f"INSERT INTO {place}.records SELECT ns, 'outcome', key, '1:credit', 0, '{{\"v\":\"theirs\"}}'"
            f" FROM {place}.runs",
        )
        return "mine"

    @shop.workflow
    async def pay() -> str:
        return await credit()

    assert await (await pay.start()).result(60) == "theirs"
    assert len(bodies) == 1
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == []


async def test_a_body_that_ends_the_transaction_itself_is_refused(shop: Shop, server: Any, place: str) -> None:
    @shop.resource
    async def pool() -> AsyncIterator[Any]:
        async with psycopg_pool_async(server.url) as pool:
            yield pool

    @shop.step
    async def eager(*, conn: Any = pool.transaction()) -> None:
        await conn.commit()
        await conn.execute(f"INSERT INTO {place}.ledger VALUES (2)")

    with pytest.raises(RunFailed, match="ended its transaction itself"):
        await (await eager.start()).result(60)
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == []


async def test_a_timed_out_body_never_commits(shop: Shop, server: Any, place: str, db: Any) -> None:
    @shop.step(timeout=0.2)
    async def slow(*, conn: Any = db.transaction()) -> None:
        await conn.execute(f"INSERT INTO {place}.ledger VALUES (1)")
        await conn.execute("SELECT pg_sleep(30)")

    @shop.workflow
    async def pay() -> None:
        await slow()

    with pytest.raises(RunFailed) as failed:
        await (await pay.start()).result(60)
    assert isinstance(failed.value.__cause__, StepTimeout)
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == []


async def test_an_asynchronous_pool_in_a_thread_is_refused(shop: Shop, db: Any) -> None:
    @shop.step
    def credit(*, conn: Any = db.transaction()) -> None:
        conn.execute("SELECT 1")

    with pytest.raises(RunFailed, match="asynchronous connection"):
        await (await credit.start()).result(60)


async def test_a_single_connection_is_no_source(shop: Shop, server: Any) -> None:
    @shop.resource
    async def single() -> AsyncIterator[Any]:
        conn = await asyncpg.connect(server.url)
        yield conn
        await conn.close()

    @shop.step
    async def credit(*, conn: Any = single.transaction()) -> None: ...

    with pytest.raises(RunFailed, match="single connection"):
        await (await credit.start()).result(60)
