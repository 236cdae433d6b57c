"""An app on a schema of its own, for tests of what is done in transactions of others."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from stepwell import App
from tests import postgres


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Shop(App):
    """An app that carries its definitions along."""

    flow: Any


@pytest.fixture(scope="module")
def server() -> Any:
    return postgres.shared()


@pytest.fixture
async def place(server: Any) -> AsyncIterator[str]:
    """A schema of its own, for the engine's tables and the user's."""
    schema = postgres.fresh()
    yield schema
    conn = await asyncpg.connect(server.url)
    await conn.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await conn.close()


def make_app(server: Any, place: str, **options: Any) -> Shop:
    app = Shop(f"{server.url}?schema={place}", **{"poll_interval": 0.05} | options)

    @app.step
    async def double(x: int) -> int:
        return 2 * x

    @app.workflow
    async def flow(x: int) -> int:
        return await double(x)

    app.flow = flow
    return app


@pytest.fixture
async def shop(server: Any, place: str) -> AsyncIterator[Shop]:
    app = make_app(server, place)
    async with app:
        conn = await asyncpg.connect(server.url)
        await conn.execute(f"CREATE TABLE {place}.ledger (amount integer)")
        await conn.close()
        yield app


async def asked(server: Any, sql: str) -> list[Any]:
    """The first column, by a connection of its own."""
    conn = await asyncpg.connect(server.url)
    try:
        return [value for (value,) in await conn.fetch(sql)]
    finally:
        await conn.close()
