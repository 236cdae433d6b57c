"""A worker: holds leases on runs and lets their activations do the rest.

Invariants. (1) A run is in `runs` exactly while this worker believes to hold its lease. (2) A suspended kernel is
used again only under the epoch that follows its own. (3) Whatever the store says this worker holds and it does not
know is handed back. (4) Kernels are driven from loop callbacks, never from inside a task.
"""

import asyncio
import logging
import os
import platform
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from stepwell.core.history import voided
from stepwell.errors import StepwellError, WorldError
from stepwell.model.change import Change, NewRun, Patch
from stepwell.model.entry import ChildEnded, Finished, Started, decode_entries
from stepwell.model.run import Claimed, InboxItem, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Store
from stepwell.runtime.activation import Activation
from stepwell.runtime.claims import Claims
from stepwell.runtime.executor import Executor
from stepwell.runtime.heart import Heartbeat
from stepwell.runtime.hooks import HookEvent, Hooks
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.resources import Resources
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
        self.runs: dict[bytes, Activation] = {}
        self.suspended: OrderedDict[bytes, Activation] = OrderedDict()
        self.ended: Callable[[RunRow, Finished | None], None] | None = None
        self.resources = Resources(definitions.resources())
        self.executor = Executor(options.concurrency, clock, alarms, self.resources)
        self.names = options.workflows or definitions.workflow_names()
        self.finished_count = 0
        self._reserved = 0
        self._coming: set[bytes] = set()
        self.claims = Claims(self)
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heart: Heartbeat | None = None
        self._started_at = clock.now()
        self._ticked = clock.monotonic()
        self._unknown: frozenset[bytes] = frozenset()
        self._quiet = asyncio.Event()

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Sign on and begin to claim."""
        heart = await self.store.heart()
        self._heart = Heartbeat(heart, self.row, self.options.lease_s, self.clock, self._progressing,
                                self._heard, self._lost)  # fmt: skip
        await asyncio.to_thread(self._heart.beat) if self.options.heart_thread else self._heart.beat()
        if self.options.heart_thread:
            self._heart.start()
        await self.store.subscribe(self.definitions.subscriptions())
        self.hooks.tell(HookEvent(name="worker.started", at=self.clock.now(), worker=self.id))
        self.claims.start()

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
        for run in list(self.suspended.values()):
            run.close()
        self.suspended.clear()
        for task in list(self._tasks):
            task.cancel()
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
            except Exception:
                log.exception("a run could not be loaded", extra={"run_id": one.row.id})
                self._park(one, "its journal could not be loaded; see the worker's log")

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
            self.loop.call_soon(self.take_on, [one])

    def holds(self, key: bytes) -> bool:
        """Whether this worker holds the run, or is just taking it on."""
        return key in self.runs or key in self._coming

    def not_taken(self) -> None:
        """A reserved place is free again: the commit was refused."""
        self._reserved -= 1

    def _take_on(self, one: Claimed) -> None:
        key = one.row.key
        kept = self.suspended.pop(key, None)
        if one.journal is None:
            assert kept is not None
            self.runs[key] = kept
            kept.wake(one.row, one.inbox)
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
        run = Activation(self, one.row, definition, entries, one.blobs)
        self.runs[key] = run
        resumed = len(entries) - len(voided(entries)) > 1
        self.tell("run.resumed" if resumed else "run.started", run_id=one.row.id, workflow=one.row.workflow)
        run.begin(one.inbox)

    def _park(self, one: Claimed, reason: str) -> None:
        self.runs.pop(one.row.key, None)
        patch = Patch(status=RunStatus.PARKED, release=True, reason=reason)
        self.writer.submit(Change(run=one.row.key, epoch=one.row.epoch, patch=patch), lambda _: None)

    def _give_back(self, one: Claimed) -> None:
        patch = Patch(status=RunStatus.QUEUED, release=True, rank=one.row.rank)
        self.writer.submit(Change(run=one.row.key, epoch=one.row.epoch, patch=patch), lambda _: None)

    def cached(self) -> Mapping[bytes, int]:
        """Key → epoch of the suspended kernels, for the claim."""
        return _Epochs(self.suspended)

    @property
    def room(self) -> int:
        """How many more runs may be taken on: free slots, and as many as were finished lately."""
        return 0 if self.stopping or self.dead else self.claims.window - len(self.runs)

    @property
    def background(self) -> int:
        """Look-ups under way."""
        return len(self._tasks)

    # -- Host ----------------------------------------------------------------------------------

    def look_into_inbox(self, key: bytes, after: int) -> None:
        self._spawn(self._inbox(key, after))

    async def _inbox(self, key: bytes, after: int) -> None:
        items = await self._persistently(lambda: self.store.inbox(key, after))
        self.loop.call_soon(self._inbox_arrived, key, items)

    def _inbox_arrived(self, key: bytes, items: list[InboxItem]) -> None:
        run = self.runs.get(key)
        if run is not None:
            run.inbox_arrived(items)

    def child_outcome(self, key: bytes, call: str) -> None:
        self._spawn(self._child(key, call))

    async def _child(self, key: bytes, call: str) -> None:
        loaded = await self._persistently(lambda: self.store.load(key))
        if loaded is None or loaded.row.parent is None:
            return
        entries = [e for _, data in loaded.journal or [] for e in decode_entries(data)]
        end = next((e for e in reversed(entries) if isinstance(e, Finished)), None)
        status = end.status if end is not None else loaded.row.status.value
        value = end.value if end is not None else None
        if value is not None and value.r:
            value = msgspec.structs.replace(value, v=msgspec.Raw(loaded.blobs[value.r]), r="")
        ended = ChildEnded(call=call, run=key.hex(), status=status, value=value, error=end.error if end else None)
        parent = loaded.row.parent
        self.loop.call_soon(lambda: self._child_ended(parent, ended))

    def _child_ended(self, parent: bytes, ended: ChildEnded) -> None:
        run = self.runs.get(parent)
        if run is not None and not run.closed_to_outcomes:
            entry = run.inputs.child_ended(ended)
            if entry is not None:
                run.soon(entry)
                run.advance()

    async def _persistently(self, ask: Callable[[], Any]) -> Any:
        delay = 0.05
        while True:
            try:
                return await ask()
            except WorldError as error:
                if not error.retryable:
                    raise
                log.warning("reading failed, repeating: %s", error)
                await self.pause(delay)
                delay = min(delay * 2, 2.0)

    async def pause(self, seconds: float) -> None:
        """Wait by the engine's clock."""
        rung = asyncio.Event()
        self.alarms.call_at(self.clock.now() + seconds, rung.set)
        await rung.wait()

    def released(self, key: bytes, status: RunStatus, finished: Finished | None) -> None:
        run = self.runs.pop(key, None)
        if run is None:
            return
        self.finished_count += 1
        if status is RunStatus.WAITING and self.options.hot > 0 and not self.stopping:
            self.suspended[key] = run
            while len(self.suspended) > self.options.hot:
                self.suspended.popitem(last=False)[1].close()
        else:
            run.close()
        self._tell_released(run, status, finished)
        if self.ended is not None and (status.terminal or status is RunStatus.PARKED):
            self.ended(msgspec.structs.replace(run.row, status=status), finished)
        if not self.runs:
            self._quiet.set()
        if status is RunStatus.WAITING and run.due is not None:
            self.claims.expect(run.due)
        self.claims.nudge(due=status is RunStatus.QUEUED or (finished is not None and run.row.parent is not None))

    def _tell_released(self, run: Activation, status: RunStatus, finished: Finished | None) -> None:
        if not self.hooks.any:
            return
        name = f"run.{status.value}"
        facts: dict[str, Any] = {}
        if finished is not None and finished.error is not None:
            facts["error"] = self.definitions.errors.to_exception(finished.error)
        if finished is not None and finished.value is not None:
            facts["result"] = run.definition.result.decode(run.inline(finished.value).v)
        self.tell(name, run_id=run.row.id, workflow=run.row.workflow, **facts)

    def dropped(self, key: bytes, why: str) -> None:
        log.info("run dropped: %s", why, extra={"run": key.hex()})
        self.runs.pop(key, None)
        if not self.runs:
            self._quiet.set()
        self.claims.nudge()

    def started(self, key: bytes) -> None:
        self.claims.nudge(due=True)

    def wants(self, event: str) -> bool:
        return self.hooks.wants(event)

    def tell(self, event: str, **facts: Any) -> None:
        if self.hooks.wants(event):
            self.hooks.tell(HookEvent(name=event, at=self.clock.now(), worker=self.id, **facts))

    # -- heartbeat -----------------------------------------------------------------------------

    def row(self) -> WorkerRow:
        """This worker as the store shows it."""
        now = self.clock.now()
        return WorkerRow(id=self.id, host=platform.node(), pid=os.getpid(), version=self.options.version,
                         concurrency=self.options.concurrency, started_at=self._started_at, beat_at=now,
                         expires_at=now + self.options.lease_s, held=len(self.runs))  # fmt: skip

    def lease_holds(self) -> bool:
        return self._heart is not None and self.clock.monotonic() < self._heart.holds_until

    def _progressing(self) -> bool:
        self.loop.call_soon_threadsafe(self._tick)
        late = self.clock.monotonic() - self.options.lease_s
        return self._ticked > late and (self.writer.idle or self.writer.progress_at > late)

    def _tick(self) -> None:
        self._ticked = self.clock.monotonic()

    def _heard(self, held: frozenset[bytes]) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._reconcile, held)

    def _reconcile(self, held: frozenset[bytes]) -> None:
        # Twice in a row: a claim whose answer is still on its way is unknown, too, for a moment.
        unknown = frozenset(key for key in held if key not in self.runs)
        for key in unknown & self._unknown:
            log.warning("handing back a run that this worker does not know", extra={"run": key.hex()})
            self._spawn(self._hand_back_unknown(key))
        self._unknown = unknown

    async def _hand_back_unknown(self, key: bytes) -> None:
        row = await self._persistently(lambda: self.store.row(key))
        if row is not None and row.worker == self.id and key not in self.runs:
            patch = Patch(status=RunStatus.QUEUED, release=True, rank=row.rank)
            await self.writer.commit(Change(run=key, epoch=row.epoch, generation=row.generation, patch=patch))
            self.claims.nudge(due=True)

    def _lost(self) -> None:
        def stop() -> None:
            log.error("this worker was declared dead (no heartbeat within its lease): everything it held is dropped")
            self.dead = True
            for run in list(self.runs.values()):
                run.drop("the worker was declared dead")

        self.loop.call_soon_threadsafe(stop)

    def _spawn(self, work: Any) -> None:
        task = self.loop.create_task(self._logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged(self, work: Any) -> None:
        try:
            await work
        except StepwellError:
            log.exception("background work failed")


class _Epochs(Mapping[bytes, int]):
    """The epochs of suspended kernels, read by the store from another thread: look-ups only."""

    def __init__(self, runs: OrderedDict[bytes, Activation]) -> None:
        self._runs = runs

    def __getitem__(self, key: bytes) -> int:
        return self._runs[key].epoch

    def __iter__(self) -> Any:
        return iter(list(self._runs))

    def __len__(self) -> int:
        return len(self._runs)
