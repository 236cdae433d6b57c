"""A reading that many ask for: read at most as often as its own cost allows, the last one handed out meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from stepwell.ports.clock import Clock

T = TypeVar("T")
SHARE: Final = 20.0
"""A reading is good for at least so many times as long as it took."""


class Fresh(Generic[T]):
    """Reads when asked, and not more often than every `least` seconds, or `SHARE` times what reading takes."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, least: float) -> None:
        self._read = read
        self._clock = clock
        self._least = least
        self._value: T | None = None
        self._until = float("-inf")
        self._reading: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The reading; the first one, and one that is long out of date, is waited for. Raises what reading raises."""
        now = self._clock.monotonic()
        if self._value is not None and now < self._until:
            return self._value
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._again())
        if self._value is not None and now < self._until + self._least * 2:
            return self._value
        return await asyncio.shield(self._reading)

    async def _again(self) -> T:
        began = self._clock.monotonic()
        try:
            self._value = value = await self._read()
            ended = self._clock.monotonic()
            self._until = ended + max(self._least, (ended - began) * SHARE)
            return value
        finally:
            self._reading = None

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
