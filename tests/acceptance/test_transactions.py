"""Transactional steps in real processes that are killed, or stand still, around the commit."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from tests import postgres
from tests.acceptance.ledger import LEASE, make_app
from tests.torture.log import read

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Place:
    """A database with a ledger in it."""

    def __init__(self, url: str, dsn: str, log: Path) -> None:
        self.url = url
        self.dsn = dsn
        self.log = log
        log.touch()

    async def ledger(self) -> list[str]:
        place, _, schema = self.dsn.partition(" ")
        if not schema:
            return [run for (run,) in apsw.Connection(place).execute("SELECT run FROM ledger ORDER BY run")]
        conn = await asyncpg.connect(place)
        try:
            return [run for (run,) in await conn.fetch(f"SELECT run FROM {schema}.ledger ORDER BY run")]
        finally:
            await conn.close()

    def worker(self, fault: str = "", **environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.acceptance.ledger", self.url, self.dsn, str(self.log), fault]
        return subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)

    def said(self, what: str) -> int:
        return sum(fact["what"] == what for fact in read(self.log))


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "sqlite":
        file = tmp_path / "ledger.db"
        conn = apsw.Connection(str(file))
        conn.execute("CREATE TABLE ledger (run TEXT)")
        conn.close()
        yield Place(f"sqlite:///{file}", str(file), tmp_path / "log")
        return
    server, schema = postgres.shared(), postgres.fresh()
    found = Place(f"{server.url}?schema={schema}", f"{server.url} {schema}", tmp_path / "log")
    async with make_app(found.url, found.dsn, str(found.log)).worker():
        await _sql(server, f"CREATE TABLE {schema}.ledger (run text)")
    yield found
    await _sql(server, f"DROP SCHEMA {schema} CASCADE")


async def _sql(server: Any, sql: str) -> None:
    conn = await asyncpg.connect(server.url)
    await conn.execute(sql)
    await conn.close()


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.02)


def client(place: Place) -> Any:
    return make_app(place.url, place.dsn, str(place.log), mode="client")


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_killed_around_the_commit(place: Place, fault: str) -> None:
    async with client(place) as app:
        run = await app.pay.options(id="r").start("r")
        doomed = place.worker(fault)
        assert await asyncio.to_thread(doomed.wait, 60) == -signal.SIGKILL
        assert await place.ledger() == (["r"] if fault == "after" else [])
        healthy = place.worker()
        try:
            assert await run.result(60) == "credited r"
        finally:
            healthy.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(healthy.wait, 60) == 0
    assert await place.ledger() == ["r"]
    assert place.said("body") == (1 if fault == "after" else 2)


async def test_a_holder_that_stood_still(place: Place) -> None:
    """It goes on after its lease; where its open transaction does not keep others out, its run is somebody else's."""
    async with client(place) as app:
        run = await app.pay.options(id="r").start("r")
        still = place.worker(STAND_STILL="1")
        await until(lambda: place.said("wrote") == 1)
        healthy = place.worker()
        try:
            await asyncio.sleep(LEASE * 1.5)
            if place.url.startswith("postgresql"):
                assert await run.result(60) == "credited r"
            still.send_signal(signal.SIGCONT)
            assert await run.result(60) == "credited r"
        finally:
            for worker in (still, healthy):
                worker.send_signal(signal.SIGCONT)
                worker.send_signal(signal.SIGTERM)
            await asyncio.to_thread(still.wait, 60)
            assert await asyncio.to_thread(healthy.wait, 60) == 0
    assert await place.ledger() == ["r"]
