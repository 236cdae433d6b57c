"""An open app: store, journal writer, engine and workers, opened and closed in the right order."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from stepwell.client.config import Settings
from stepwell.client.engine import OpenEngine
from stepwell.client.redact import without_credentials
from stepwell.client.results import Results
from stepwell.client.stores import store_for
from stepwell.client.versions import remember
from stepwell.model.policy import Retention
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Store
from stepwell.runtime.activation import Activation
from stepwell.runtime.alarms import LoopAlarms
from stepwell.runtime.hooks import Hooks
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.loglines import EVERY, LogLines
from stepwell.runtime.reaper import Reaper
from stepwell.runtime.strays import Strays
from stepwell.runtime.tuning import tune_process
from stepwell.runtime.watchdog import Watchdog
from stepwell.runtime.worker import Worker
from stepwell.runtime.workeroptions import WorkerOptions

log = logging.getLogger("stepwell.client")


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an app is put together from besides its settings; a test environment swaps some.

    `create`: make the database when there is none. `patience`: seconds after which a commit that fails is given up.
    """

    clock: Clock
    new_key: Callable[[], bytes]
    key_of: Callable[[str], bytes | None]
    chance: Callable[[], float]
    store: Store | None = None
    alarms: Alarms | None = None
    virtual: bool = False
    strict: bool = False
    shadow: Callable[[Activation], None] | None = None
    create: bool = True
    patience: float | None = None
    redact: Callable[[str], str] = without_credentials


class Opened:
    """Everything that lives between `open` and `close`."""

    def __init__(self, settings: Settings, definitions: Definitions, hooks: Hooks, parts: Parts) -> None:
        self.settings = settings
        self.definitions = definitions
        self.hooks = hooks
        self.parts = parts
        self.store = parts.store or store_for(settings, parts.clock)
        clock = self.store.clock  # not the machine's: leases and timers of all hosts go by the database's (P8)
        self.alarms = parts.alarms or LoopAlarms(clock)
        self.writer = JournalWriter(self.store, clock, 0.0 if parts.virtual else 0.05, parts.patience)
        self.results = Results(self.store, clock, self.alarms, poll=not parts.virtual)
        self.lines = LogLines(self.store, clock, parts.new_key().hex()[-6:], every=0.0 if parts.virtual else EVERY,
                              redact=parts.redact)  # fmt: skip
        self.engine = OpenEngine(self.store, self.writer, definitions, clock, self.results, self.lines,
                                 parts.new_key, parts.key_of)  # fmt: skip
        self.reaper: Reaper | None = None
        self.strays = Strays(self.store, self.writer, definitions, clock)
        self.watchdog: Watchdog | None = None
        self.replacing: set[asyncio.Task[None]] = set()

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
        worker = await self._start(WorkerOptions(**options, strict=parts.strict))
        if self.reaper is None:
            await remember(self.store, self.definitions, self.store.clock)
            self.reaper = Reaper(self.store, self.definitions, retention, self.store.clock)
            if not parts.virtual:
                self.reaper.start()
                self.strays.start()
                self.watchdog = Watchdog(self.store.clock)
                self.watchdog.start()
        return worker

    async def _start(self, options: WorkerOptions) -> Worker:
        parts = self.parts
        worker = Worker(parts.new_key().hex(), self.store, self.writer, self.definitions, self.store.clock, self.alarms,
                        self.hooks, options, parts.new_key, parts.chance)  # fmt: skip
        worker.ended = self.results.ended
        worker.shadow = parts.shadow
        worker.lines = self.lines
        worker.lag = self._lag
        if options.only is None:
            worker.lost = self._lost
        await worker.start()
        self.engine.workers.append(worker)
        return worker

    def _lag(self) -> float:
        return 0.0 if self.watchdog is None else self.watchdog.lag()

    def _lost(self, dead: Worker) -> None:
        """A worker was declared dead: another, under an id of its own, takes its place. Else this process idles."""
        task = asyncio.get_running_loop().create_task(self._replace(dead))
        self.replacing.add(task)
        task.add_done_callback(self.replacing.discard)

    async def _replace(self, dead: Worker) -> None:
        if dead not in self.engine.workers:
            return  # it was stopping anyway
        self.engine.workers.remove(dead)
        try:
            await dead.drain()
            await dead.lookups.persistently(lambda: self._start(dead.options))
        except Exception:
            log.exception("a worker that was declared dead could not be replaced; restart this process")

    async def stop_worker(self, worker: Worker) -> None:
        """Drain one worker."""
        if worker in self.engine.workers:
            self.engine.workers.remove(worker)
        await worker.drain()

    async def end(self) -> None:
        """Close, last opened first; a part that fails keeps no other from closing."""
        for task in list(self.replacing):
            task.cancel()
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self.store.close)
            parts.callback(setattr, self.engine, "closed", True)
            parts.push_async_callback(self.lines.close)
            parts.push_async_callback(self._settle_writer)
            parts.push_async_callback(self.results.close)
            parts.push_async_callback(self.hooks.settled, self.settings.grace)
            if self.watchdog is not None:
                parts.callback(self.watchdog.stop)
            if self.reaper is not None:
                parts.push_async_callback(self.reaper.stop)
                parts.push_async_callback(self.strays.stop)
            for worker in list(self.engine.workers):
                parts.push_async_callback(self.stop_worker, worker)

    async def _settle_writer(self) -> None:
        """What was decided is committed; but a database that is gone must not keep the process."""
        try:
            await asyncio.wait_for(self.writer.settled(), self.settings.lease)
        except TimeoutError:
            log.error("the last changes could not be committed; the leases run out by themselves")  # noqa: TRY400
            await self.writer.abandon()

    async def crash(self) -> None:
        """End as a killed process does (tests): nothing is handed back or signed off; the store stays open."""
        for worker in list(self.engine.workers):
            await worker.crash()
        self.engine.workers.clear()
        await self.writer.abandon()
        self.lines.abandon()
        if self.reaper is not None:
            await self.reaper.stop()
            await self.strays.stop()
        await self.results.close()
        self.engine.closed = True
