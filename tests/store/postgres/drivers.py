"""What people connect to PostgreSQL with: callers with a transaction, and sources of connections for steps."""

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import psycopg_pool
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker


def of_psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def of_asyncpg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")


class Caller:
    """`execute`, `commit` and `rollback` are the driver's own, in whatever style it has."""

    def __init__(self, conn: Any, execute: Callable[[str], Any], ends: Any = None) -> None:
        self.conn = conn
        self.execute = execute
        self.commit = (ends or conn).commit
        self.rollback = (ends or conn).rollback


@asynccontextmanager
async def by_asyncpg(url: str) -> AsyncIterator[Caller]:
    conn = await asyncpg.connect(url)
    transaction = conn.transaction()
    await transaction.start()
    yield Caller(conn, conn.execute, transaction)
    await conn.close()


@asynccontextmanager
async def by_asyncpg_pool(url: str) -> AsyncIterator[Caller]:
    async with asyncpg.create_pool(url, min_size=1) as pool, pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        yield Caller(conn, conn.execute, transaction)


@asynccontextmanager
async def by_psycopg_async(url: str) -> AsyncIterator[Caller]:
    async with await psycopg.AsyncConnection.connect(url, row_factory=psycopg.rows.dict_row) as conn:
        yield Caller(conn, conn.execute)


@asynccontextmanager
async def by_psycopg(url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url) as conn:
        yield Caller(conn, conn.execute)


@asynccontextmanager
async def by_alchemy_async(url: str) -> AsyncIterator[Caller]:
    engine = create_async_engine(url)
    async with engine.connect() as conn:
        yield Caller(conn, lambda sql: conn.execute(sqlalchemy.text(sql)))
    await engine.dispose()


@asynccontextmanager
async def by_alchemy_async_session(url: str) -> AsyncIterator[Caller]:
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        yield Caller(session, lambda sql: session.execute(sqlalchemy.text(sql)))
    await engine.dispose()


@asynccontextmanager
async def by_alchemy(url: str) -> AsyncIterator[Caller]:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as conn:
        yield Caller(conn, lambda sql: conn.execute(sqlalchemy.text(sql)))
    engine.dispose()


@asynccontextmanager
async def by_alchemy_session(url: str) -> AsyncIterator[Caller]:
    engine = sqlalchemy.create_engine(url)
    with Session(engine) as session:
        yield Caller(session, lambda sql: session.execute(sqlalchemy.text(sql)))
    engine.dispose()


CALLERS: dict[str, tuple[Any, Callable[[str], str]]] = {
    "asyncpg": (by_asyncpg, str),
    "asyncpg pool": (by_asyncpg_pool, str),
    "psycopg async": (by_psycopg_async, str),
    "psycopg": (by_psycopg, str),
    "sqlalchemy async over asyncpg": (by_alchemy_async, of_asyncpg),
    "sqlalchemy async over psycopg": (by_alchemy_async, of_psycopg),
    "sqlalchemy async session over asyncpg": (by_alchemy_async_session, of_asyncpg),
    "sqlalchemy async session over psycopg": (by_alchemy_async_session, of_psycopg),
    "sqlalchemy": (by_alchemy, of_psycopg),
    "sqlalchemy session": (by_alchemy_session, of_psycopg),
}


# --- sources: what a step takes its connection from


@asynccontextmanager
async def asyncpg_pool(url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(url, min_size=1, max_size=3) as pool:
        yield pool


@asynccontextmanager
async def psycopg_pool_async(url: str) -> AsyncIterator[Any]:
    async with psycopg_pool.AsyncConnectionPool(url, min_size=1, max_size=3, open=False) as pool:
        yield pool


@asynccontextmanager
async def psycopg_pool_sync(url: str) -> AsyncIterator[Any]:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=3, open=False) as pool:
        yield pool


@asynccontextmanager
async def alchemy_engine(url: str) -> AsyncIterator[Any]:
    engine = create_async_engine(url)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def alchemy_maker(url: str) -> AsyncIterator[Any]:
    async with alchemy_engine(url) as engine:
        yield async_sessionmaker(engine)


@asynccontextmanager
async def alchemy_engine_sync(url: str) -> AsyncIterator[Any]:
    engine = sqlalchemy.create_engine(url)
    yield engine
    engine.dispose()


@asynccontextmanager
async def alchemy_maker_sync(url: str) -> AsyncIterator[Any]:
    async with alchemy_engine_sync(url) as engine:
        yield sessionmaker(engine)


def made_by(connect: Any, **options: Any) -> Any:
    @asynccontextmanager
    async def source(url: str) -> AsyncIterator[Any]:
        yield functools.partial(connect, url, **options)

    return source


SOURCES: dict[str, tuple[Any, Callable[[str], str], bool]] = {
    "asyncpg pool": (asyncpg_pool, str, False),
    "psycopg pool, async": (psycopg_pool_async, str, False),
    "psycopg pool": (psycopg_pool_sync, str, True),
    "sqlalchemy engine, asyncpg": (alchemy_engine, of_asyncpg, False),
    "sqlalchemy engine, psycopg async": (alchemy_engine, of_psycopg, False),
    "sqlalchemy session maker, async": (alchemy_maker, of_asyncpg, False),
    "sqlalchemy engine": (alchemy_engine_sync, of_psycopg, True),
    "sqlalchemy session maker": (alchemy_maker_sync, of_psycopg, True),
    "asyncpg.connect": (made_by(asyncpg.connect), str, False),
    "psycopg.AsyncConnection.connect": (made_by(psycopg.AsyncConnection.connect), str, False),
    "psycopg.connect": (made_by(psycopg.connect), str, True),
    "psycopg.connect, autocommit": (made_by(psycopg.connect, autocommit=True), str, True),
}
