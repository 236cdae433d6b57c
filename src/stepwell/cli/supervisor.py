"""Keeps worker processes alive: starts them, restarts those that died, and drains them when asked to stop."""

import asyncio
import logging
import signal
from typing import Any, Final

from stepwell.cli.moments import CLOCK, span
from stepwell.cli.serving import UNUSABLE, USELESS, Service
from stepwell.client.leash import manner_of, spawn
from stepwell.client.stopping import Stopping

log = logging.getLogger("stepwell.supervisor")
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
STEADY: Final = 60.0
"""A process that has lived so long counts as healthy: its successor starts without a pause."""


class Supervisor:
    """So many processes of one service."""

    def __init__(self, service: Service, processes: int) -> None:
        self._service = service
        self._processes = processes
        self._codes: list[int] = []
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._final = 0
        self._stopping = Stopping(at_once=False)

    async def run(self) -> int:
        """Work until asked to stop. 0: drained. 1: some process ended badly. 2, 5: they could not begin at all.

        128 + n: a second signal n; everything was killed at once. Nothing else ends the wait for running steps: the
        processes know their grace, and keep it.
        """
        stopping = self._stopping.listen()
        slots = [asyncio.ensure_future(self._slot(number)) for number in range(self._processes)]
        asked: asyncio.Future[Any] = asyncio.ensure_future(stopping.asked.wait())
        await asyncio.wait([asked, *slots], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if stopping.asked.is_set():
            log.info("stopping: what waits is handed back, running steps have their grace; once more stops at once")
        stopping.asked.set()  # also when one slot has given up for all
        for child in self._alive():
            child.terminate()
        again: asyncio.Future[Any] = asyncio.ensure_future(stopping.again.wait())
        done = asyncio.gather(*slots)
        await asyncio.wait([done, again], return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        for child in self._alive():
            child.kill()
        await done
        if stopping.again.is_set():
            return 128 + stopping.number
        return self._final or (1 if any(self._codes) else 0)

    def _alive(self) -> list[asyncio.subprocess.Process]:
        return [child for child in self._children.values() if child.returncode is None]

    async def _slot(self, number: int) -> None:
        """One process after the other, until asked to stop."""
        pause = 0.0
        while not self._stopping.asked.is_set():
            began = CLOCK.monotonic()
            child = await spawn("stepwell.cli.serving", self._service, self._service.reference)
            self._children[number] = child
            if self._stopping.asked.is_set():
                child.terminate()  # asked while it was being started
            code = await child.wait()
            if self._stopping.asked.is_set():
                # Of a signal dies who has not come to listen for it: it held nothing yet.
                self._codes.append(0 if code == -signal.SIGTERM else code)
                return
            if code in (USELESS, UNUSABLE):
                self._final = code
                return
            lived = CLOCK.monotonic() - began
            pause = 0.0 if lived > STEADY else min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE)
            log.error("worker process %d ended with %s after %s; another one begins%s", child.pid, manner_of(code),
                      span(lived), f" in {span(pause)}" if pause else "")  # fmt: skip
            await self._stopping.within(pause)
