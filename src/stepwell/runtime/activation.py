"""One loaded run: its kernel, its journal as it grows, and every decision of its holder.

Invariants. (1) This object alone writes the run's journal while its epoch holds; journal order is the order of
delivery. (2) Entries are delivered when queued for commit, effects happen when acknowledged (P2). (3) A refused
commit drops everything: the store is right. (4) A run that waits only on time, events and children gives its lease
back, unless its inbox mark has moved meanwhile.

States: active ⇄ flushing → releasing → (released | active again); dropped from any.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.core.admission import rank_of
from stepwell.core.ending import EndFacts, ending, ending_error, parked
from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.payloads import resolved
from stepwell.core.starting import stored_options
from stepwell.core.transitions import told_parent
from stepwell.errors import Diverged, Nondeterminism
from stepwell.model.change import Change, Patch, Reply
from stepwell.model.entry import (
    AnyEntry,
    Finished,
    Nested,
    Payload,
)
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarm
from stepwell.ports.definitions import RunFacts, WorkflowDefinition
from stepwell.runtime.draft import Draft
from stepwell.runtime.host import Host
from stepwell.runtime.inputs import Inputs
from stepwell.runtime.orders import Orders
from stepwell.runtime.steps import StepCalls

log = logging.getLogger("stepwell.run")
NO_AGES: dict[str, float | None] = {}
KEEP_HOT = 0.25
"""Waits shorter than this many seconds are sat out without giving the lease back."""


class Activation:
    """The holder's side of one run. All methods run in the event loop's thread and never await."""

    def __init__(self, host: Host, row: RunRow, definition: WorkflowDefinition, entries: list[AnyEntry],
                 blobs: dict[str, bytes]) -> None:  # fmt: skip
        self.host = host
        self.row = row
        self.key = row.key
        self.epoch = row.epoch
        self.definition = definition
        self.errors = host.definitions.errors
        self.loop = host.loop
        self.blobs = blobs
        self.history = fold_history(entries)
        self.seq = len(entries)
        self.calls_of: list[str | None] = [getattr(e, "call", None) for e in entries]
        self.draft = Draft(blobs)
        self.inputs = Inputs(self)
        self.steps = StepCalls(self)
        self.orders = Orders(self, self.steps, self.inputs)
        self.kernel = Kernel(row.key, row.generation)
        self.holding_back = False
        self.behind = False
        self.stopping = False
        self.due: float | None = None
        self.over = False
        self._ready: deque[AnyEntry] = deque()
        self._effects: deque[tuple[int, Callable[..., None], tuple[Any, ...]]] = deque()
        self._submitted = 0
        self._acked = 0
        self._mark = row.inbox
        self._releasing: RunStatus | None = None
        self._finished: Finished | None = None
        self._shown = (row.progress, row.note or "")
        self._alarm: Alarm | None = None
        self._replay(entries)

    # -- replay and wake -----------------------------------------------------------------------

    def _replay(self, entries: list[AnyEntry]) -> None:
        started, kernel, void = self.history.started, self.kernel, self.history.void
        assert started is not None
        self.started = started
        kernel.folded = self.history.folds
        kernel.info = RunFacts(self.row, started, bytes(self.inline(started.input).v), self.host.definitions)
        kernel.begin(lambda: self.definition.program(kernel, kernel.info), started.at)
        for number, entry in enumerate(entries[1:], 1):
            if number in void:
                kernel.void()
            else:
                kernel.deliver(self._inlined(entry))
        self._check_drift()
        asked = kernel.take()
        kernel.at_end()
        self.orders.carry_out(kernel.unplaced(asked))

    def begin(self, inbox: list[InboxItem]) -> None:
        """Go on from where the journal ends."""
        self.inputs.take_in(inbox)
        self.advance()

    def wake(self, row: RunRow, inbox: list[InboxItem]) -> None:
        """Go on with the kernel kept since the run was suspended, under a new epoch."""
        self.row, self.epoch, self._mark = row, row.epoch, row.inbox
        self._releasing = None
        self.over = False
        self.inputs.forget()
        self.steps.resume()
        self.begin(inbox)

    # -- the one loop --------------------------------------------------------------------------

    def advance(self) -> None:
        """Let happen whatever can, then say where that leaves the run, and have it committed."""
        if self.over or self._releasing is not None:
            return
        try:
            self._advance()
        except Exception as error:
            log.exception("the engine failed on this run", extra=self.about())
            self._park_for(error)

    def _advance(self) -> None:
        kernel = self.kernel
        while self.behind or (kernel.outcome is None and kernel.stuck is None):
            entry = self._ready.popleft() if self._ready else self.inputs.next()
            if entry is None:
                break
            self.happened(entry)
        self._conclude()
        self.flush()

    def happened(self, entry: AnyEntry) -> None:
        """Append an entry, deliver it, and carry out what the body asks for in answer."""
        self._append(entry)
        if self.behind:
            self.kernel.position += 1  # recorded, not delivered: the next holder replays it
            return
        self.kernel.deliver(self._inlined(entry))
        self.orders.carry_out(self.kernel.take())

    def record(self, entry: AnyEntry) -> None:
        """Append an entry that concerns the holder alone."""
        self._append(entry)
        self.kernel.position += 1

    def _append(self, entry: AnyEntry) -> None:
        self.draft.entries.append(entry)
        self.calls_of.append(getattr(entry, "call", None))

    def soon(self, entry: AnyEntry) -> None:
        """Let an entry happen next."""
        self._ready.append(entry)

    def later(self, what: Callable[[], None]) -> None:
        """Do something from the loop, after the current decision."""
        self.loop.call_soon(lambda: None if self.over else what())

    def _conclude(self) -> None:
        kernel = self.kernel
        self._check_drift()
        if kernel.stuck is not None:
            self._release(parked(str(kernel.stuck)).patch, RunStatus.PARKED)
        elif kernel.outcome is not None:
            self._end()
        elif self.behind:
            if not self.steps.busy:
                status = RunStatus.PAUSED if self.holding_back and not self.stopping else RunStatus.QUEUED
                rank = rank_of(self.now(), self.row.priority, resumed=True)
                self._release(Patch(status=status, release=True, rank=rank), status)
        elif not self.steps.busy and not self._ready:
            self._wait()
        elif (due := self._next_due()) is not None:
            self._wake_at(due)
        self._show_progress()

    def _show_progress(self) -> None:
        progress = self.kernel.progress
        if progress is None or (progress.fraction, progress.note or "") == self._shown:
            return
        self._shown = (progress.fraction, progress.note or "")
        before = self.draft.patch or Patch()
        self.draft.patch = msgspec.structs.replace(before, progress=self._shown[0], note=self._shown[1])

    def _wait(self) -> None:
        due = self._next_due()
        if due is not None and due - self.now() < KEEP_HOT:
            self._wake_at(due)
            return
        self.due = due
        patch = Patch(status=RunStatus.WAITING, release=True, due=due, seen=self._mark, reason=self._waits_for())
        self._release(patch, RunStatus.WAITING)

    def _waits_for(self) -> str:
        kinds = [f"{c.kind} {c.id}" for c in list(self.kernel.calls.values())[:3]]
        return "waiting for " + ", ".join(kinds) if kinds else "waiting to retry"

    def _next_due(self) -> float | None:
        timer = self.kernel.next_timer()
        candidates = [timer[0] if timer else None, self.steps.next_due(), self.inputs.deadline()]
        return min((c for c in candidates if c is not None), default=None)

    def _wake_at(self, due: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self.host.alarms.call_at(due, self.advance)

    def _release(self, patch: Patch, status: RunStatus) -> None:
        self.draft.patch = patch
        self._releasing = status

    def _end(self) -> None:
        kernel = self.kernel
        outcome = kernel.outcome
        assert outcome is not None
        error = ending_error(kernel)
        value = again = failure = None
        try:
            if error is not None:
                failure = self.errors.to_failure(error)
            elif outcome.again is not None:
                again = self.draft.payload(outcome.again, "the input of continue_as_new")
            else:
                value = self.draft.payload(outcome.value, "the workflow's result")
        except Exception as refused:  # noqa: BLE001 - too large: the run fails with that
            failure, value, again, error = self.errors.to_failure(refused), None, None, refused
        if error is not None and outcome.error is not error:
            kernel.outcome = msgspec.structs.replace(outcome, error=error, value=None, again=None)
        decided = ending(kernel, self._end_facts(), value, again, failure)
        if decided.entry is not None:
            self.record(decided.entry)
        self.draft.opens = decided.opens
        assert decided.patch.status is not None
        if isinstance(decided.entry, Finished):
            self._finished = decided.entry
            value = decided.entry.value
            told = msgspec.structs.replace(decided.entry, value=None if value is None else self.inline(value))
            if self.row.parent is not None:
                self.draft.post.extend(told_parent(self.row, told, self.now()))
        if decided.patch.status is not RunStatus.PARKED:
            # A parked run keeps its waits: what comes meanwhile is there when a person lets it go on.
            self.draft.closes = bool(self.history.armed) or self.orders.armed
        self._release(decided.patch, decided.patch.status)

    def _end_facts(self) -> EndFacts:
        stored = stored_options(self.row)
        ages = {"succeeded": stored.keep_succeeded, "failed": stored.keep_failed} if self.row.options else NO_AGES
        return EndFacts(
            self.row, self.definition.rules, self.started, stored.retries, ages, self.stamp(), self.host.chance
        )

    def _check_drift(self) -> None:
        kernel = self.kernel
        if kernel.stuck is None and self.host.strict:
            if kernel.drifted:
                diff = ", ".join(kernel.drifted)
                kernel.stuck = Diverged(f"replayed calls have other arguments than recorded: {diff}", diff=diff)
            elif kernel.forgotten:
                names = ", ".join(kernel.forgotten)
                kernel.stuck = Nondeterminism(f"calls were made and never awaited: {names}", hint="Await them.")
        elif kernel.drifted or kernel.forgotten:
            log.warning(
                "calls with other arguments than recorded: %s; calls never awaited: %s",
                kernel.drifted, kernel.forgotten, extra=self.about())  # fmt: skip
        kernel.drifted.clear()
        kernel.forgotten.clear()

    # -- commits -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Submit what has been decided; do at once what waits for nothing."""
        draft = self.draft
        if not draft.empty and not self.over:
            seq = self.seq
            self.seq += len(draft.entries)
            change = draft.take(self.key, self.epoch, self.row.generation, seq)
            self._submitted += 1
            if self.kernel.lines:
                self.after_ack(self._log_lines, self.kernel.lines)
                self.kernel.lines = []
            self.host.writer.submit(change, self._acknowledged)
        self._do_effects()

    def after_ack(self, effect: Callable[..., None], *args: Any) -> None:
        """Do something outside the run once everything decided so far is committed."""
        ticket = self._submitted if self.draft.empty else self._submitted + 1
        self._effects.append((ticket, effect, args))

    def _do_effects(self) -> None:
        effects = self._effects
        while effects and effects[0][0] <= self._acked and not self.over:
            _, effect, args = effects.popleft()
            effect(*args)

    def _log_lines(self, lines: list[tuple[int, str]]) -> None:
        for level, line in lines:
            log.log(level, line, extra=self.about())

    def _acknowledged(self, reply: Reply | Exception) -> None:
        if self.over:
            return
        if isinstance(reply, Exception):
            self._park_for(reply)
            return
        if not reply.ok:
            self.drop(reply.why)
            return
        self._acked += 1
        if reply.children:
            self.orders.children_found(reply.children)
        last = self._acked == self._submitted
        if self._releasing is not None and last:
            if reply.released:
                self._released(self._releasing)
                return
            self._releasing = None
        self._do_effects()
        if reply.inbox > self._mark:
            self.host.look_into_inbox(self.key, self._mark)

    def _park_for(self, error: Exception) -> None:
        log.error("a commit was refused, the run is parked: %s", error, extra=self.about())
        patch = parked(f"the store refused a change of this run: {error}").patch
        change = Change(run=self.key, epoch=self.epoch, generation=self.row.generation, patch=patch)
        self.host.writer.submit(change, lambda _: None)
        self.drop("refused")

    def inbox_arrived(self, items: list[InboxItem]) -> None:
        """Inbox items that were asked for."""
        if self.over:
            return
        if items:
            self._mark = max(self._mark, items[-1].n)
            self.inputs.take_in(items)
        self.advance()

    def _released(self, status: RunStatus) -> None:
        self.over = True
        if self._alarm is not None:
            self._alarm.cancel()
        if status is RunStatus.WAITING:
            self.steps.suspend()
        else:
            self.steps.stop()
        for _, effect, args in self._effects:
            effect(*args)
        self._effects.clear()
        self.host.released(self.key, status, self._finished)

    def hold_back(self) -> None:
        """Begin nothing more. What runs is recorded when it ends; then the lease goes back.

        The body does not go on here: calls that had not begun are forgotten, so only a replay is in order.
        """
        self.holding_back = self.behind = True
        self.steps.hold_back()

    def hand_back(self, *, now: bool = False) -> None:
        """The worker stops: give the lease back when nothing runs any more, or at once."""
        if self.over or self._releasing is not None:
            return
        self.stopping = True
        self.hold_back()
        if now:
            self.steps.stop()
        self.advance()

    def drop(self, why: str) -> None:
        """This copy is worthless: stop everything, record nothing."""
        if self.over:
            return
        self.over = True
        self.steps.stop()
        self.close()
        self.host.dropped(self.key, why)

    def close(self) -> None:
        """Unwind the body and let go."""
        self.over = True
        if self._alarm is not None:
            self._alarm.cancel()
        self.kernel.close()
        # What belongs to this run refers back to it: let go, so that all is freed now and not by the collector.
        self.steps.dissolve()
        del self.inputs, self.orders
        self._effects.clear()

    @property
    def closed_to_outcomes(self) -> bool:
        """What still comes from steps is too late to be recorded here."""
        return self.over or self._releasing is not None

    # -- small things --------------------------------------------------------------------------

    def now(self) -> float:
        return self.host.clock.now()

    def stamp(self) -> float:
        """The stamp of the next entry: the clock, never behind the last entry."""
        return max(self.kernel.stamp, self.host.clock.now())

    def inline(self, payload: Payload) -> Payload:
        """A payload with its data, wherever it is kept."""
        return resolved(payload, self.blobs) if payload.r else payload

    def _inlined(self, entry: AnyEntry) -> AnyEntry:
        value = getattr(entry, "value", None)
        if value is None or not value.r:
            return entry
        return msgspec.structs.replace(entry, value=self.inline(value))

    def about(self) -> dict[str, Any]:
        """Fields of a log line."""
        return {"run_id": self.row.id, "workflow": self.row.workflow, "epoch": self.epoch}

    def tell(self, event: str, **facts: Any) -> None:
        """A lifecycle event, after its commit."""
        if not self.host.wants(event):
            return
        self.after_ack(lambda: self.host.tell(event, run_id=self.row.id, workflow=self.row.workflow, **facts))

    async def record_nested(self, entry: Nested) -> Nested:
        """Commit a nested step's outcome before its parent goes on."""
        committed = self.loop.create_future()
        self.history.nested[entry.call] = entry
        self.record(entry)
        self.after_ack(lambda: committed.set_result(None))
        self.flush()
        await committed
        return entry

    async def pause_for(self, delay: float) -> None:
        """Wait, by the engine's clock, while holding the lease."""
        rung = asyncio.Event()
        self.host.alarms.call_at(self.now() + delay, rung.set)
        await rung.wait()
