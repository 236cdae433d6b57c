"""What asks a process to stop: the first SIGTERM or SIGINT kindly, the second at once."""

import asyncio
import os
import signal
from typing import Any


class Stopping:
    """`asked` is set by the first signal, `again` by the second one; `number` is the signal that came last.

    With `at_once` the second signal ends the process where it is, with exit code 128 + its number.
    """

    def __init__(self, *, at_once: bool) -> None:
        self.asked = asyncio.Event()
        self.again = asyncio.Event()
        self.number = 0
        self._at_once = at_once

    def listen(self) -> "Stopping":
        """Take over both signals, in the running loop, until the process ends."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._came, number)
            except NotImplementedError:  # Windows' event loops know no signals

                def handler(number: int, _: Any) -> None:
                    loop.call_soon_threadsafe(self._came, number)

                signal.signal(number, handler)
        return self

    def _came(self, number: int) -> None:
        self.number = number
        if not self.asked.is_set():
            self.asked.set()
        elif self._at_once:
            os._exit(128 + number)
        else:
            self.again.set()

    async def within(self, seconds: float) -> bool:
        """Wait to be asked, at most so long; True if asked."""
        try:
            async with asyncio.timeout(seconds):
                await self.asked.wait()
        except TimeoutError:
            return False
        return True
