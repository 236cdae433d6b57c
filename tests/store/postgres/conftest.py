"""PostgreSQL stores for tests: each test has a namespace of its own, or a schema where it needs one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stepwell.store.postgres import PostgresStore
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.schema import enter, upgrade
from stepwell.testing.clock import VirtualClock
from stepwell.testing.conformance.scene import Scene
from tests import postgres

OpenPostgres = Callable[..., Awaitable[PostgresStore]]


async def undisturbed(db: Db) -> None:
    """Wait until nobody else has a transaction open: what they could see yet, no VACUUM takes away."""
    others = (
        "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL))"
    )
    async with asyncio.timeout(60):
        while await db.conn.fetchval(others):
            await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The newest server there is, with our tables."""
    url = postgres.shared().url
    asyncio.run(upgrade(url))
    return url


@pytest.fixture
def namespace() -> str:
    return postgres.fresh()


@pytest.fixture
def schema_url(server_url: str) -> str:
    """The same server, with a schema that does not exist yet."""
    return f"{server_url}?schema={postgres.fresh()}"


@pytest.fixture
async def open_postgres(server_url: str, namespace: str, clock: VirtualClock) -> AsyncIterator[OpenPostgres]:
    """Opens stores of one namespace, unless another URL is given."""
    opened: list[PostgresStore] = []

    async def open_one(url: str | None = None, *, create: bool = True, **options: Any) -> PostgresStore:
        given = {"time": "given"} | options
        store = PostgresStore(url or server_url, given.pop("namespace", namespace), given.pop("clock", clock), **given)
        await store.open(create=create)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def pg(open_postgres: OpenPostgres) -> PostgresStore:
    return await open_postgres()


@pytest.fixture
async def home(server_url: str, namespace: str) -> Home:
    home = Home(address(server_url))
    db = await connect(home, plain=True)
    home.ns = await enter(db, namespace)
    home.token = await db.value("SELECT gen_random_uuid()::text")
    await db.close()
    return home


@pytest.fixture
async def db(home: Home) -> AsyncIterator[Db]:
    """A connection in the namespace of the test."""
    db = await connect(home)
    yield db
    await db.close()


@pytest.fixture
async def scene(server_url: str, namespace: str) -> AsyncIterator[Scene]:
    """Two stores of one namespace, and short words for common things."""
    scene = Scene(lambda _, clock: PostgresStore(server_url, namespace, clock, time="given"))
    await scene.open()
    yield scene
    await scene.close()


@pytest.fixture
async def rival(server_url: str, namespace: str) -> AsyncIterator[Db]:
    """Somebody else's connection, who keeps transactions open."""
    home = Home(address(server_url))
    db = await connect(home, plain=True)
    home.ns = await enter(db, namespace)
    yield db
    await db.close()
