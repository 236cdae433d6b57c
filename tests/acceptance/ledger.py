"""`python -m tests.acceptance.ledger URL DSN LOG FAULT`: a worker whose step writes a ledger, or dies over it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import apsw
import asyncpg

from stepwell import App
from stepwell.adapters.transactions import Drivers
from tests.torture.log import Log

LEASE = 5.0
"""Seconds; it has to end in the tests, and not because somebody was not scheduled for a while."""


class Ledger(App):
    """An app that carries its definitions along."""

    pay: Any


class Deadly(Drivers):
    """Kills or stops its own process at the first commit: "before" it, or "after" it has happened."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    async def begin(self, source: Any, **how: Any) -> Any:
        transaction: Any = await super().begin(source, **how)
        commit = transaction.commit

        async def last() -> None:
            if self.fault == "after":
                await commit()
            os.kill(os.getpid(), signal.SIGKILL)

        transaction.commit = last
        return transaction


def make_app(url: str, dsn: str, log_path: str, **options: Any) -> Ledger:
    """The app. The ledger is a table of the same database: `dsn` is a file, or a URL and a schema."""
    app = Ledger(url, lease=LEASE, poll_interval=0.1, **options)
    log = Log(log_path)
    place, _, schema = dsn.partition(" ")

    @app.resource
    async def db() -> AsyncIterator[Any]:
        if not schema:
            yield lambda: apsw.Connection(place)
            return
        async with asyncpg.create_pool(place, min_size=1, max_size=2) as pool:
            yield pool

    @app.step
    async def credit(run: str, *, conn: Any = db.transaction()) -> str:
        log.write("body", run=run)
        if schema:
            await conn.execute(f"INSERT INTO {schema}.ledger VALUES ($1)", run)
        else:
            conn.execute("INSERT INTO ledger VALUES (?)", (run,))
        log.write("wrote", run=run)
        if os.environ.get("STAND_STILL"):
            os.kill(os.getpid(), signal.SIGSTOP)
        return f"credited {run}"

    @app.workflow
    async def pay(run: str) -> str:
        return await credit(run)

    app.pay = pay
    return app


async def work(url: str, dsn: str, log_path: str, fault: str) -> None:
    """Work until told to stop."""
    app = make_app(url, dsn, log_path)
    if fault:
        app.registry.transactions = Deadly(fault)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with app.worker(concurrency=4):
        await stop.wait()


if __name__ == "__main__":
    url, dsn, log_path, fault = sys.argv[1:]
    asyncio.run(work(url, dsn, log_path, fault))
