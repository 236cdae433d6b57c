"""Commits of transactional steps that nobody answers: bounded, found out by another connection, done exactly once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy

from stepwell.adapters import transactions
from stepwell.adapters.connections import connection
from stepwell.store.postgres import guest
from tests.store.postgres.drivers import SOURCES
from tests.store.postgres.shop import Shop, anyio_backend, asked, place, server, shop

__all__ = ["anyio_backend", "place", "server", "shop"]
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
KINDS = ["asyncpg pool", "psycopg pool, async", "psycopg pool", "sqlalchemy engine, asyncpg",
         "sqlalchemy engine, psycopg async", "sqlalchemy engine", "sqlalchemy session maker, async"]  # fmt: skip


class Relay:
    """A network that carries everything but one COMMIT, or all that comes after it; `lost` says that it happened."""

    def __init__(self, url: str, what: str) -> None:
        parts = urlsplit(url)
        self._to = parts.hostname, parts.port or 5432
        self._netloc = parts.netloc
        self._url = url
        self._what = what
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._gone = asyncio.Event()
        self.lost = False

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        here = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        user, at, _ = self._netloc.rpartition("@")
        return self._url.replace(self._netloc, f"{user}{at}{here}")

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._writers += [writer, back]
        silent = asyncio.Event()
        self._tasks += [asyncio.ensure_future(self._forth(reader, back, silent)),
                        asyncio.ensure_future(self._back(there, writer, silent))]  # fmt: skip

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if b"COMMIT" in data and not self.lost:
                    self.lost = True
                    silent.set()
                    if self._what == "the commit":
                        return
                writer.write(data)

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not silent.is_set():
                    writer.write(data)


@pytest.mark.parametrize("what", ["the commit", "its answer"])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_becomes_of_it_is_found_out(shop: Shop, server: Any, place: str, kind: str, what: str,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(transactions, "COMMIT_S", 0.3)
    monkeypatch.setattr(guest, "LINGER", "5s")
    make, spelled, sync = SOURCES[kind]
    relay, bodies = Relay(server.url, what), 0

    @shop.resource
    async def db() -> AsyncIterator[Any]:
        async with relay as url, make(spelled(url)) as source:
            yield source
            for writer in relay._writers:  # a driver may wait for ever for the end of what it has begun
                writer.transport.abort()

    insert = f"INSERT INTO {place}.ledger VALUES (1)"
    statement: Any = sqlalchemy.text(insert) if "sqlalchemy" in kind else insert

    def in_thread(*, conn: Any = db.transaction()) -> int:
        nonlocal bodies
        bodies += 1
        conn.execute(statement)
        return bodies

    async def in_loop(*, conn: Any = db.transaction()) -> int:
        nonlocal bodies
        bodies += 1
        await conn.execute(statement)
        return bodies

    body: Any = in_thread if sync else in_loop
    step: Any = shop.step(retries=1, delay=0)(body)

    @shop.workflow
    async def pay() -> int:
        return await step()

    result = await (await pay.start()).result(100)
    assert relay.lost
    assert bodies == result == (2 if what == "the commit" else 1)
    assert await asked(server, f"SELECT amount FROM {place}.ledger") == [1]


@pytest.mark.parametrize(("theirs", "then"), [("0", "1500ms"), ("50s", "1500ms"), ("500ms", "500ms")])
async def test_a_shorter_limit_of_the_users_own_stays(shop: Shop, server: Any, place: str, theirs: str, then: str,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(guest, "LINGER", "1500ms")
    make, spelled, _ = SOURCES["asyncpg pool"]
    name = "idle_in_transaction_session_timeout"
    async with make(spelled(server.url)) as pool, pool.acquire() as conn, conn.transaction():
        await conn.execute(f"SET LOCAL {name} = '{theirs}'")
        own, mine = connection(conn), shop._engine().store.guest()
        assert isinstance(mine, guest.PostgresGuest)
        await mine.mark(own, "1:pay")
        assert await conn.fetchval(f"SHOW {name}") == theirs
        assert await mine.marked(own, "1:pay")
        assert await conn.fetchval(f"SHOW {name}") == then
