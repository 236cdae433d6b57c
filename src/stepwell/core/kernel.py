"""The replay boundary: a program and its journal go in, commands and an outcome come out.

Invariants. (1) Entries are delivered one at a time, in journal order, running to quiescence in between.
(2) Nothing the kernel does depends on anything but the program, the entries and (key, generation).
(3) No command is handed out before the journal's end. (4) A closing kernel accepts neither commands nor
an outcome. (5) `deliver` never raises what user code raised; that is the outcome.

States: new → running ⇄ blocked → finished | stuck | closed.
"""

from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from stepwell.core.asyncloop import CancelledError, KernelFuture, KernelTask, Timer
from stepwell.core.closing import cancel_tasks, cut, evict, evict_tasks, live
from stepwell.core.opencalls import KIND_OF, Kind, OpenCall
from stepwell.core.outcome import ContinueAsNew, Evicted, Outcome, mark, signal_in
from stepwell.core.syscalls import Syscalls
from stepwell.errors import Diverged, LimitExceeded, Nondeterminism
from stepwell.model.command import CloseCall, Command, FoldScope
from stepwell.model.entry import AnyEntry, Armed, CancelSeen, ChildStarted, Folded

ACTIVATION_BUDGET = 200_000
"""Callbacks that one delivery may run before the body counts as spinning."""


