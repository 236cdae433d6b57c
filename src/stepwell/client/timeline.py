"""From the entries of one generation to its calls: when each was made, began, was tried, and how it ended.

Pure: nothing is read or executed here. What the journal cannot know, which calls are open at its end, is told by a
replay or by the worker that holds the run (`OpenCall`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stepwell.client.check import OpenCall
from stepwell.client.titles import title_of
from stepwell.core.history import voided
from stepwell.core.opencalls import Kind
from stepwell.core.starting import begun_at
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    Attempted,
    ChildEnded,
    ChildStarted,
    Fired,
    Folded,
    Intended,
    Nested,
    Payload,
    Received,
    Started,
    Stepped,
)
from stepwell.model.failure import Failure
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

_WAITS: Final = "waiting for "
TIMEOUT: Final = "/timeout"
ROLLBACK: Final = "rollback"
HANDING: Final = 1.0
"""From a call to its place in the queue, with the commit between them, it takes less (seconds)."""
KINDS: Final[dict[str, str]] = {Kind.STEP: "step", Kind.TIMER: "sleep", Kind.EVENT: "wait", Kind.CHILD: "child",
                                Kind.DETACHED: "child", Kind.FOLD: "fold"}  # fmt: skip
ENDED: Final = ("succeeded", "failed", "cancelled", "unknown")


class Attempt(msgspec.Struct, kw_only=True):
    """One try of a step; times in epoch seconds. `again`: when the next was, or is, due.

    `lost`: the present holder did not have the run then, and of what another one did of this call no outcome came.
    """

    n: int
    status: str
    began: float | None = None
    ended: float | None = None
    error: Failure | None = None
    again: float | None = None
    lost: bool = False


class CallView(msgspec.Struct, kw_only=True):
    """A call, or a scope around calls (kind "scope"); times in epoch seconds.

    `target` is the key of a child run and `outcome` how it ended, `seq` the number of the entry that decided the call.
    """

    id: str
    name: str
    parent: str | None
    kind: str = "scope"
    status: str = ""
    opened: float | None = None
    began: float | None = None
    ended: float | None = None
    due: float | None = None
    undo: bool = False
    attempts: list[Attempt] = []
    event: str | None = None
    key: str | None = None
    received: float | None = None
    target: str | None = None
    child: str | None = None
    workflow: str | None = None
    outcome: str | None = None
    detached: bool = False
    value: Payload | None = None
    error: Failure | None = None
    seq: int | None = None


def timeline_of(row: RunRow, entries: Sequence[AnyEntry], *, last: bool = True,
                open_calls: Iterable[OpenCall] | None = None) -> list[CallView]:  # fmt: skip
    """The calls of one generation in the order in which they were first heard of; each scope before its calls.

    `last`: it is the run's current generation. `open_calls`: all that the body waits for now; None when nobody could
    say, and what the row says of a waiting run is used instead.
    """
    listed = list(entries)
    open_calls = None if open_calls is None else list(open_calls)
    fold = _Fold(listed, _held(row, listed, open_calls or ()))
    void = voided(listed)
    for number, entry in enumerate(listed):
        if number not in void:
            fold.read(number, entry)
    over = row.status.terminal or not last
    if not over:
        fold.add_open(_said(row, fold) if open_calls is None else open_calls, row)
    if row.status is RunStatus.PARKED:
        fold.stop_timers()
    known = None if open_calls is None else {call.call for call in open_calls}
    fold.settle(over, row.finished_at, known)
    return list(fold.calls.values())


class _Fold:
    def __init__(self, entries: list[AnyEntry], held: float | None) -> None:
        self.stamps = [entry.at for entry in entries]
        self.calls: dict[str, CallView] = {}
        self._held = held

    def at(self, opened: int) -> float | None:
        """When a call was made: the stamp of the last entry that had been delivered by then.

        With the first entry the generation was only made: its first calls were, when a worker had it.
        """
        if opened == 1 and self._held is not None:
            return self._held
        return self.stamps[opened - 1] if 0 < opened <= len(self.stamps) else None

    def node(self, call: str) -> CallView:
        """The call of this identity; the scopes around it are made on the way."""
        known = self.calls.get(call)
        if known is not None:
            return known
        above, _, name = call.rpartition("/")
        undo = above == ROLLBACK or above.startswith(f"{ROLLBACK}/")
        if above:
            undo = self.node(above).undo or undo
        made = self.calls[call] = CallView(id=call, name=title_of(name), parent=above or None, undo=undo)
        return made

    def read(self, number: int, entry: AnyEntry) -> None:
        match entry:
            case Attempted():
                self._attempted(entry)
            case Intended():
                self._intended(entry)
            case Stepped():
                self._stepped(number, entry)
            case Nested():
                self._decided(number, self.node(entry.call), "nested", entry.at, entry.began or entry.at, entry)
            case Fired():
                self._fired(number, entry)
            case Armed():
                call = self.node(entry.call)
                call.kind, call.status, call.opened = "wait", "waiting", entry.at
                call.began, call.event, call.key = entry.at, entry.event, entry.key
            case Received():
                self._received(number, entry)
            case ChildStarted():
                self._child(number, entry)
            case ChildEnded():
                call = self.node(entry.call)
                self._decided(number, call, "child", entry.at, call.began or entry.at, entry)
                call.status = {"succeeded": "succeeded", "failed": "failed"}.get(entry.status, "cancelled")
                call.outcome = entry.status
            case Folded():
                call = self.node(entry.call)
                first = min((self.stamps[n] for n in entry.void), default=entry.at)
                self._decided(number, call, "fold", entry.at, first, entry)
                call.opened = first
            case _:
                pass

    def _attempted(self, entry: Attempted) -> None:
        call = self.node(entry.call)
        _step(call)
        _drop_begun(call)
        status = "unknown" if entry.unknown else "failed"
        call.attempts.append(Attempt(n=entry.attempt, status=status, began=entry.began or None, ended=entry.at,
                                     error=entry.error, again=entry.again or None))  # fmt: skip
        call.status, call.due = "waiting", entry.again or None
        call.began = call.began or entry.began or entry.at

    def _intended(self, entry: Intended) -> None:
        call = self.node(entry.call)
        _step(call)
        _drop_begun(call)
        if entry.attempt:  # 0 takes the one before back
            call.attempts.append(Attempt(n=entry.attempt, status="running", began=entry.at))
            call.status, call.began, call.due = "running", call.began or entry.at, None

    def _stepped(self, number: int, entry: Stepped) -> None:
        call = self.node(entry.call)
        _drop_begun(call)
        call.opened = self.at(entry.opened) or call.opened
        began = entry.began or None
        unknown = entry.error is not None and entry.error.code == "outcome_unknown"
        status = "unknown" if unknown else "failed" if entry.error is not None else "succeeded"
        if began is not None or unknown:  # else it was refused before any attempt
            call.attempts.append(Attempt(n=entry.attempt, status=status, began=began, ended=entry.at,
                                         error=entry.error))  # fmt: skip
        first = call.attempts[0].began if call.attempts else None
        self._decided(number, call, "step", entry.at, first, entry)
        call.status = status
        _step(call)

    def _decided(self, number: int, call: CallView, kind: str, at: float, began: float | None,
                 entry: Stepped | Nested | Received | ChildEnded | Folded) -> None:  # fmt: skip
        call.kind, call.ended, call.began, call.due, call.seq = kind, at, began, None, number
        call.opened = call.opened or self.at(getattr(entry, "opened", 0)) or began
        call.value, call.error = entry.value, getattr(entry, "error", None)
        call.status = "succeeded" if call.error is None else "failed"

    def _fired(self, number: int, entry: Fired) -> None:
        waiting = self.calls.get(entry.call.removesuffix(TIMEOUT))
        if entry.call.endswith(TIMEOUT) and waiting is not None and waiting.kind != "scope":
            waiting.status, waiting.ended, waiting.due, waiting.seq = "failed", entry.at, None, number
            waiting.error = Failure(type="stepwell.EventTimeout", message="nothing came in time", code="event_timeout")
            return
        call = self.node(entry.call)
        call.kind = "timeout" if entry.call.endswith(TIMEOUT) else "sleep"
        call.opened = call.began = self.at(entry.opened) or entry.at
        call.ended, call.status, call.due, call.seq = entry.at, "succeeded", None, number

    def _received(self, number: int, entry: Received) -> None:
        call = self.node(entry.call)
        self._decided(number, call, "wait", entry.at, call.began or self.at(entry.opened) or entry.at, entry)
        call.event, call.key, call.received = entry.event, entry.key, entry.sent or entry.at

    def _child(self, number: int, entry: ChildStarted) -> None:
        call = self.node(entry.call)
        call.kind, call.opened, call.began, call.seq = "child", entry.at, entry.at, number
        call.target, call.child, call.workflow = entry.run or None, entry.id or None, entry.workflow or None
        call.detached, call.error = entry.detached, entry.error
        call.status = "waiting"
        if entry.detached:
            call.status, call.ended = "failed" if entry.error is not None else "succeeded", entry.at

    # -- the journal's end ---------------------------------------------------------------------

    def add_open(self, calls: Iterable[OpenCall], row: RunRow) -> None:
        """What is open now. The steps of a run that a worker holds are executed."""
        running = row.status is RunStatus.RUNNING
        for said in calls:
            waiting = self.calls.get(said.call.removesuffix(TIMEOUT))
            if said.call.endswith(TIMEOUT) and waiting is not None and waiting.kind != "scope":
                waiting.due = said.due
                continue
            new = said.call not in self.calls
            call = self.node(said.call)
            call.kind = KINDS.get(said.kind, "step") if call.kind == "scope" else call.kind
            call.opened = call.opened or self.at(said.opened)
            call.due = said.due or call.due
            if call.kind == "wait":  # nothing is written down for a wait for the run's own mailbox
                call.event = call.event or call.name.partition(" #")[0]
            if call.kind not in ("step", "undo"):
                call.status, call.began = "waiting", call.began or call.opened
            elif said.began is not None:
                self._lost(call, said, row)
                _under_way(call, said.attempt, said.began)
            elif new or not call.status:
                call.status = "running" if running else "queued"
                call.began = call.opened if running else None
                _step(call)
            elif call.status == "running" and not running:
                call.status = "unknown"  # begun, and its worker is gone

    def stop_timers(self) -> None:
        """Nothing comes due of a run that needs a person."""
        for call in self.calls.values():
            call.due = None

    def _lost(self, call: CallView, said: OpenCall, row: RunRow) -> None:
        """The time between a call and its place in this holder's queue, if the run was another's, or nobody's, then."""
        if said.queued is None or call.opened is None or row.epoch < 2 or call.attempts:
            return
        since = call.opened
        if said.opened <= 1 and (row.generation > 1 or row.started_at is None):
            return  # when the generation was first claimed is not known
        if said.queued - since > HANDING:
            call.attempts = [Attempt(n=said.attempt, status="unknown", began=since, ended=said.queued, lost=True)]

    def settle(self, over: bool, finished: float | None, known: set[str] | None) -> None:
        """Close what the body gave up or the end of the run closed; sum the scopes up, innermost first."""
        end = finished or (self.stamps[-1] if self.stamps else None)
        inside: dict[str | None, list[CallView]] = defaultdict(list)
        for call in self.calls.values():
            inside[call.parent].append(call)
        gone = [c for c in self.calls.values() if c.kind != "scope" and c.status not in ENDED
                and (over or (known is not None and c.id not in known))]  # fmt: skip
        for call in gone:
            for attempt in call.attempts:
                attempt.status = "unknown" if attempt.status == "running" else attempt.status
            call.status, call.due = "cancelled", None
            call.ended = end if over else self._given_up(call, inside[call.parent])
        for scope in reversed([c for c in self.calls.values() if c.kind == "scope"]):
            _sum_up(scope, inside[scope.id])

    def _given_up(self, call: CallView, neighbours: list[CallView]) -> float | None:
        """When the body gave a call up: by the first entry after it that decided one of its neighbours."""
        since = call.opened or 0.0
        return min((c.ended for c in neighbours if c.ended is not None and c.ended >= since), default=self.stamps[-1])


