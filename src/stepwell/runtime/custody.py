"""Compares what a worker believes to hold with what the store says: messages, orders, losses between two commits."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from stepwell.model.change import Change, Patch
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarm, Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.runtime.host import Held
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.lookups import Lookups
from stepwell.runtime.workeroptions import WorkerOptions

log = logging.getLogger("stepwell.worker")


class Custodian(Protocol):
    """What this needs of its worker."""

    id: str
    store: Store
    clock: Clock
    alarms: Alarms
    writer: JournalWriter
    options: WorkerOptions
    lookups: Lookups
    dead: bool

    @property
    def runs(self) -> Mapping[bytes, Held]: ...
    def holds(self, key: bytes) -> bool: ...
    def started(self, key: bytes) -> None: ...


class Custody:
    """A run that commits learns of its inbox with every reply; one that is in a long step has to be told.

    So the runs that have been quiet since the last look are looked at, twice per poll interval (P12): at the
    latest one poll interval after an order was given, their holder has seen it.
    """

    def __init__(self, worker: Custodian) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._alarm: Alarm | None = None
        self._acked: dict[bytes, int] = {}
        self._unknown: frozenset[bytes] = frozenset()
        self._looking = False

    def start(self) -> None:
        """Begin to look; without a poll interval, only when told to."""
        poll = self._worker.options.poll_s
        if poll is not None and not self._worker.dead:
            self._alarm = self._worker.alarms.call_at(self._worker.clock.now() + poll / 2, self._turn)

    def stop(self) -> None:
        """Look no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _turn(self) -> None:
        acked = {key: run.acked for key, run in self._worker.runs.items()}
        quiet = [key for key, n in acked.items() if self._acked.get(key) == n]
        self._acked = acked
        if quiet:
            self.look(quiet)
        self.start()

    def look(self, keys: list[bytes]) -> None:
        """Look at some of the runs that are held."""
        if not self._looking:
            self._looking = True
            self._worker.lookups.spawn(self._look(keys))

    async def _look(self, keys: list[bytes]) -> None:
        try:
            rows = await self._worker.lookups.persistently(lambda: self._worker.store.rows(keys))
        finally:
            self._looking = False
        self._loop.call_soon(self._seen, rows)

    def _seen(self, rows: list[RunRow]) -> None:
        for row in rows:
            run = self._worker.runs.get(row.key)
            if run is None or run.over:
                continue
            if row.epoch > run.epoch:
                run.drop("it was taken away")
            elif row.epoch == run.epoch:
                run.posted(row.inbox)

    # -- what the heartbeat hears ----------------------------------------------------------------

    def heard(self, held: frozenset[bytes]) -> None:
        """The store says which runs this worker holds; those it does not know are handed back."""
        worker = self._worker
        # Twice in a row: a claim whose answer is still on its way is unknown, too, for a moment.
        unknown = frozenset(key for key in held if not worker.holds(key))
        for key in unknown & self._unknown:
            log.warning("handing back a run that this worker does not know", extra={"run": key.hex()})
            worker.lookups.spawn(self._hand_back(key))
        self._unknown = unknown

    async def _hand_back(self, key: bytes) -> None:
        worker = self._worker
        row = await worker.lookups.persistently(lambda: worker.store.row(key))
        if row is not None and row.worker == worker.id and not worker.holds(key):
            patch = Patch(status=RunStatus.QUEUED, release=True, rank=row.rank)
            await worker.writer.commit(Change(run=key, epoch=row.epoch, generation=row.generation, patch=patch))
            worker.started(key)
