"""Alarms: calling back at a moment, by the clock that the engine runs under."""

from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Alarms(Protocol):
    """Calls back in the event loop's thread. Under a virtual clock, time jumps to the next alarm when idle."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        """Call back when the clock reads `when` (epoch seconds) or later, never before."""
        ...