def _held(row: RunRow, entries: Sequence[AnyEntry], open_calls: Iterable[OpenCall]) -> float | None:
    """When a worker first had this generation: its first calls were made then, not while it was queued.

    The row says it of the run's first claim. Of a later generation it is known by what was first done in it.
    """
    started = started_of(entries)
    if started is None:
        return None
    if row.started_at is not None and row.started_at < started.at:
        done = [at for entry in entries if (at := _first_sign(entry)) is not None]
        done += [at for call in open_calls if (at := call.queued or call.began)]
        return max(started.at, min(done, default=started.at))
    return begun_at(row, started)


def _first_sign(entry: AnyEntry) -> float | None:
    """From when on an entry shows that a worker had the run; None for one that comes from elsewhere."""
    match entry:
        case Attempted() | Stepped() | Nested():
            return entry.began or entry.at
        case Intended() | Armed() | ChildStarted():
            return entry.at
        case _:
            return None


def _step(call: CallView) -> None:
    call.kind = "undo" if call.undo else "step"


def _under_way(call: CallView, attempt: int, began: float) -> None:
    """What the worker that holds the run says of a step: its attempt runs, or waits for a slot."""
    _step(call)
    _drop_begun(call)
    call.due, call.status = None, "running" if began else "queued"
    if began:
        call.began = call.began or began
        call.attempts.append(Attempt(n=attempt, status="running", began=began))


