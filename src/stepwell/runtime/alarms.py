"""Alarms on the running event loop, measured by the engine's clock."""

import asyncio
from collections.abc import Callable

from stepwell.ports.alarms import Alarm
from stepwell.ports.clock import Clock

LONGEST = 3600.0
"""Seconds between looks at the clock: a wall clock may be set while an alarm waits."""


class LoopAlarm:
    """One pending alarm; looks again if it wakes before its time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, when: float,
                 callback: Callable[[], object]) -> None:  # fmt: skip
        self._loop = loop
        self._clock = clock
        self._when = when
        self._callback = callback
        self._handle = self._arm()

    def _arm(self) -> asyncio.TimerHandle:
        left = self._when - self._clock.now()
        return self._loop.call_later(min(max(left, 0.0), LONGEST), self._ring)

    def _ring(self) -> None:
        if self._clock.now() < self._when:
            self._handle = self._arm()
        else:
            self._callback()

    def cancel(self) -> None:
        self._handle.cancel()


class LoopAlarms:
    """Implements `ports.alarms.Alarms` on an asyncio loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        return LoopAlarm(self._loop, self._clock, when, callback)
