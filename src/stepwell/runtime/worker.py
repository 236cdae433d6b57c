"""A worker: holds leases on runs and lets their activations do the rest.

Invariants. (1) A run is in `runs` exactly while this worker believes to hold its lease. (2) A suspended kernel is
used again only under the epoch that follows its own. (3) Whatever the store says this worker holds and it does not
know is handed back. (4) Kernels are driven from loop callbacks, never from inside a task.
"""

import asyncio
import logging
import os
import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from stepwell.model.change import Change, NewRun, Patch
from stepwell.model.entry import Finished, Started, decode_entries
from stepwell.model.logline import Line
from stepwell.model.run import Claimed, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions, codes_of
from stepwell.ports.store import Store
from stepwell.runtime.activation import Activation
from stepwell.runtime.claims import Claims
from stepwell.runtime.conduct import warn_of
from stepwell.runtime.custody import Custody
from stepwell.runtime.executor import Executor
from stepwell.runtime.heart import Heartbeat
from stepwell.runtime.hooks import HookEvent, Hooks
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.loglines import LogLines
from stepwell.runtime.lookups import Lookups
from stepwell.runtime.resources import Resources
from stepwell.runtime.suspended import Suspended
from stepwell.runtime.waiting import open_calls
from stepwell.runtime.workeroptions import WorkerOptions

log = logging.getLogger("stepwell.worker")