def _drop_begun(call: CallView) -> None:
    """An attempt that was only known to have begun is told again by what came of it."""
    if call.attempts and call.attempts[-1].status == "running":
        call.attempts.pop()


def _sum_up(scope: CallView, inner: list[CallView]) -> None:
    states = {call.status for call in inner}
    order = ("running", "waiting", "queued", "failed", "unknown", "cancelled")
    scope.status = next((state for state in order if state in states), "succeeded")
    opened = [at for call in inner if (at := call.opened or call.began) is not None]
    scope.opened = scope.began = min(opened, default=None)
    ends = [call.ended for call in inner]
    scope.ended = max((at for at in ends if at is not None), default=None) if None not in ends else None


def _said(row: RunRow, fold: _Fold) -> list[OpenCall]:
    """What a waiting run's row says that it waits for; a sleep among it ends when the run is due."""
    if row.status is not RunStatus.WAITING or row.reason is None or not row.reason.startswith(_WAITS):
        return []
    found = []
    for part in row.reason.removeprefix(_WAITS).split(", "):
        kind = next((kind for kind in Kind if part.startswith(f"{kind} ")), None)
        if kind is not None:
            due = row.due if kind is Kind.TIMER else None
            found.append(OpenCall(kind, part.removeprefix(f"{kind} "), due, len(fold.stamps)))
    return found


def open_of(calls: Sequence[CallView]) -> list[CallView]:
    """The calls that have not ended, without scopes."""
    return [call for call in calls if call.kind != "scope" and call.status not in ENDED]


def started_of(entries: Sequence[AnyEntry]) -> Started | None:
    """The entry that a generation begins with."""
    return next((entry for entry in entries if isinstance(entry, Started)), None)


def sizes_of(blobs: Mapping[str, bytes], payload: Payload | None) -> int | None:
    """How many bytes a value has; None for one that cannot be known."""
    if payload is None:
        return None
    if payload.r:
        return len(blobs[payload.r]) if payload.r in blobs else None
    return len(bytes(payload.v))
