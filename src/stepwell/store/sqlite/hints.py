"""Hearing of other processes' commits without asking the database.

Every commit changes the file beside the database that holds its write-ahead log. One look at that file costs a system
call; only when it has changed is the database asked whether the commit was another connection's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final

from stepwell.errors import WorldError

PAUSE: Final = 0.04
"""Seconds between looks."""


class Hints:
    """One watch per store, however many wait; `version` changes with every commit of another connection."""

    def __init__(self, path: str, version: Callable[[], Awaitable[int]]) -> None:
        self._wal = f"{path}-wal"
        self._version = version
        self._seen: tuple[int, int] | None = None
        self._known = 0
        self._again = False
        self._waiting: set[asyncio.Future[bool]] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._asking: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Remember how things are: what is committed from now on will be heard."""
        self._seen = self._stat()
        self._known = await self._version()
        self._again = True

    async def wait(self, timeout: float) -> bool:
        """Wait for a commit of somebody else, since the last one heard; False after `timeout` seconds without."""
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.add(future)
        if self._timer is None and self._asking is None:
            self._timer = self._loop.call_soon(self._look)
        try:
            async with asyncio.timeout(timeout):  # not wait_for: in 3.11 it may lose a cancellation
                return await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Stop looking; whoever waits has heard nothing."""
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
        self._tell(False)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        seen = self._stat()
        if seen != self._seen or self._again:
            # A commit within the same tick of the file system's clock would not show: one more look after a change.
            self._again = seen != self._seen
            self._seen = seen
            self._asking = self._loop.create_task(self._ask())
        else:
            self._timer = self._loop.call_later(PAUSE, self._look)

    async def _ask(self) -> None:
        before = self._known
        try:
            self._known = await self._version()
        except WorldError:
            self._again = True  # who waits will meet the error in what he does next
        self._asking = None
        if self._known != before:
            self._tell(True)
        else:
            self._timer = self._loop.call_later(PAUSE, self._look)

    def _stat(self) -> tuple[int, int] | None:
        try:
            there = os.stat(self._wal)  # noqa: PTH116 - the cheapest look there is, many times a second
        except FileNotFoundError:
            return None
        return there.st_mtime_ns, there.st_size

    def _tell(self, heard: bool) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(heard)
