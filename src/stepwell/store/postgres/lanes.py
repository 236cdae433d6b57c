"""The connections of a store: one for each lane of commits, one for claims, one for other writes, two for reading.

Each is opened when it is first needed, and again after it was lost; attempts come at growing intervals. Claims have
one of their own: retention takes its time, and a record may wait for another transaction's lock, but runs that are
ready wait for nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from stepwell.errors import StoreUnavailable
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.translation import breaks, is_pooled, translated

READERS: Final = 2
PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""Seconds between attempts to connect: the first pause, and the longest one."""


class Slot:
    """A place for one connection, used by one at a time, in the order in which they came."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = asyncio.Lock()
        self._db: Db | None = None
        self._failed = 0
        self._not_before = 0.0
        self.waiting = 0

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Db]:
        """The connection. Errors of database and network leave as ours; a connection in doubt is not used again."""
        self.waiting += 1
        try:
            async with self._lock:
                try:
                    yield await self._ready()
                except BaseException as error:
                    if is_pooled(error):
                        self._home.is_pooled()
                    if breaks(error):
                        self.drop()
                    ours = translated(error, self._home.address.shown)
                    if ours is error:
                        raise
                    raise ours from error
        finally:
            self.waiting -= 1

    def drop(self) -> None:
        """End the connection at once."""
        if self._db is not None:
            self._db.conn.terminate()
            self._db = None

    async def close(self) -> None:
        """End the connection after who uses it has done."""
        async with self._lock:
            if self._db is not None:
                await self._db.close()
                self._db = None

    async def _ready(self) -> Db:
        db = self._db
        if db is not None and not db.conn.is_closed() and not db.inside and (db.pinned or self._home.prepared):
            return db
        self.drop()
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            await asyncio.wait([loop.create_future()], timeout=self._not_before - loop.time())
        try:
            self._db = await connect(self._home)
        except BaseException:
            self._not_before = loop.time() + min(LONGEST_PAUSE, PAUSE * 2**self._failed)
            self._failed = min(self._failed + 1, 10)
            raise
        self._failed = 0
        return self._db


class Lanes:
    """Lends connections: `write()` for commits, `claim()`, `beside()` for other writes, `read()`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._writers = [Slot(home) for _ in range(home.address.lanes)]
        self._claims = Slot(home)
        self._beside = Slot(home)
        self._readers = [Slot(home) for _ in range(READERS)]
        self._open = True

    def write(self) -> AbstractAsyncContextManager[Db]:
        """A connection for commits, the one that fewest wait for: whoever commits keeps the changes of a run apart."""
        return self._lent(min(self._writers, key=lambda slot: slot.waiting))

    def claim(self) -> AbstractAsyncContextManager[Db]:
        """The connection for claims."""
        return self._lent(self._claims)

    def beside(self) -> AbstractAsyncContextManager[Db]:
        """The connection for writes that belong to no lane: retention, records."""
        return self._lent(self._beside)

    def read(self) -> AbstractAsyncContextManager[Db]:
        """A connection for reading, the one that fewest wait for."""
        return self._lent(min(self._readers, key=lambda slot: slot.waiting))

    def _lent(self, slot: Slot) -> AbstractAsyncContextManager[Db]:
        if not self._open:
            raise StoreUnavailable(f"the store {self.home.address.shown} is not open")
        return slot.use()

    async def close(self) -> None:
        """End all of them; what is under way is finished first."""
        self._open = False
        slots = (*self._writers, self._claims, self._beside, *self._readers)
        await asyncio.gather(*(slot.close() for slot in slots))
