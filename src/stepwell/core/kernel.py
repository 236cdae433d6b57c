"""The replay boundary: a program and its journal go in, commands and an outcome come out.

Invariants. (1) Entries are delivered one at a time, in journal order, running to quiescence in between.
(2) Nothing the kernel does depends on anything but the program, the entries and (key, generation).
(3) No command is handed out before the journal's end. (4) A closing kernel accepts neither commands nor
an outcome. (5) `deliver` never raises what user code raised; that is the outcome.

States: new → running ⇄ blocked → finished | stuck | closed.
"""

import hashlib
from collections.abc import Callable, Coroutine
from contextvars import Context
from enum import StrEnum
from typing import Any

import msgspec

from stepwell.core.asyncloop import (
    CancelledError,
    Evicted,
    Handle,
    KernelFuture,
    KernelLoop,
    KernelTask,
    Timer,
    blame,
    forget_pending,
    identify,
)
from stepwell.errors import Diverged, Nondeterminism, StepwellError, WrongContext
from stepwell.model.command import CloseCall, Command, FoldScope, PlaceWait, ReportProgress, RunStep, StartChild
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Fired,
    Folded,
    Received,
    Stepped,
)

ACTIVATION_BUDGET = 200_000
"""Callbacks that one delivery may run before the body counts as spinning."""
CLOSING_ROUNDS = 50
OPEN_CALLS = 2_000


class Kind(StrEnum):
    """What a call waits for; an entry of another kind under its identity is divergence (P13)."""

    STEP = "step"
    TIMER = "timer"
    EVENT = "event"
    CHILD = "child run"
    DETACHED = "detached run"
    FOLD = "folded scope"


_KIND_OF: dict[type, Kind] = {
    Stepped: Kind.STEP,
    Fired: Kind.TIMER,
    Received: Kind.EVENT,
    ChildEnded: Kind.CHILD,
    Folded: Kind.FOLD,
}


class OpenCall:
    """A call that waits for its entry: `settle` turns the entry into what the body gets."""

    __slots__ = ("id", "kind", "future", "settle", "opened", "digest", "placed", "due")

    def __init__(self, call: str, kind: Kind, future: KernelFuture | Timer,
                 settle: Callable[[Any], Any] | None, opened: int, digest: str, due: float) -> None:  # fmt: skip
        self.id = call
        self.kind = kind
        self.future = future
        self.settle = settle
        self.opened = opened
        self.digest = digest
        self.placed = False
        self.due = due


class Outcome(msgspec.Struct, frozen=True):
    """How the body ended: exactly one of the three. `again` is the input of `continue_as_new`."""

    value: Any = None
    error: BaseException | None = None
    again: Any = None


class ContinueAsNew(BaseException):
    """The body asked for a new generation with this input; passes every `except Exception`."""

    def __init__(self, signature: Any) -> None:
        super().__init__()
        self.input = signature


class RollbackFailed(BaseException):
    """An undo failed for good: a person must look. `left` names what was not undone."""

    def __init__(self, call: str, error: BaseException, left: list[str]) -> None:
        super().__init__(call)
        self.call = call
        self.error = error
        self.left = left


