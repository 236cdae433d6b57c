"""A worker's heartbeat, over a connection and on an event loop of its own, whatever thread it is beaten in."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from stepwell.errors import StoreUnavailable
from stepwell.model.run import WorkerRow
from stepwell.store.postgres import leases
from stepwell.store.postgres.clock import DatabaseClock
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.lanes import Slot

T = TypeVar("T")
_MARGIN: Final = 5.0


class PostgresHeart:
    """Implements `ports.store.Heart`. It goes on beating while the worker's own event loop is busy."""

    def __init__(self, home: Home, clock: DatabaseClock | None) -> None:
        self._slot = Slot(home)
        self._patience = 2 * home.address.deadline + _MARGIN
        self._shown = home.address.shown
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        async def work(db: Db) -> frozenset[bytes] | None:
            if self._clock is not None and self._clock.stale:
                await self._clock.measure(db)  # a beat waits for the disk, too: it tells the time less exactly
            return await leases.beat(db, worker, self._clock)

        return self._call(work)

    def stop(self, worker: str) -> None:
        self._call(lambda db: leases.stop(db, worker))

    def close(self) -> None:
        self._closed = True
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _call(self, work: Callable[[Db], Awaitable[T]]) -> T:
        if self._closed:
            raise StoreUnavailable(f"the heart of a worker on {self._shown} was closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="stepwell-heart-db", daemon=True)
            self._thread.start()
        asked = asyncio.run_coroutine_threadsafe(self._work(work), self._loop)
        try:
            return asked.result(self._patience)
        except TimeoutError:
            asked.cancel()
            raise StoreUnavailable(f"the database {self._shown} does not answer in time") from None

    async def _work(self, work: Callable[[Db], Awaitable[T]]) -> T:
        async with self._slot.use() as db:
            return await work(db)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(self._slot.close())
        finally:
            loop.close()
