"""One worker process at a time, replaced when a file changes and the code as it is then can be loaded."""

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

import msgspec

from stepwell.cli.serving import UNUSABLE, USELESS, Service
from stepwell.client.leash import manner_of, spawn
from stepwell.client.stopping import Stopping

log = logging.getLogger("stepwell.dev")
GRACE: Final = 5.0
"""A reload gives running steps so long; those not done by then run again in the new process."""
PAUSE: Final = 1.0


class Reloading:
    """Serves, watches, and serves again."""

    def __init__(self, service: Service, folders: tuple[Path, ...]) -> None:
        self._service = service
        self._folders = folders
        self._changed = asyncio.Event()
        self._stopping = Stopping(at_once=False)
        self._child: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Serve until asked to stop. 0: drained. 128 + n: a second signal n, everything was killed."""
        self._stopping.listen()
        watching = asyncio.ensure_future(self._watch())
        try:
            while not self._stopping.asked.is_set():
                await self._serve()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        return 128 + self._stopping.number if self._stopping.again.is_set() else 0

    async def _watch(self) -> None:
        from watchfiles import PythonFilter, awatch

        async for changes in awatch(*self._folders, watch_filter=PythonFilter()):
            names = sorted({Path(path).name for _, path in changes})
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            log.info("%s%s changed", ", ".join(names[:3]), more)
            self._changed.set()

    async def _serve(self) -> None:
        """One process, until there is code to replace it with, it dies, or we are asked to stop."""
        self._changed.clear()
        child = self._child = await spawn("stepwell.cli.serving", self._service, self._service.reference)
        ended = asyncio.ensure_future(child.wait())
        await self._first(ended, self._changed, self._stopping.asked)
        while not (ended.done() or self._stopping.asked.is_set() or await self._loads()):
            log.error("what ran before goes on, with the code that it has, until a file is saved")
            await self._first(ended, self._changed, self._stopping.asked)
        if not ended.done():
            self._service = msgspec.structs.replace(self._service, banner="again")
            child.terminate()
            await self._first(ended, self._stopping.again, timeout=2 * GRACE)
            if not ended.done():
                child.kill()
            await ended
        elif not self._stopping.asked.is_set():
            code = ended.result()
            broken = code in (USELESS, UNUSABLE)  # only a change helps; a run that killed it is found by the next one
            log.error("the worker ended with %s; %s", manner_of(code),
                      "it begins again when a file is saved" if broken else "another one begins")  # fmt: skip
            await self._first(None, self._changed, self._stopping.asked, timeout=None if broken else PAUSE)

    async def _loads(self) -> bool:
        """Whether the code can be loaded as it is now: a process of its own tries it, and shows what is wrong.

        The API and the dashboard are served meanwhile, by the code before.
        """
        while True:
            self._changed.clear()
            probe = await spawn("stepwell.cli.serving", msgspec.structs.replace(self._service, probe=True), "probe")
            ended = asyncio.ensure_future(probe.wait())
            await self._first(ended, self._changed, self._stopping.asked)
            if ended.done():
                return ended.result() == 0
            probe.kill()
            await ended
            if self._stopping.asked.is_set():
                return True

    async def _first(
        self, ended: "asyncio.Future[int] | None", *events: asyncio.Event, timeout: float | None = None
    ) -> None:
        """Wait until the process has ended or one of the events is set."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(event.wait()) for event in events]
        both = [*waits, ended] if ended is not None else waits
        await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