class Kernel:
    """One loaded run. `info` is whatever the authoring layer wants to find again (opaque here)."""

    def __init__(self, key: bytes, generation: int, info: Any = None) -> None:
        self.key = key
        self.generation = generation
        self.info = info
        self.position = 0
        self.stamp = 0.0
        self.calls: dict[str, OpenCall] = {}
        self.commands: list[Command] = []
        self.outcome: Outcome | None = None
        self.stuck: StepwellError | None = None
        self.cancelled: str | None = None
        self.undoing = False
        self.undo: list[Any] = []
        self.undone: list[str] = []
        self.progress: ReportProgress | None = None
        self.folded: dict[str, Folded] = {}
        self.drifted: list[str] = []
        self.forgotten: list[str] = []
        self.lines: list[tuple[int, str]] = []
        self.replaying = True
        self._abandoned: set[str] = set()
        self._closing = False
        self._finishing = False
        self._draws: dict[str, int] = {}
        self._root: KernelTask | None = None
        # Different bases keep equal creation numbers of different runs apart in asyncio's global sets.
        self.loop = KernelLoop(self, (int.from_bytes(key[-6:], "big") ^ generation) << 12)

    # -- driving -------------------------------------------------------------------------------

    def begin(self, main: Callable[[], Coroutine[Any, Any, Any]], at: float) -> None:
        """Start the program; `main` makes the root coroutine, inside the kernel."""
        self.stamp = at
        self.position = 1  # the entry that began the generation
        loop = self.loop
        context = Context()

        def start() -> None:
            self._root = loop.spawn(main(), loop.root_scope, context=context)

        loop.ready.append(Handle(start, (), context, loop.root_scope))
        self._run()

    def deliver(self, entry: AnyEntry) -> None:
        """Let one entry happen and run until every task is blocked again."""
        self.position += 1
        self.stamp = max(self.stamp, entry.at)
        if self.stuck is not None or self.outcome is not None:
            if self.outcome is not None and type(entry) in _KIND_OF:
                self._diverge(entry, None)
            return
        kind = _KIND_OF.get(type(entry))
        if kind is not None:
            self._settle(entry, kind)
        elif isinstance(entry, Armed | ChildStarted):
            self._placed(entry)
            return
        elif isinstance(entry, CancelSeen):
            self._cancel(entry.reason)
        else:
            return  # what concerns the holder alone
        self._run()

    def void(self) -> None:
        """Count an entry that a rewind made void: numbers go on, nothing happens."""
        self.position += 1

    def _run(self) -> None:
        if not self.loop.drive(ACTIVATION_BUDGET) and self.stuck is None:
            self.stuck = Nondeterminism(
                f"the workflow body ran {ACTIVATION_BUDGET:,} callbacks without waiting for anything durable: "
                "it spins (a loop around asyncio.sleep(0)?); wait for a step, an event or a timer instead"
            )
        root = self._root
        if root is not None and root.done() and not self._closing and self.outcome is None:
            self._finish(root)
        elif not self.calls and self.stuck is None and not self._closing and self.outcome is None:
            self.stuck = Nondeterminism(
                "the workflow body waits for something nothing can bring: no step, timer, event or child run is "
                "open (an asyncio.Event or Future that nobody will set?)"
            )

    def _finish(self, root: KernelTask) -> None:
        # As asyncio.run does: what still runs is cancelled, and open calls with it, before the end counts.
        self._finishing = True
        for _ in range(CLOSING_ROUNDS):
            left = [t for t in self.loop.tasks if not t.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self.loop.drive(ACTIVATION_BUDGET)
        for call in list(self.calls):
            self.call_abandoned(call)
        if root.cancelled():
            self.outcome = Outcome(error=CancelledError())
            return
        error = root.exception()
        if isinstance(error, ContinueAsNew):
            self.outcome = Outcome(again=error.input)
        elif error is not None:
            self.outcome = Outcome(error=error)
        else:
            self.outcome = Outcome(value=root.result())

    def _settle(self, entry: Any, kind: Kind) -> None:
        call = self.calls.get(entry.call)
        if call is None:
            if entry.call not in self._abandoned:
                self._diverge(entry, None)
            return
        if call.kind is not kind:
            self._diverge(entry, call)
            return
        del self.calls[entry.call]
        if kind is Kind.TIMER:
            timer = call.future
            assert isinstance(timer, Timer)
            self.loop.ready.append(timer)
            return
        if kind is Kind.STEP and entry.digest and call.digest and entry.digest != call.digest:
            self.drifted.append(entry.call)
        future = call.future
        assert isinstance(future, KernelFuture)
        assert call.settle is not None
        try:
            future.set_result(call.settle(entry))
        except Exception as error:  # what the step raised, rebuilt; or a stored value of another type
            future.set_exception(error)

    def _placed(self, entry: Armed | ChildStarted) -> None:
        call = self.calls.get(entry.call)
        if call is None:
            if entry.call not in self._abandoned:
                self._diverge(entry, None)
            return
        if isinstance(entry, ChildStarted):
            if call.kind is Kind.DETACHED and entry.detached:
                self._settle_detached(call, entry)
            elif call.kind is not Kind.CHILD or entry.detached:
                self._diverge(entry, call)
        elif call.kind is not Kind.EVENT:
            self._diverge(entry, call)
        call.placed = True

    def _settle_detached(self, call: OpenCall, entry: ChildStarted) -> None:
        del self.calls[call.id]
        future = call.future
        assert isinstance(future, KernelFuture)
        assert call.settle is not None
        future.set_result(call.settle(entry))
        self._run()

    def _cancel(self, reason: str) -> None:
        if self.cancelled is None:
            self.cancelled = reason
            if self._root is not None and not self.undoing:
                self._root.cancel()

    def _diverge(self, entry: Any, call: OpenCall | None) -> None:
        recorded = f"{_KIND_OF.get(type(entry), type(entry).__name__.lower())} {entry.call!r}"
        if call is not None:
            asked = f"{call.kind} {call.id!r}"
        elif self.outcome is not None:
            asked = "nothing more: the body has ended"
        else:
            asked = ", ".join(f"{c.kind} {c.id!r}" for c in self.calls.values()) or "nothing"
        if self.stuck is None:
            diff = f"  journal, entry {self.position}: {recorded}\n  code asks for:    {asked}"
            self.stuck = Diverged(
                "the workflow's code no longer fits this run's journal; nothing was executed and no retry used:\n"
                + diff
                + "\nDeploy code that fits and resume the run, or restart it.",
                diff=diff,
            )

    def at_end(self) -> None:
        """The journal has been delivered: from here on commands are real."""
        self.replaying = False

    # -- what the body does, through the authoring layer ---------------------------------------

    def identify(self, name: str) -> str:
        """Fix the identity of a call, where and when it is called."""
        return identify(self.loop.current_scope(), name)

    def admit(self) -> None:
        """Raise unless a command may be given here and now.

        Raises:
            CancelledError: the run is being cancelled, or is over, and this is no clean-up.
        """
        if self._closing:
            raise Evicted
        if self._finishing:
            raise CancelledError("the workflow body has ended")
        scope = self.loop.current_scope()
        if self.cancelled is not None and not (scope.cleanup or scope.undo or self.undoing):
            raise CancelledError(f"the run is being cancelled ({self.cancelled})")
        if len(self.calls) >= OPEN_CALLS:
            raise self.loop.refuse(f"more than {OPEN_CALLS:,} calls open at once")

    def open(self, kind: Kind, command: RunStep | PlaceWait | StartChild | None,
             settle: Callable[[Any], Any], call: str, digest: str = "") -> KernelFuture:  # fmt: skip
        """Give a command and get the future of its entry."""
        self.admit()
        future = KernelFuture(self.loop, call)
        self.calls[call] = OpenCall(call, kind, future, settle, self.position, digest, 0.0)
        if command is not None:
            self.commands.append(command)
        return future

    def sleep(self, call: str, due: float) -> KernelFuture:
        """A future done when the run's time reaches `due` (at once when it has)."""
        if self._closing:
            raise Evicted
        future = KernelFuture(self.loop)
        if due <= self.stamp:
            future.set_result(None)
            return future
        timer = self.loop.timer(due, call, _wake, future)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    def fold(self, call: str, value: bytes) -> None:
        """A folded part of the body closed: ask the holder to replace its calls by one entry."""
        self.admit()
        self.commands.append(FoldScope(call, value))

    def report(self, fraction: float, note: str | None) -> None:
        if not self._closing:
            self.progress = ReportProgress(fraction, note)

    def bits(self, count: int) -> bytes:
        """Deterministic random bytes: BLAKE2b of (key, generation, scope, draw)."""
        path = self.loop.current_scope().path
        n = self._draws.get(path, 0)
        self._draws[path] = n + 1
        seed = b"%b|%d|%d|" % (self.key, self.generation, n) + path.encode()
        return hashlib.blake2b(seed, digest_size=count).digest()

    # -- LoopOwner -----------------------------------------------------------------------------

    def stamp_now(self) -> float:
        return self.stamp

    def timer_opened(self, handle: Timer) -> None:
        if self._closing:
            raise Evicted
        self.calls[handle.call] = OpenCall(
            handle.call, Kind.TIMER, handle, None, self.position, "", handle.when_
        )

    def timer_closed(self, handle: Timer) -> None:
        if self.calls.pop(handle.call, None) is not None:
            self._abandoned.add(handle.call)

    def call_abandoned(self, call: str) -> None:
        """User code cancelled the call: its late result is discarded, never divergence."""
        if self._closing or self.calls.pop(call, None) is None:
            return
        self._abandoned.add(call)
        self.commands.append(CloseCall(call))

    def forgot(self, call: str) -> None:
        """A call was made and dropped without ever being begun."""
        if not self._closing and not self._finishing:
            self.forgotten.append(call)

    def trespassed(self, title: str) -> WrongContext:
        """A call of this body was begun in another thread or event loop; the caller raises the answer."""
        file, line = blame()
        what = f"call {title!r} of a workflow was begun in a foreign thread or event loop ({file}:{line})"
        self.misused(Nondeterminism(what, hint="Await it in the workflow body.", file=file, line=line))
        return WrongContext(what, hint="Await it in the workflow body.")

    def misused(self, error: Nondeterminism) -> None:
        if self.stuck is None and not self._closing:
            self.stuck = error

    # -- what the holder takes -----------------------------------------------------------------

    def take(self) -> list[Command]:
        """The commands since the last call, less those taken back in the same breath."""
        commands, self.commands = self.commands, []
        if self.replaying:
            return commands
        return [c for c in commands if self._wanted(c, commands)]

    def unplaced(self, commands: list[Command]) -> list[Command]:
        """Of all commands given during replay: those whose calls are still open and whose effect is not recorded."""
        return [
            c
            for c in commands
            if not isinstance(c, CloseCall | FoldScope | ReportProgress)
            and (call := self.calls.get(c.call)) is not None
            and not call.placed
        ]

    def _wanted(self, command: Command, all_of: list[Command]) -> bool:
        if isinstance(command, CloseCall):
            opened = any(not isinstance(c, CloseCall | ReportProgress) and c.call == command.call for c in all_of)
            return not opened
        return isinstance(command, ReportProgress | FoldScope) or command.call in self.calls

    def next_timer(self) -> tuple[float, str] | None:
        """The open timer that is due first: (epoch seconds, call)."""
        due = [(c.due, c.id) for c in self.calls.values() if c.kind is Kind.TIMER]
        return min(due) if due else None

    # -- closing -------------------------------------------------------------------------------

    def close(self) -> None:
        """Unwind the body with every command and outcome refused, a bounded number of rounds; then let go."""
        if self._closing:
            return
        self._closing = True
        self.commands.clear()
        for call in self.calls.values():
            if isinstance(call.future, KernelFuture) and not call.future.done():
                _evict(call.future)
        self.calls.clear()
        for _ in range(CLOSING_ROUNDS):
            self.loop.drive(ACTIVATION_BUDGET // 100)
            left = [t for t in self.loop.tasks if not t.done()]
            if not left:
                break
            for task in left:
                waiter = getattr(task, "_fut_waiter", None)
                if isinstance(waiter, KernelFuture) and not waiter.done():
                    _evict(waiter)
                elif waiter is None and not self.loop.ready:
                    forget_pending(task)
        for task in self.loop.tasks:
            if not task.done():
                forget_pending(task)
            elif not task.cancelled():
                task.exception()
        self.loop.tasks.clear()
        self.loop.ready.clear()
        self._root = None
        # The kernel and its loop know each other: let go, so that a run is freed at once.
        self.loop.owner = CLOSED


class _Closed:
    """Owner of a loop whose kernel has been closed: nothing can be asked for any more."""

    def stamp_now(self) -> float:
        return 0.0

    def timer_opened(self, handle: Timer) -> None:
        raise Evicted

    def timer_closed(self, handle: Timer) -> None: ...
    def call_abandoned(self, call: str) -> None: ...
    def misused(self, error: Nondeterminism) -> None: ...


CLOSED = _Closed()


def _evict(future: KernelFuture) -> None:
    future.set_exception(Evicted())
    future.exception()  # retrieved: nobody is to be told


def _wake(future: KernelFuture) -> None:
    if not future.done():
        future.set_result(None)

