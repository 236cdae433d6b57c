"""Waiting for runs to end: pushed by a worker in this process, else one shared look for all who wait."""

import asyncio
import logging
from typing import Any

import msgspec

from stepwell.errors import NotFound, WorldError
from stepwell.model.entry import Finished
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.runtime.loudness import level_of

log = logging.getLogger("stepwell.client")
SETTLED = frozenset({RunStatus.PARKED})
FASTEST, SLOWEST = 0.02, 1.0


class Settled(msgspec.Struct, frozen=True):
    """A run that has ended or is parked; `end` is its last entry, where a worker of this process wrote it."""

    row: RunRow
    end: Finished | None = None


class Results:
    """Who waits for which run. One query serves everybody, however many wait."""

    def __init__(self, store: Store, clock: Clock, alarms: Alarms, poll: bool) -> None:
        self._store = store
        self._clock = clock
        self._alarms = alarms
        self._poll = poll
        self._waiting: dict[bytes, set[asyncio.Future[Settled]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def wait(self, key: bytes, timeout: float | None, live: bool = False) -> Settled:
        """How the run stands once it has ended or is parked. `live`: a worker of this process holds it now.

        Raises TimeoutError, NotFound.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Settled] = loop.create_future()
        self._waiting.setdefault(key, set()).add(future)
        alarm = None
        try:
            if not live:
                row = await self._store.row(key)
                if row is None:
                    raise NotFound(f"there is no run {key.hex()} (any more)")
                if is_settled(row):
                    return Settled(row)
            if timeout is not None:
                alarm = self._alarms.call_at(self._clock.now() + timeout, lambda: _expire(future))
            if self._poll and self._task is None:
                self._task = loop.create_task(self._watch())
            self._wake.set()
            return await future
        finally:
            if alarm is not None:
                alarm.cancel()
            waiting = self._waiting.get(key, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(key, None)

    def ended(self, row: RunRow, finished: Finished | None) -> None:
        """A worker of this process ended the run (acknowledged)."""
        for future in self._waiting.get(row.key, ()):
            if not future.done():
                future.set_result(Settled(row, finished))

    def seen(self, row: RunRow) -> bool:
        """Somebody has read this row: if it is settled, those who wait for it are told."""
        if not is_settled(row):
            return False
        self.ended(row, None)
        return True

    async def _watch(self) -> None:
        pause, failures = FASTEST, 0
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                pause = FASTEST
            try:
                found = await self.look()
                hinted = await self._store.wait_hint(pause) if self._store.capabilities.hints else await _sit(pause)
                failures = 0
            except WorldError as error:
                failures += 1
                log.log(level_of(failures), "looking for results failed: %s", error)
                found, hinted = 0, await _sit(SLOWEST)
            except Exception:
                log.exception("looking for results failed")  # and goes on: those who wait must not wait for ever
                found, hinted = 0, await _sit(SLOWEST)
            pause = FASTEST if found or hinted else min(pause * 1.5, SLOWEST)

    async def look(self) -> int:
        """Look once for all who wait; returns how many runs were settled."""
        return sum([self.seen(row) for row in await self._store.rows(list(self._waiting))])

    @property
    def waited_for(self) -> bool:
        """Whether anybody waits for a run's end."""
        return bool(self._waiting)

    async def close(self) -> None:
        """Stop looking; whoever still waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()


def is_settled(row: RunRow) -> bool:
    """Nothing more happens by itself: the run has ended, or needs a person."""
    return row.status.terminal or row.status in SETTLED


def _expire(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_exception(TimeoutError("the run is still going on"))


async def _sit(delay: float) -> bool:
    await asyncio.sleep(delay)  # noqa: TID251 - a poll of a real store; virtual time does not poll
    return False
