"""One loaded run: its kernel, its journal as it grows, and every decision of its holder.

Invariants. (1) This object alone writes the run's journal while its epoch holds; journal order is the order of
delivery. (2) Entries are delivered when queued for commit, effects happen when acknowledged (P2). (3) A refused
commit drops everything: the store is right. (4) A run that waits only on time, events and children gives its lease
back, unless its inbox mark has moved meanwhile.

States: active ⇄ flushing → releasing → (released | active again); dropped from any. `behind`: the run is held back,
so what still comes is recorded and not delivered; the next holder replays it.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.core.admission import rank_of
from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.payloads import resolved
from stepwell.errors import WorldError
from stepwell.model.change import Patch, Reply
from stepwell.model.entry import AnyEntry, ChildEnded, ChildStarted, Finished, Folded, Payload, Started
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarm
from stepwell.ports.definitions import WorkflowDefinition
from stepwell.runtime import conduct
from stepwell.runtime.bounds import Bounds
from stepwell.runtime.codes import Codes
from stepwell.runtime.draft import Draft
from stepwell.runtime.ends import end_of, park_for
from stepwell.runtime.host import Host
from stepwell.runtime.inputs import Inputs
from stepwell.runtime.orders import Orders
from stepwell.runtime.pending import Pending
from stepwell.runtime.replay import replay
from stepwell.runtime.steps import StepCalls
from stepwell.runtime.waiting import reason_of

log = logging.getLogger("stepwell.run")
KEEP_HOT = 0.25
"""Waits shorter than this many seconds are sat out without giving the lease back."""


class Activation:
    """The holder's side of one run. All methods run in the event loop's thread and never await."""

    __slots__ = (  # too many for the dictionary that objects of one class share
        "_alarm", "_effects", "_finished", "_mark", "_ready", "_releasing", "_shown", "_submitted", "acked", "behind",
        "blobs", "bounds", "calls_of", "codes", "definition", "draft", "due", "epoch", "errors", "expecting", "history",
        "holding_back", "host", "inputs", "kernel", "key", "loop", "orders", "over", "pending", "reason", "row", "seq",
        "started", "steps", "stopping", "trace",
    )  # fmt: skip

    def __init__(self, host: Host, row: RunRow, definition: WorkflowDefinition, entries: list[AnyEntry],
                 blobs: dict[str, bytes], size: int = 0) -> None:  # fmt: skip
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
        assert self.history.started is not None
        self.started: Started = self.history.started
        self.calls_of: list[str | None] = [getattr(e, "call", None) for e in entries]
        self.bounds = Bounds(len(entries) - len(self.history.void), size)
        self.trace: list[AnyEntry] | None = list(entries) if host.shadow is not None else None
        self.draft = Draft(blobs)
        self.codes = Codes(self, self.history.code)
        self.steps = StepCalls(self)
        self.inputs = Inputs(self, self.steps)
        self.orders = Orders(self, self.steps, self.inputs)
        self.kernel = Kernel(row.key, row.generation)
        self.holding_back = self.behind = self.stopping = self.over = False
        self.due: float | None = None
        self.reason: str | None = None
        self.expecting = self.acked = self._submitted = 0
        self._ready: deque[AnyEntry] = deque()
        self._effects: deque[tuple[int, Callable[..., None], tuple[Any, ...]]] = deque()
        self._mark = row.inbox
        self._releasing: RunStatus | None = None
        self._finished: Finished | None = None
        self._shown = (row.progress, row.note or "")
        self._alarm: Alarm | None = None
        self.pending = Pending(self)
        self.orders.carry_out(replay(self, entries))

    # -- begin and wake -------------------------------------------------------------------------------

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
            kernel = self.kernel
            while self.behind or (kernel.outcome is None and kernel.stuck is None):
                entry: AnyEntry | None
                if self._ready:
                    entry = self.orders.in_time(self._ready.popleft())
                    if entry is None:
                        continue
                elif (entry := self.inputs.next()) is None:
                    break
                self._happened(entry)
            self._conclude()
            self.flush()
        except Exception as error:
            log.exception("the engine failed on this run", extra=self.about())
            park_for(self, f"the engine failed on this run: {error!r}")

    def _happened(self, entry: AnyEntry) -> None:
        """Append an entry, deliver it, and carry out what the body asks for in answer."""
        if self.behind:
            self._append(msgspec.structs.replace(entry, held=True))
            self.kernel.position += 1
            return
        self._append(entry)
        self.kernel.deliver(self.inlined(entry))
        self.orders.carry_out(self.kernel.take())
        if self.host.shadow is not None:
            self.host.shadow(self)

    def record(self, entry: AnyEntry) -> None:
        """Append an entry that concerns the holder alone."""
        self._append(entry)
        self.kernel.position += 1

    def _append(self, entry: AnyEntry) -> None:
        if self.codes.differs:
            self.record(self.codes.change(entry.at))
        self.draft.entries.append(entry)
        self.calls_of.append(getattr(entry, "call", None))
        self.bounds.entries += 1 - len(entry.void) if isinstance(entry, Folded) else 1
        if self.trace is not None:
            self.trace.append(entry)

    def soon(self, entry: AnyEntry) -> None:
        """Let an entry happen next."""
        self._ready.append(entry)

    def later(self, what: Callable[..., None], *args: Any) -> None:
        """Do something from the loop, after the current decision."""
        self.loop.call_soon(lambda: None if self.over else what(*args))

    def _conclude(self) -> None:
        kernel = self.kernel
        conduct.look_at(self)
        if kernel.stuck is None and kernel.outcome is None:
            kernel.stuck = self.bounds.exceeded
            if (warning := self.bounds.warning) is not None:
                log.warning("%s", warning, extra=self.about())
        if kernel.stuck is not None:
            if (patch := self.codes.aside()) is not None:
                assert patch.status is not None
                self._release(patch, patch.status)
        elif kernel.outcome is not None:
            decided = end_of(self, armed=bool(self.history.armed) or self.orders.armed)
            assert decided.patch.status is not None
            self._finished = decided.entry if isinstance(decided.entry, Finished) else None
            self._release(decided.patch, decided.patch.status)
        elif self.behind:
            if not self.steps.busy and not self.expecting:
                self._let_go()
        elif not self.steps.busy and not self.expecting and not self._ready:
            self._wait()
        elif (due := self._next_due()) is not None:
            self._wake_at(due)
        self.draft.patch = self.codes.pinned(self.draft.patch)
        self._show_progress()

    def _show_progress(self) -> None:
        progress = self.kernel.progress
        if progress is None or (shown := (progress.fraction, progress.note or "")) == self._shown:
            return
        self._shown = shown
        self.draft.patch = msgspec.structs.replace(self.draft.patch or Patch(), progress=shown[0], note=shown[1])

    def _wait(self) -> None:
        due = self._next_due()
        if due is not None and due - self.now() < KEEP_HOT:
            self._wake_at(due)
            return
        self.due = due
        reason = reason_of(self.kernel.calls)
        patch = Patch(status=RunStatus.WAITING, release=True, due=due, seen=self._mark, reason=reason)
        self._release(patch, RunStatus.WAITING)

    def _let_go(self) -> None:
        """Nothing runs any more of a run that is held back."""
        status = RunStatus.PAUSED if self.holding_back and not self.stopping else RunStatus.QUEUED
        rank = rank_of(self.now(), self.row.priority, resumed=True)
        # A paused run is not looked at again: what was posted meanwhile (a cancel) has to be seen first.
        seen = self._mark if status is RunStatus.PAUSED else None
        self._release(Patch(status=status, release=True, rank=rank, seen=seen), status)

    def _next_due(self) -> float | None:
        due = None if (timer := self.kernel.next_timer()) is None else timer[0]
        for other in (self.steps.next_due(), self.inputs.deadline()):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def _wake_at(self, due: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self.host.alarms.call_at(due, self.advance)

    def _release(self, patch: Patch, status: RunStatus) -> None:
        self.draft.patch = patch
        self.reason = patch.reason
        self._releasing = status

    # -- commits -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Submit what has been decided; do at once what waits for nothing."""
        draft = self.draft
        if not draft.empty and not self.over:
            change = draft.take(self.key, self.epoch, self.row.generation, self.seq)
            self.seq += change.count
            self.bounds.size += len(change.data)
            if change.blobs:
                self.bounds.size += sum(len(data) for _, data in change.blobs)
            self._submitted += 1
            self.host.writer.submit(change, self._acknowledged)
        if self.kernel.lines:  # before the effects of the same decision, as the body said them
            place = sum(ticket < self._submitted for ticket, _, _ in self._effects)
            self._effects.insert(place, (self._submitted, self._log_lines, (self.kernel.lines,)))
            self.kernel.lines = []
        self._do_effects()

    def after_ack(self, effect: Callable[..., None], *args: Any) -> None:
        """Do something outside the run once everything decided so far is committed."""
        ticket = self._submitted if self.draft.empty else self._submitted + 1
        self._effects.append((ticket, effect, args))

    def _do_effects(self) -> None:
        effects = self._effects
        while effects and effects[0][0] <= self.acked and not self.over:
            _, effect, args = effects.popleft()
            effect(*args)

    def _log_lines(self, lines: list[tuple[int, str]]) -> None:
        for level, line in lines:
            log.log(level, line, extra=self.about())
            self.host.keep(self.row, level, line, attempt=self.started.attempt)

    def _acknowledged(self, reply: Reply | Exception) -> None:
        if self.over:
            return
        if isinstance(reply, WorldError):
            self.drop(f"the store failed: {reply}")
            return
        if isinstance(reply, Exception):
            park_for(self, f"the store refused a change of this run: {reply}")
            return
        if not reply.ok:
            self.drop(reply.why)
            return
        self.acked += 1
        if reply.children:
            self.orders.children_found(reply.children)
        refused = False
        if self._releasing is not None and self.acked == self._submitted:
            if reply.released:
                self._released(self._releasing)
                return
            self._releasing, refused = None, True
            if self.stopping:
                self.hold_back()
        self._do_effects()
        if reply.inbox > self._mark:
            self.posted(reply.inbox)
        elif refused:  # what has come meanwhile is here already
            self.advance()

    def posted(self, inbox: int) -> None:
        """The store says how much was ever posted to the run: fetch what has not been seen."""
        if inbox > self._mark:
            self.host.lookups.inbox(self, self._mark)

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
        self.host.released(self, status, self._finished)

    def hold_back(self) -> None:
        """Begin nothing more. What runs is recorded when it ends; then the lease goes back.

        The body does not go on here: calls that had not begun are forgotten, so only a replay is in order.
        """
        self.holding_back = self.behind = True
        self.steps.hold_back()

    def hand_back(self, *, now: bool = False) -> None:
        """The worker stops: give the lease back when nothing runs any more, or at once."""
        self.stopping = True
        if self.over or self._releasing is not None:
            return
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
        self.host.dropped(self, why)
        self.close()

    def close(self) -> None:
        """Unwind the body and let go."""
        self.over = True
        if self._alarm is not None:
            self._alarm.cancel()
        self.kernel.close()
        self.pending.cancel()
        # What belongs to this run refers back to it: let go, so that all is freed now and not by the collector.
        self.steps.dissolve()
        del self.inputs, self.orders, self.codes
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

    def inlined(self, entry: AnyEntry) -> AnyEntry:
        """An entry with its data."""
        value = getattr(entry, "value", None)
        return entry if value is None or not value.r else msgspec.structs.replace(entry, value=self.inline(value))

    def about(self) -> dict[str, Any]:
        """Fields of a log line."""
        return {"run_id": self.row.id, "workflow": self.row.workflow, "epoch": self.epoch}

    def tell(self, event: str, **facts: Any) -> None:
        """A lifecycle event, after its commit."""
        if self.host.wants(event):
            self.after_ack(lambda: self.host.tell(event, run_id=self.row.id, workflow=self.row.workflow, **facts))

    def child_again(self, started: ChildStarted, ended: ChildEnded | None) -> None:
        """A child from before a rewind: it has its result, or it was set going again."""
        self.orders.child_again(started, ended)
