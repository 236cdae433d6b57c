"""An open app: store, journal writer, engine and workers, opened and closed in the right order."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.client.config import Settings
from stepwell.client.engine import OpenEngine
from stepwell.client.results import Results
from stepwell.client.stores import store_for
from stepwell.model.policy import Retention
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Store
from stepwell.runtime.alarms import LoopAlarms
from stepwell.runtime.hooks import Hooks
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.reaper import Reaper
from stepwell.runtime.tuning import tune_process
from stepwell.runtime.watchdog import Watchdog
from stepwell.runtime.worker import Worker
from stepwell.runtime.workeroptions import WorkerOptions

log = logging.getLogger("stepwell.client")


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an app is put together from besides its settings; a test environment swaps some."""

    clock: Clock
    new_key: Callable[[], bytes]
    key_of: Callable[[str], bytes | None]
    chance: Callable[[], float]
    store: Store | None = None
    alarms: Alarms | None = None
    virtual: bool = False
    strict: bool = False
    create: bool = True


class Opened:
    """Everything that lives between `open` and `close`."""

    def __init__(self, settings: Settings, definitions: Definitions, hooks: Hooks, parts: Parts) -> None:
        self.settings = settings
        self.definitions = definitions
        self.hooks = hooks
        self.parts = parts
        self.store = parts.store or store_for(settings, parts.clock)
        self.alarms = parts.alarms or LoopAlarms(parts.clock)
        self.writer = JournalWriter(self.store, parts.clock, 0.0 if parts.virtual else 0.05)
        self.results = Results(self.store, parts.clock, self.alarms, poll=not parts.virtual)
        self.engine = OpenEngine(self.store, self.writer, definitions, parts.clock, self.results,
                                 parts.new_key, parts.key_of)  # fmt: skip
        self.reaper: Reaper | None = None
        self.watchdog: Watchdog | None = None

    @classmethod
    async def begin(cls, settings: Settings, definitions: Definitions, hooks: Hooks, parts: Parts) -> "Opened":
        """Open the store."""
        opened = cls(settings, definitions, hooks, parts)
        await opened.store.open(create=parts.create)
        return opened

    async def work(self, options: dict[str, Any], *, retention: Retention | None = None) -> Worker:
        """Start a worker in this process, and what belongs to the first one."""
        parts = self.parts
        if not parts.virtual:
            tune_process()
        else:
            options = options | {"poll_s": None, "heart_thread": False}
        worker = Worker(parts.new_key().hex(), self.store, self.writer, self.definitions, parts.clock, self.alarms,
                        self.hooks, WorkerOptions(**options, strict=parts.strict), parts.new_key,
                        parts.chance)  # fmt: skip
        worker.ended = self.results.ended
        await worker.start()
        self.engine.workers.append(worker)
        if self.reaper is None:
            self._warn_of_misuse()
            self.reaper = Reaper(self.store, self.definitions, retention, parts.clock)
            if not parts.virtual:
                self.reaper.start()
                self.watchdog = Watchdog(parts.clock)
                self.watchdog.start()
        return worker

    def _warn_of_misuse(self) -> None:
        """Say where workflow bodies do what a replay cannot repeat; in tests such a body fails when it runs."""
        for name in self.definitions.workflow_names() if not self.parts.strict else ():
            definition = self.definitions.workflow(name)
            for warning in definition.warnings if definition is not None else ():
                log.warning("workflow %r: %s", name, warning)

    async def stop_worker(self, worker: Worker) -> None:
        """Drain one worker."""
        if worker in self.engine.workers:
            self.engine.workers.remove(worker)
        await worker.drain()

    async def end(self) -> None:
        """Close, last opened first; a part that fails keeps no other from closing."""
        await asyncio.gather(*(self.stop_worker(w) for w in list(self.engine.workers)))
        if self.reaper is not None:
            await self.reaper.stop()
        if self.watchdog is not None:
            self.watchdog.stop()
        await self.results.close()
        await self.writer.settled()
        self.engine.closed = True
        await self.store.close()

    async def crash(self) -> None:
        """End as a killed process does (tests): nothing is handed back or signed off; the store stays open."""
        for worker in list(self.engine.workers):
            await worker.crash()
        self.engine.workers.clear()
        await self.writer.abandon()
        if self.reaper is not None:
            await self.reaper.stop()
        await self.results.close()
        self.engine.closed = True
