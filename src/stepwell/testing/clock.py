"""A clock that stands still until it is moved, and the alarms that it rings when it passes them."""

import heapq
import itertools
from collections.abc import Callable

START = 1_700_000_000.0
"""Where a virtual clock begins: 2023-11-14 22:13:20 UTC, a whole number of seconds."""


class VirtualAlarm:
    """One pending alarm."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
        self.callback = _nothing  # what it would have called need not live as long as its time


def _nothing() -> None: ...


class VirtualClock:
    """Clock and alarms in one; implements `ports.clock.Clock` and `ports.alarms.Alarms`."""

    def __init__(self, start: float = START) -> None:
        self._now = start
        self._alarms: list[tuple[float, int, VirtualAlarm]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> VirtualAlarm:
        alarm = VirtualAlarm(when, callback)
        heapq.heappush(self._alarms, (when, next(self._order), alarm))
        return alarm

    def next_alarm(self) -> float | None:
        """When the next alarm is due; None when there is none."""
        while self._alarms and self._alarms[0][2].cancelled:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def move_to(self, when: float) -> None:
        """Set the clock (never back)."""
        self._now = max(self._now, when)

    def ring(self) -> int:
        """Ring every alarm that is due; returns how many."""
        rung = 0
        while (due := self.next_alarm()) is not None and due <= self._now:
            alarm = heapq.heappop(self._alarms)[2]
            alarm.callback()
            rung += 1
        return rung

    def forget(self) -> None:
        """Drop all alarms: the process that set them is dead."""
        self._alarms.clear()
