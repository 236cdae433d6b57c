"""Hearing of other processes' commits without asking the database.

Every commit changes the file beside the database that has its write-ahead log. One look at that file costs a system
call; only when it has changed is the database asked whether the commit was another connection's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE: Final = 0.03
"""Seconds between looks."""


class Hints:
    """One watch per store, however many wait."""

    def __init__(self, path: str, version: Callable[[], Awaitable[int]]) -> None:
        self._wal = f"{path}-wal"
        self._version = version
        self._seen: tuple[int, int] | None = None
        self._known = -1
        self._again = False
        self._waiting: set[asyncio.Future[bool]] = set()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, timeout: float) -> bool:
        """Wait for a commit of somebody else; False after `timeout` seconds without."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.add(future)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._watch())
        try:
            return await asyncio.wait_for(future, timeout)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Stop looking; whoever waits has heard nothing."""
        if self._task is not None:
            self._task.cancel()
        self._tell(False)

    async def _watch(self) -> None:
        pause = asyncio.Event()  # never set: a wait for it with a timeout is a pause
        while self._waiting:
            if await self._changed():
                self._tell(True)
                return
            try:
                await asyncio.wait_for(pause.wait(), PAUSE)
            except TimeoutError:
                continue

    def _tell(self, heard: bool) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(heard)

    async def _changed(self) -> bool:
        try:
            there = os.stat(self._wal)  # noqa: PTH116 - the cheapest look there is, many times a second
            seen = (there.st_mtime_ns, there.st_size)
        except FileNotFoundError:
            seen = None
        if seen == self._seen and not self._again:
            return False
        # A commit within the same tick of the file system's clock would not show: one more look after each change.
        self._again = seen != self._seen
        self._seen = seen
        before, self._known = self._known, await self._version()
        return before not in (-1, self._known)
