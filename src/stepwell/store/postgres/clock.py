"""`DatabaseClock`: the database's time, read without asking it each time.

Leases and timers of all hosts go by one clock that way, however wrong their own are (P8).
"""

from typing import Final

from stepwell.ports.clock import Clock
from stepwell.store.postgres.connection import Db

DRIFT: Final = 1e-4
"""How wrong a measurement becomes, in seconds per second: clocks of computers are better than that."""
SMALL: Final = 1.0
"""A correction backwards of up to so many seconds is waited out; a larger one is an error that goes at once."""
RENEW: Final = 30.0
"""Seconds after which the time is to be measured again."""
_ASK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"


class DatabaseClock:
    """Implements `ports.clock.Clock`: the base's monotonic clock, and how far the database's is from it."""

    __slots__ = ("_base", "_error", "_last", "_measured", "_offset", "monotonic")

    def __init__(self, base: Clock) -> None:
        self._base = base
        self.monotonic = base.monotonic
        self._offset = base.now() - base.monotonic()
        self._error = float("inf")
        self._measured = float("-inf")
        self._last = float("-inf")

    def now(self) -> float:
        """Seconds since the epoch, as the database has it. Stands still rather than go back a little."""
        now = self.monotonic() + self._offset
        if now >= self._last or self._last - now > SMALL:
            self._last = now
        return self._last

    @property
    def stale(self) -> bool:
        """Whether it is time to measure again."""
        return self.monotonic() - self._measured > RENEW

    async def measure(self, db: Db) -> None:
        """Ask the database once."""
        sent = self.monotonic()
        there: float = await db.value(_ASK)
        self.learn(sent, there, self.monotonic())

    def learn(self, sent: float, there: float, received: float) -> None:
        """It was `there` at the database at some moment between `sent` and `received`.

        The shorter the time between, the better is the middle of it. A worse measurement is used only if it shows
        that what is known cannot be right: the database's clock was set, or another server took over.
        """
        offset, error = there - (sent + received) / 2, (received - sent) / 2
        aged = self._error + DRIFT * (received - self._measured)
        if error <= aged or abs(offset - self._offset) > error + aged:
            self._offset, self._error = offset, error
            self._measured = received
