"""The databases that are measured: fresh ones for every measurement, on SQLite or on one PostgreSQL server.

A PostgreSQL server of our own is started when none is named by STEPWELL_TEST_POSTGRES_URL, with the settings that it
has out of the box: everything is fsynced.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from stepwell.adapters.clock import SystemClock
from stepwell.client.config import settings
from stepwell.client.stores import store_for
from stepwell.ports.store import Store

Fresh = Callable[[], AbstractAsyncContextManager[str]]
"""Gives the URL of an empty database, which is gone afterwards."""

_numbers = count(1)


@asynccontextmanager
async def sqlite() -> AsyncIterator[str]:
    """An SQLite file in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as name:
        yield f"sqlite:///{Path(name) / 'runs.db'}"


def postgres_on(server: str) -> Fresh:
    """Databases of a PostgreSQL server, which is named by its URL."""

    @asynccontextmanager
    async def fresh() -> AsyncIterator[str]:
        name = f"stepwell_bench_{next(_numbers)}"
        await _execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")

    return fresh


async def _execute(server: str, *statements: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def store_on(url: str, *, durability: str = "full") -> Store:
    """A store, not yet opened."""
    return store_for(settings({"database_url": url, "durability": durability}), SystemClock())


async def bytes_of(url: str) -> int:
    """How much a database takes on disk."""
    if url.startswith("sqlite:"):
        return await asyncio.to_thread(lambda: Path(url.removeprefix("sqlite:///")).stat().st_size)
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()
    return size
