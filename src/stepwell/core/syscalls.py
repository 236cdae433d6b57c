"""What a body may ask of its kernel, and when it is refused.

House rule: a refusal is an exception the first times, and silence from then on: a loop that swallows the
exception must not keep the worker.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from stepwell.core.asyncloop import CancelledError, KernelFuture, KernelLoop, KernelTask, Timer
from stepwell.core.blame import blame
from stepwell.core.opencalls import Agenda, Kind, OpenCall
from stepwell.core.outcome import Evicted
from stepwell.core.scope import Scope
from stepwell.errors import LimitExceeded, Nondeterminism, StepwellError, WrongContext
from stepwell.model.command import CloseCall, Command, FoldScope, PlaceWait, ReportProgress, RunStep, StartChild

OPEN_CALLS = 2_000
"""Most calls, and most timers, that a body may have open."""
REFUSALS = 100
"""How often a body is refused by exception in one delivery."""
_ERROR = 40  # as in `logging`, which nothing here may import


class Syscalls:
    """The half of a kernel that faces the body: calls are opened and given up here, commands collected."""

    position = 0
    stamp = 0.0
    stuck: StepwellError | None = None
    cancelled: str | None = None
    progress: ReportProgress | None = None
    replaying = True
    _agenda: Agenda | None = None
    _cancel_due = False
    _closing = False
    _draws: dict[str, int] | None = None
    _finishing = False
    _quiet: KernelFuture | None = None
    _refusals = 0
    _root: KernelTask | None = None
    _timers = 0
    _undoing = 0

    def __init__(self, key: bytes, generation: int, info: Any) -> None:
        self.key = key
        self.generation = generation
        self.info = info
        self.calls: dict[str, OpenCall] = {}
        self.commands: list[Command] = []
        self.forgotten: list[str] = []
        self.lines: list[tuple[int, str]] = []
        self._abandoned: set[str] = set()
        # Different bases keep equal numbers of different runs apart in asyncio's global sets.
        number = (int.from_bytes(key[-6:], "big") ^ generation) << 12
        self.loop = KernelLoop(self, number)  # type: ignore[abstract] # what is abstract in it is refused

    # -- calls ---------------------------------------------------------------------------------

    def identify(self, name: str) -> str:
        """Fix the identity of a call, where and when it is called."""
        return self.loop.scope.identify(name)

    def open(self, kind: Kind, command: RunStep | PlaceWait | StartChild | None, settle: Callable[[Any], Any],
             call: str, digest: str = "", dropped: Callable[[], None] | None = None) -> KernelFuture:  # fmt: skip
        """Give a command and get the future of its entry. `dropped` is called if the body gives the call up.

        Raises:
            CancelledError: the run is being cancelled, or is over, and this is no clean-up.
            LimitExceeded: too many calls are open.
        """
        loop = self.loop
        hindered = self._closing or self._finishing or self.cancelled is not None or loop.scope.part is not None
        if hindered and not self._admits(loop.scope):
            return KernelFuture(loop)
        if len(self.calls) - self._timers >= OPEN_CALLS:
            raise self._too_many("calls")
        future = KernelFuture(loop, call)
        self.calls[call] = OpenCall(call, kind, future, self.position, settle, digest, 0.0, dropped)
        if command is not None:
            self.commands.append(command)
        return future

    def _admits(self, scope: Scope, *, wait: bool = False) -> bool:
        """True when a command may be given here and now; else raises, or is False when raising did not help."""
        if self._closing:
            refusal: BaseException = Evicted()
        elif scope.over:
            refusal = CancelledError("the folded part has ended")
        elif self._finishing and not scope.undo:
            refusal = CancelledError("the workflow body has ended")
        elif self.cancelled is not None and not (wait or scope.cleanup or scope.undo):
            refusal = CancelledError(f"the run is being cancelled ({self.cancelled})")
        else:
            return True
        self._refusals += 1
        if self._refusals <= REFUSALS:
            try:
                raise refusal
            finally:
                del refusal  # which holds this frame by its traceback
        if not self._closing and not self._finishing and self.stuck is None:
            file, line = self.loop.users_line()
            self.stuck = Nondeterminism(
                f"the workflow body goes on asking though it is refused ({file}:{line}): {refusal}; "
                "let CancelledError pass",
                file=file,
                line=line,
            )
        return False

    def _too_many(self, what: str) -> LimitExceeded:
        file, line = self.loop.users_line()
        error = LimitExceeded(
            f"more than {OPEN_CALLS:,} {what} open at once in a workflow body ({file}:{line})",
            hint="Do them in parts, or start child runs.",
        )
        self.misused(error)
        return error

    def sleep(self, call: str, due: float) -> KernelFuture:
        """A future done when the run's time reaches `due` (at once when it has)."""
        future = KernelFuture(self.loop)
        if due <= self.stamp:
            future.set_result(None)
            return future
        timer = self.loop.timer(due, call, _wake, future)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    def end_part(self, part: Scope) -> None:
        """A folded part ended, and with it whatever it left behind: a replay does not execute it again."""
        part.ended = True
        for task in self.loop.tasks:
            if not task.done() and task.scope.inside(part) and task is not self.loop.current_task():
                task.cancel()
        for call in [c for c in self.calls.values() if c.id.startswith(part.path)]:
            call.future.cancel()

    def fold(self, call: str, part: Scope, value: bytes) -> None:
        """A folded part brought this value: ask the holder to replace its calls by one entry."""
        self.end_part(part)
        folded = self.calls.get(call)
        if folded is not None:
            folded.placed = True
            self.commands.append(FoldScope(call, value))

    def quiet(self) -> KernelFuture:
        """End everything that runs beside the root, which waits for this future: the body is over.

        From here on only undos are admitted.
        """
        self._finishing = True
        self._quiet = self.loop.create_future()
        return self._quiet

    def undo_begins(self) -> None:
        """A rollback is under way: a cancellation waits for its end."""
        self._undoing += 1

    def undo_ends(self) -> None:
        """The end of a rollback."""
        self._undoing -= 1
        if self._cancel_due and not self._undoing:
            self._cancel_due = False
            if self._root is not None and not self._finishing and not self._closing:
                self._root.cancel()

    def report(self, fraction: float, note: str | None) -> None:
        """Show how far the run is."""
        if not self._closing:
            self.progress = ReportProgress(fraction, note)

    def bits(self, count: int) -> bytes:
        """Deterministic random bytes: BLAKE2b of (key, generation, scope, draw)."""
        path = self.loop.scope.path
        draws = self._draws
        if draws is None:
            draws = self._draws = {}
        n = draws.get(path, 0)
        draws[path] = n + 1
        seed = b"%b|%d|%d|" % (self.key, self.generation, n) + path.encode()
        return hashlib.blake2b(seed, digest_size=count).digest()

    # -- LoopOwner -----------------------------------------------------------------------------

    def timer_opened(self, timer: Timer) -> None:
        """A timer was set."""
        if not self._admits(timer.scope, wait=True):
            return
        if self._timers >= OPEN_CALLS:
            raise self._too_many("timers")
        self._timers += 1
        call = OpenCall(timer.call, Kind.TIMER, timer, self.position, due=timer.when_)
        self.calls[timer.call] = call
        if self._agenda is None:
            self._agenda = Agenda()
        self._agenda.add(timer)

    def timer_closed(self, timer: Timer) -> None:
        """A timer was taken back."""
        if self.calls.pop(timer.call, None) is not None:
            self._timers -= 1
            self._abandoned.add(timer.call)

    def call_abandoned(self, call: str) -> None:
        """User code cancelled the call: its late result is discarded, never divergence."""
        if self._closing or (open_call := self.calls.pop(call, None)) is None:
            return
        self._abandoned.add(call)
        self.commands.append(CloseCall(call))
        if open_call.dropped is not None:
            open_call.dropped()

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

    def misused(self, error: Nondeterminism | LimitExceeded) -> None:
        """The body did what it must not: that counts, even if it swallows the exception."""
        if self.stuck is None and not self._closing:
            self.stuck = error

    def complained(self, what: str) -> None:
        """Something went wrong that asyncio would only log."""
        if not self.replaying and not self._closing:
            self.lines.append((_ERROR, what))

    def bury(self, generator: Any) -> None:
        """Close an asynchronous generator that the body left behind, with every command refused."""
        raise NotImplementedError


def _wake(future: KernelFuture) -> None:
    if not future.done():
        future.set_result(None)