class Kernel(Syscalls):
    """One loaded run. `info` is whatever the authoring layer wants to find again (opaque here)."""

    outcome: Outcome | None = None

    def __init__(self, key: bytes, generation: int, info: Any = None) -> None:
        super().__init__(key, generation, info)
        self.undo: list[Any] = []
        self.undone: list[str] = []
        self.folded: dict[str, Folded] = {}
        self.drifted: list[str] = []
        self.failed: list[str] = []

    # -- driving -------------------------------------------------------------------------------

    def begin(self, main: Callable[[], Coroutine[Any, Any, Any]], at: float) -> None:
        """Start the program: `main` makes the root coroutine."""
        self.stamp = at
        self.position = 1  # the entry that began the generation
        loop = self.loop
        self._root = loop.spawn(main(), loop.root_scope, context=Context())
        live[id(loop)] = loop
        self._run()

    def deliver(self, entry: AnyEntry) -> None:
        """Let one entry happen and run until every task is blocked again."""
        self.position += 1
        self._refusals = 0
        self.stamp = max(self.stamp, entry.at)
        if self.stuck is not None:
            return
        kind = KIND_OF.get(type(entry))
        if kind is not None:
            self._settle(entry, kind)
        elif self.outcome is not None:
            return
        elif isinstance(entry, Armed | ChildStarted):
            self._place(entry)
        elif isinstance(entry, CancelSeen):
            self._cancel(entry.reason)
        else:
            return  # what concerns the holder alone
        self._run()

    def void(self) -> None:
        """Count an entry that a rewind made void: numbers go on, nothing happens."""
        self.position += 1

    def _run(self) -> None:
        spun = not self.loop.drive(ACTIVATION_BUDGET)
        while self._quiet is not None and not spun:
            quiet, self._quiet = self._quiet, None
            self._end_others()
            if not quiet.done():
                quiet.set_result(None)
            spun = not self.loop.drive(ACTIVATION_BUDGET)
        if self.stuck is not None or self.outcome is not None:
            return
        root = self._root
        if spun:
            self.stuck = Nondeterminism(
                f"the workflow body ran {ACTIVATION_BUDGET:,} callbacks without waiting for anything durable: "
                "it spins (a loop around asyncio.sleep(0)?); wait for a step, an event or a timer instead"
            )
        elif root is not None and root.done():
            self._finish(root)
        else:
            for call in self.calls.values():
                if call.kind is not Kind.FOLD or call.placed:
                    return
            self.stuck = Nondeterminism(
                "the workflow body waits for something nothing can bring: no step, timer, event or child run is "
                "open (an asyncio.Event or Future that nobody will set?)"
            )

    def _finish(self, root: KernelTask) -> None:
        self._finishing = True
        if self.calls or len(self.loop.tasks) > 1:
            self._end_others()
            if self.stuck is not None:
                return
        self.loop.tasks.clear()
        live.pop(id(self.loop), None)
        if root.cancelled():
            self.outcome = Outcome(error=CancelledError())
        elif (error := root.exception()) is None:
            self.outcome = Outcome(value=root.result())
        elif isinstance(signal := signal_in(error), ContinueAsNew):
            self.outcome = Outcome(again=signal.input)
        else:
            self.outcome = Outcome(error=signal or error)

    def _end_others(self) -> None:
        # As asyncio.run does: what still runs is cancelled, and open calls with it, before the end counts.
        cancel_tasks(self.loop, self._root)
        for call in list(self.calls.values()):
            if isinstance(call.future, Timer):
                call.future.cancel()
            else:
                self.call_abandoned(call.id)

    def _settle(self, entry: Any, kind: Kind) -> None:
        call = self.calls.get(entry.call)
        if call is None or call.kind is not kind:
            if call is not None or entry.call not in self._abandoned:
                self._diverge(entry, call)
            return
        del self.calls[entry.call]
        future = call.future
        if kind is Kind.TIMER:
            assert isinstance(future, Timer)
            future.closed = True
            self._timers -= 1
            self.loop.ready.append(future)
            return
        if kind is Kind.STEP and entry.digest and call.digest and entry.digest != call.digest:
            self.drifted.append(entry.call)
        self._bring(entry, call)

    def _bring(self, entry: Any, call: OpenCall) -> None:
        future = call.future
        assert isinstance(future, KernelFuture)
        assert call.settle is not None
        try:
            future.set_result(call.settle(entry))
        except Exception as error:  # noqa: BLE001 - what the step raised, rebuilt; or a stored value of another type
            self.failed.append(call.id)
            mark(error, call.id)
            if isinstance(error, StopIteration):  # which no coroutine can raise
                error = RuntimeError(f"call {call.id!r} raised {error!r}")
            future.set_exception(error)

    def _place(self, entry: Armed | ChildStarted) -> None:
        call = self.calls.get(entry.call)
        kind = Kind.CHILD
        if isinstance(entry, Armed):
            kind = Kind.EVENT
        elif entry.detached:
            kind = Kind.DETACHED
        if call is None or call.kind is not kind:
            if call is not None or entry.call not in self._abandoned:
                self._diverge(entry, call)
            return
        call.placed = True
        if kind is Kind.DETACHED:
            del self.calls[call.id]
            self._bring(entry, call)

    def _cancel(self, reason: str) -> None:
        if self.cancelled is not None:
            return
        self.cancelled = reason
        if self._undoing:
            self._cancel_due = True  # the rollback under way is not stopped; what follows it is
        elif self._root is not None and not self._finishing:
            self._root.cancel()

    def _diverge(self, entry: Any, call: OpenCall | None) -> None:
        recorded = f"{KIND_OF.get(type(entry), type(entry).__name__.lower())} {entry.call!r}"
        if call is not None:
            asked = f"{call.kind} {call.id!r}"
        elif self.outcome is not None:
            asked = "nothing more: the body has ended"
        else:
            asked = ", ".join(f"{c.kind} {c.id!r}" for c in self.calls.values()) or "nothing"
        diff = f"  journal, entry {self.position - 1}: {recorded}\n  code asks for:    {asked}"
        self.stuck = Diverged(
            "the workflow's code no longer fits this run's journal; nothing was executed and no retry used:\n"
            + diff
            + "\nDeploy code that fits and resume the run, or restart it.",
            diff=diff,
        )

    def at_end(self) -> None:
        """The journal has been delivered: from here on commands are real."""
        self.replaying = False

    def bury(self, generator: Any) -> None:
        """Close an asynchronous generator that the body left behind, with every command refused."""
        ghost = Kernel(self.key, self.generation, self.info)
        ghost._closing = True
        ghost.stamp = self.stamp
        ghost.loop.spawn(generator.aclose(), ghost.loop.root_scope, context=Context())
        evict_tasks(ghost.loop)

    # -- what the holder takes -----------------------------------------------------------------

    def take(self) -> list[Command]:
        """The commands since the last call, less those taken back in the same breath."""
        commands, self.commands = self.commands, []
        if self.replaying or not commands:
            return commands
        if len(commands) == 1:
            (command,) = commands
            return commands if command.call in self.calls or type(command) is CloseCall else []
        asked = {c.call for c in commands if not isinstance(c, CloseCall)}
        return [c for c in commands if (c.call not in asked if isinstance(c, CloseCall) else c.call in self.calls)]

    def unplaced(self, commands: list[Command]) -> list[Command]:
        """Of the commands given during replay: those whose calls are open and whose effect is not recorded."""
        left: list[Command] = []
        for command in commands:
            call = None if isinstance(command, CloseCall) else self.calls.get(command.call)
            if call is not None and (isinstance(command, FoldScope) or not call.placed):
                left.append(command)
        return left

    def next_timer(self) -> tuple[float, str] | None:
        """The open timer that is due first: (epoch seconds, call)."""
        return self._agenda.first() if self._agenda is not None and self._timers else None

    # -- closing -------------------------------------------------------------------------------

    def close(self) -> None:
        """Unwind the body with every command and outcome refused, a bounded number of rounds; then let go."""
        if self._closing:
            return
        self._closing = True
        self._refusals = 0
        self.commands.clear()
        if self.calls or self.loop.tasks:
            self._evict_calls()
            evict_tasks(self.loop)
            self.calls.clear()
        self.undo.clear()
        self._agenda = None
        self._root = None
        if self.outcome is not None and self.outcome.error is not None:
            cut(self.outcome.error)
        # The kernel and its loop know each other: let go, so that a run is freed at once.
        self.loop.owner = CLOSED

    def _evict_calls(self) -> None:
        for call in self.calls.values():
            if isinstance(call.future, KernelFuture) and not call.future.done():
                evict(call.future)


class Closed:
    """Owner of a loop whose kernel has been closed: nothing can be asked for any more."""

    stamp = 0.0

    def timer_opened(self, timer: Timer) -> None:
        """Refuse."""
        raise Evicted

    def timer_closed(self, timer: Timer) -> None:
        """Nothing is open."""

    def call_abandoned(self, call: str) -> None:
        """Nothing is open."""

    def misused(self, error: Nondeterminism | LimitExceeded) -> None:
        """Too late to matter."""

    def complained(self, what: str) -> None:
        """Nobody listens."""

    def bury(self, generator: Any) -> None:
        """As a kernel does."""
        Kernel(b"", 0).bury(generator)


CLOSED = Closed()