class Worker:
    """Implements `runtime.host.Host` for its activations."""

    def __init__(self, worker_id: str, store: Store, writer: JournalWriter, definitions: Definitions, clock: Clock,
                 alarms: Alarms, hooks: Hooks, options: WorkerOptions, new_key: Callable[[], bytes],
                 chance: Callable[[], float]) -> None:  # fmt: skip
        self.id = worker_id
        self.store = store
        self.writer = writer
        self.definitions = definitions
        self.clock = clock
        self.alarms = alarms
        self.hooks = hooks
        self.options = options
        self.strict = options.strict
        self.new_key = new_key
        self.chance = chance
        self.stopping = False
        self.dead = False
        self.moved = False  # the database was: another worker on it could do nothing either
        self.runs: dict[bytes, Activation] = {}
        self.suspended = Suspended(options.hot)
        self.ended: Callable[[RunRow, Finished | None], None] | None = None
        self.lost: Callable[[Worker], None] | None = None
        self.lines: LogLines | None = None
        self.lag: Callable[[], float] = float
        self._coded: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self.shadow: Callable[[Activation], None] | None = None
        self.resources = Resources(definitions.resources())
        self.executor = Executor(options.concurrency, clock, alarms, self.resources, self.lease_holds)
        self.finished_count = 0
        self._reserved = 0
        self._coming: set[bytes] = set()
        self._own: list[Claimed] = []
        self.lookups = Lookups(self)
        self.custody = Custody(self)
        self.claims = Claims(self)
        self.loop = asyncio.get_running_loop()
        self._heart: Heartbeat | None = None
        self._started_at = clock.now()
        self._ticked = clock.monotonic()
        self._quiet = asyncio.Event()

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Sign on and begin to claim."""
        if not self.strict:
            warn_of(self.definitions, self.names)
        heart = await self.store.heart()
        self._heart = Heartbeat(heart, self.row, self.options.lease_s, self.clock, self._progressing,
                                self._heard, self._lost)  # fmt: skip
        await asyncio.to_thread(self._heart.beat) if self.options.heart_thread else self._heart.beat()
        if self.options.heart_thread:
            self._heart.start()
        await self.store.subscribe(self.definitions.subscriptions())
        self.hooks.tell(HookEvent(name="worker.started", at=self.clock.now(), worker=self.id))
        self.claims.start()
        self.custody.start()

    def beat(self) -> None:
        """Beat now (where no thread does)."""
        if self._heart is not None and not self.dead and not self._heart.beat():
            self._lost()

    def doubt(self) -> None:
        """A claim's reply was lost: beat soon, twice, to learn what this worker holds without knowing."""
        if not self.options.heart_thread:
            for delay in (1.0, 2.0):
                self.alarms.call_at(self.clock.now() + delay, self.beat)

    async def drain(self) -> None:
        """Stop claiming, hand back what waits at once and what runs within the grace, sign off."""
        self.stopping = True
        await self.claims.stop()
        for run in list(self.runs.values()):
            run.hand_back()
        if self.runs:
            await self.executor.drain(self.options.grace_s)
            for run in list(self.runs.values()):
                run.hand_back(now=True)
        await self._until_quiet(self.options.lease_s)
        await self._close(signed_off=True)
        self.hooks.tell(HookEvent(name="worker.stopped", at=self.clock.now(), worker=self.id))

    async def crash(self) -> None:
        """Stop as a killed process does: nothing is handed back, nothing signed off (tests)."""
        self.stopping = self.dead = True
        await self.claims.stop(at_once=True)
        for run in list(self.runs.values()):
            run.steps.stop()
            run.close()
        self.runs.clear()
        await self._close(signed_off=False)

    async def _close(self, *, signed_off: bool) -> None:
        self.suspended.close()
        self.custody.stop()
        self.lookups.cancel()
        if self._heart is not None:
            stop = partial(self._heart.stop, self.id) if signed_off and not self.dead else self._heart.abandon
            await asyncio.to_thread(stop) if self.options.heart_thread else stop()
        await self.resources.close()
        self.executor.close()

    async def _until_quiet(self, limit: float) -> None:
        while self.runs and not self.dead:
            self._quiet.clear()
            try:
                await asyncio.wait_for(self._quiet.wait(), limit)
            except TimeoutError:
                log.warning("%d runs could not be handed back; their leases end with this worker", len(self.runs))
                return

    # -- taking on runs ------------------------------------------------------------------------

    def take_on(self, claimed: list[Claimed]) -> None:
        """Load claimed runs, or wake those still in memory."""
        for one in claimed:
            self._coming.discard(one.row.key)
            try:
                self._take_on(one)
            except Exception as error:
                log.exception("a run could not be loaded", extra={"run_id": one.row.id})
                self._park(one, f"its journal could not be loaded: {error!r}")

    def may_take(self, workflow: str, queue: str) -> bool:
        """Reserve a place for a run that is about to be committed as claimed by this worker."""
        options = self.options
        if options.only is not None or workflow not in self.names or (options.queues and queue not in options.queues):
            return False
        if self.room - self._reserved <= 0:
            return False
        self._reserved += 1
        return True

    def take_own(self, new: NewRun) -> None:
        """Begin a run that was committed as claimed by this worker."""
        self._reserved -= 1
        one = Claimed(new.row, [(0, new.started)], [], dict(new.blobs))
        if self.stopping or self.dead:
            self._give_back(one)
        else:
            self._coming.add(new.row.key)
            self._own.append(one)
            if len(self._own) == 1:
                self.loop.call_soon(self._take_own)

    def _take_own(self) -> None:
        own, self._own = self._own, []
        self.take_on(own)

    def holds(self, key: bytes) -> bool:
        """Whether this worker holds the run, or is just taking it on."""
        return key in self.runs or key in self._coming

    def not_taken(self) -> None:
        """A reserved place is free again: the commit was refused."""
        self._reserved -= 1

    def _take_on(self, one: Claimed) -> None:
        key = one.row.key
        if (before := self.runs.get(key)) is not None:
            before.drop("it was taken away, and has come back")
        kept = self.suspended.take(key)
        if one.journal is None:
            if kept is not None and kept.epoch + 1 == one.row.epoch:
                self.runs[key] = kept
                kept.wake(one.row, one.inbox)
            else:  # it had to make room while the claim was on its way
                self.lookups.reload(one)
            return
        if kept is not None:
            kept.close()
        definition = self.definitions.workflow(one.row.workflow)
        if definition is None:
            self._give_back(one)
            return
        entries = [entry for _, data in one.journal for entry in decode_entries(data)]
        first = entries[0] if entries else None
        if not isinstance(first, Started):
            self._park(one, "its journal does not begin with a start")
            return
        size = sum(len(data) for _, data in one.journal) + sum(map(len, one.blobs.values()))
        run = Activation(self, one.row, definition, entries, one.blobs, size)
        self.runs[key] = run
        resumed = len(entries) - len(run.history.void) > 1
        self.tell("run.resumed" if resumed else "run.started", run_id=one.row.id, workflow=one.row.workflow)
        run.begin(one.inbox)

    def _park(self, one: Claimed, reason: str) -> None:
        self.runs.pop(one.row.key, None)
        patch = Patch(status=RunStatus.PARKED, release=True, reason=reason)
        facts = {"run_id": one.row.id, "workflow": one.row.workflow, "reason": reason}
        change = Change(run=one.row.key, epoch=one.row.epoch, patch=patch)
        self.writer.submit(change, lambda _: self.tell("run.parked", **facts))

    def _give_back(self, one: Claimed) -> None:
        patch = Patch(status=RunStatus.QUEUED, release=True, rank=one.row.rank)
        self.writer.submit(Change(run=one.row.key, epoch=one.row.epoch, patch=patch), lambda _: None)

    @property
    def names(self) -> tuple[str, ...]:
        """The workflows it serves; what is defined while it works (in a notebook, say) is served, too."""
        return self.options.workflows or self.definitions.workflow_names()

    @property
    def codes(self) -> tuple[str, ...]:
        """The fingerprints of the code that it has of them, in their order."""
        names = self.names
        if self._coded[0] is not names:
            self._coded = (names, codes_of(self.definitions, names))
        return self._coded[1]

    @property
    def room(self) -> int:
        """How many more runs may be taken on: free slots, and as many as were finished lately."""
        return 0 if self.stopping or self.dead else self.claims.window - len(self.runs)

    @property
    def background(self) -> int:
        """Look-ups under way."""
        return self.lookups.under_way

    # -- Host ----------------------------------------------------------------------------------

    def released(self, run: Activation, status: RunStatus, finished: Finished | None) -> None:
        if self.runs.get(run.key) is not run:
            return
        del self.runs[run.key]
        self.finished_count += 1
        self._tell_released(run, status, finished)
        if self.ended is not None and (status.terminal or status is RunStatus.PARKED):
            self.ended(msgspec.structs.replace(run.row, status=status), finished)
        if not self.runs:
            self._quiet.set()
        if status is RunStatus.WAITING and run.due is not None:
            self.claims.expect(run.due)
        self.claims.nudge(due=status is RunStatus.QUEUED or (finished is not None and run.row.parent is not None))
        if status is RunStatus.WAITING and self.options.hot > 0 and not self.stopping:
            self.suspended.keep(run)
        else:
            run.close()

    def _tell_released(self, run: Activation, status: RunStatus, finished: Finished | None) -> None:
        if not self.hooks.any:
            return
        name = f"run.{status.value}"
        facts: dict[str, Any] = {}
        if finished is not None and finished.error is not None:
            facts["error"] = self.definitions.errors.to_exception(finished.error)
        if finished is not None and finished.value is not None:
            facts["result"] = run.definition.result.decode(run.inline(finished.value).v)
        self.tell(name, run_id=run.row.id, workflow=run.row.workflow, reason=run.reason or None, **facts)

    def dropped(self, run: Activation, why: str) -> None:
        log.info("run dropped: %s", why, extra=run.about())
        if self.runs.get(run.key) is run:
            del self.runs[run.key]
        if not self.runs:
            self._quiet.set()
        self.claims.nudge()

    def started(self, key: bytes) -> None:
        self.claims.nudge(due=True)

    def keep(self, row: RunRow, level: int, text: str, call: str = "", attempt: int = 1) -> None:
        if self.lines is not None and level >= logging.INFO:
            line = Line(self.clock.now(), logging.getLevelName(level), text, call, attempt)
            self.lines.add(row.key, line, fresh=row.epoch <= 1)

    def wants(self, event: str) -> bool:
        return self.hooks.wants(event)

    def told(self, key: bytes | None) -> None:
        """Something was posted in this process: to this run, or to whoever waits for it."""
        run = self.runs.get(key) if key is not None else None
        if run is not None or (key is None and self.options.poll_s is None):
            self.custody.look([run.key] if run is not None else list(self.runs))

    def current(self, key: bytes) -> list[str] | None:
        """What a run in this worker's memory is at; None when it is not here."""
        run = self.runs.get(key) or self.suspended.get_run(key)
        return None if run is None else open_calls(run.kernel.calls)

    def tell(self, event: str, **facts: Any) -> None:
        if self.hooks.wants(event):
            self.hooks.tell(HookEvent(name=event, at=self.clock.now(), worker=self.id, **facts))

    # -- heartbeat -----------------------------------------------------------------------------

    def row(self) -> WorkerRow:
        """This worker as the store shows it."""
        now = self.clock.now()
        return WorkerRow(id=self.id, host=platform.node(), pid=os.getpid(), version=self.options.version,
                         concurrency=self.options.concurrency, started_at=self._started_at, beat_at=now,
                         expires_at=now + self.options.lease_s, held=len(self.runs), queues=self.options.queues,
                         offers=dict(zip(self.names, self.codes, strict=True)), lag=self.lag(),
                         draining=self.stopping)  # fmt: skip

    def lease_holds(self) -> bool:
        return self._heart is not None and self.clock.monotonic() < self._heart.holds_until

    async def renewed(self) -> bool:
        """Whether the lease holds. One that ran out while the process stood still is renewed, if nobody has noticed.

        Asked before each claim, which declares dead whose lease is over: also the worker that asks. So it is if its
        journal does not get on, since nobody else may be there to see that.
        """
        heart = self._heart
        self._tick()
        if heart is None or not heart.over or not self._progressing():
            return True
        held = await asyncio.to_thread(heart.renew) if self.options.heart_thread else heart.renew()
        if not held:
            self._die()
        return held

    def _progressing(self) -> bool:
        self.loop.call_soon_threadsafe(self._tick)
        late = self.clock.monotonic() - self.options.lease_s
        return self._ticked > late and (self.writer.idle or self.writer.progress_at > late)

    def _tick(self) -> None:
        self._ticked = self.clock.monotonic()

    def _heard(self, held: frozenset[bytes]) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.custody.heard, held)

    def _lost(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._die)

    def _die(self) -> None:
        if self.dead:
            return
        self.give_up("it was declared dead (no heartbeat within its lease)")
        if self.lost is not None:
            self.lost(self)

    def give_up(self, why: str) -> None:
        """Stop for good: whatever it held is somebody else's."""
        log.error("this worker stops, and drops what it held: %s", why)
        self.dead = True
        for run in list(self.runs.values()):
            run.drop("the worker stopped")
