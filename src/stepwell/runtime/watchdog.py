"""Watches the event loop: names the frame that blocks it, from a thread of its own."""

import asyncio
import logging
import sys
import threading
import traceback
from types import FrameType

from stepwell.ports.clock import Clock

log = logging.getLogger("stepwell.watchdog")
PERIOD = 0.5
BLOCKED = 1.0


class Watchdog:
    """Warns when the loop has not turned for `BLOCKED` seconds, with the stack that held it; once per blockage."""

    def __init__(self, clock: Clock, period: float = PERIOD, blocked: float = BLOCKED) -> None:
        self._clock = clock
        self._period = period
        self._blocked = blocked
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._stop = threading.Event()
        self._turned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepwell-watchdog", daemon=True)
        self.seen: list[str] = []
        self._longest = 0.0

    def lag(self) -> float:
        """The longest that the loop did not turn since this was asked last, in seconds, as far as samples show."""
        longest, self._longest = self._longest, 0.0
        return longest

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._turned.set()  # the loop, which waits for the thread here, could not
        self._thread.join(timeout=5 * self._period)

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            self._turned.clear()
            began = self._clock.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._turned.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._turned.wait(self._blocked) and not self._stop.is_set():
                self._report(sys._current_frames().get(self._thread_id))
                while not self._turned.wait(self._period) and not self._stop.is_set():
                    self._longest = max(self._longest, self._clock.monotonic() - began)
            self._longest = max(self._longest, self._clock.monotonic() - began)

    def _report(self, frame: FrameType | None) -> None:
        stack = "".join(traceback.format_stack(frame)[-8:]) if frame is not None else "(no stack)\n"
        self.seen.append(stack)
        log.warning(
            "the event loop has been blocked for %.1f s; blocking code belongs in a `def` step:\n%s",
            self._blocked,
            stack.rstrip(),
        )
