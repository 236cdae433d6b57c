"""A private, deterministic asyncio event loop: ready queue, futures, tasks and timers, and no I/O.

One loop per loaded run, driven synchronously by the kernel: run until every task is blocked, then return.
This is the only module below the runtime that imports asyncio, and the only one that touches its
private names; `tests/core/test_asyncloop.py` tests each of them per Python version.

House rules: nothing here reads a clock, and nothing iterates over a set in hash order.
"""

import asyncio
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from types import CodeType, CoroutineType, FrameType
from typing import Any, Protocol

from stepwell.core.blame import UNKNOWN, blame
from stepwell.core.collector import collecting_here
from stepwell.core.scope import Scope
from stepwell.errors import LimitExceeded, Nondeterminism

CancelledError = asyncio.CancelledError
LATEST = 253_402_300_799.0
"""The last second of the year 9999: where timers end that were set for ever."""
_COMPLETES = {"as_completed", "_AsCompletedIterator.__init__"}
# By code objects, since who calls decides here and nothing else tells.
_ENSURE: set[CodeType] = {
    f.__code__ for n in ("ensure_future", "_ensure_future") if (f := getattr(asyncio.tasks, n, None)) is not None
}
_WAIT: CodeType = asyncio.tasks._wait.__code__  # type: ignore[attr-defined]
_WRAP: CodeType = asyncio.wrap_future.__code__


class LoopOwner(Protocol):
    """What the loop asks of its kernel."""

    stamp: float

    def timer_opened(self, timer: "Timer") -> None: ...
    def timer_closed(self, timer: "Timer") -> None: ...
    def call_abandoned(self, call: str) -> None: ...
    def misused(self, error: Nondeterminism | LimitExceeded) -> None: ...
    def complained(self, what: str) -> None: ...
    def bury(self, generator: Any) -> None: ...


class Handle:
    """A callback in the ready queue, with the scope in which it was registered."""

    __slots__ = ("_cancelled", "args", "callback", "context", "scope")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None, scope: Scope
    ) -> None:
        self.callback = callback
        self.args = args
        # A copy as in asyncio: without one, the callback would run in the context of whoever drives the loop.
        self.context = context if context is not None else copy_context()
        self.scope = scope
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


class Timer(Handle):
    """A callback at a moment of the run's own time; durable, since its firing is an entry."""

    __slots__ = ("call", "closed", "owner", "when_")

    def __init__(self, when: float, call: str, owner: LoopOwner, callback: Callable[..., Any],
                 args: tuple[Any, ...], context: Context | None, scope: Scope) -> None:  # fmt: skip
        super().__init__(callback, args, context, scope)
        self.when_ = when
        self.call = call
        self.owner = owner
        self.closed = False

    def when(self) -> float:
        return self.when_

    def cancel(self) -> None:
        self._cancelled = True
        if not self.closed:
            self.closed = True
            self.owner.timer_closed(self)


class KernelFuture(asyncio.Future[Any]):
    """A future that hashes by its number and tells the kernel when user code cancels its call."""

    __slots__ = ("call", "number", "owner")

    def __init__(self, loop: "KernelLoop", call: str | None = None) -> None:
        super().__init__(loop=loop)
        self.number = loop.scope.number()
        self.call = call
        self.owner = loop.owner

    def __hash__(self) -> int:
        return self.number

    def cancel(self, msg: Any = None) -> bool:
        done = super().cancel(msg=msg)
        if done and self.call is not None:
            self.owner.call_abandoned(self.call)
        return done


class KernelTask(asyncio.Task[Any]):
    """A task of the workflow: carries its scope, and hashes by its number so that sets iterate alike."""

    __slots__ = ("kernel_loop", "number", "scope")
    kernel_loop: "KernelLoop"
    number: int
    scope: Scope

    def __hash__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        # CPython formats a task that steps only to complain, in C, that it was handed a future of another loop.
        # The complaint is thrown into the body, which may swallow it; here the misuse is recorded for good.
        # The step is over by then: the task is current, and the caller is not the body's code but the loop's.
        loop = self.kernel_loop
        if sys._getframe(1).f_code in _STEPPING and asyncio.current_task(loop) is self and loop.misuse is None:
            loop.refuse("awaiting a future of another event loop")
        return super().__repr__()


class KernelLoop(asyncio.AbstractEventLoop):
    """The loop. `drive` runs it until nothing is ready; time passes only by what the kernel delivers.

    `scope` is that of the running task; between tasks, that of the code that registered the callback.
    """

    misuse: Nondeterminism | None = None
    driving = False
    _prune_at = 64

    def __init__(self, owner: LoopOwner, first_number: int) -> None:
        self.owner = owner
        self.ready: deque[Handle] = deque()
        self.root_scope = self.scope = Scope("", first_number)
        self.tasks: list[KernelTask] = []

    # -- what asyncio, and code written for it, calls ------------------------------------------

    def call_soon(self, callback: Callable[..., Any], *args: Any,  # type: ignore[override]
                  context: Context | None = None) -> Any:  # fmt: skip
        # The steps of a task come with the task bound to them.
        task = getattr(callback, "__self__", None)
        scope = task.scope if type(task) is KernelTask else self.scope
        handle = Handle(callback, args, context, scope)
        self.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any,  # type: ignore[override]
                   context: Context | None = None) -> Any:  # fmt: skip
        return self.call_at(self.owner.stamp + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any,  # type: ignore[override]
                context: Context | None = None) -> Any:  # fmt: skip
        return self.timer(when, self.scope.identify("timer"), callback, *args, context=context)

    def timer(self, when: float, call: str, callback: Callable[..., Any], *args: Any,
              context: Context | None = None) -> Timer:  # fmt: skip
        """Open a durable timer under a given identity; one that is due already needs no entry."""
        timer = Timer(min(when, LATEST), call, self.owner, callback, args, context, self.scope)
        if not when > self.owner.stamp:  # so that not-a-number is due, too
            timer.closed = True
            self.ready.append(timer)
        else:
            self.owner.timer_opened(timer)
        return timer

    def time(self) -> float:
        """The stamp of the last delivered entry, in epoch seconds."""
        return self.owner.stamp

    def create_future(self) -> KernelFuture:
        caller = sys._getframe(1)
        if caller.f_code is _WAIT:
            self._check_wait(caller.f_locals["fs"])
        elif caller.f_code is _WRAP:
            raise self.refuse("asyncio.wrap_future() was called")
        return KernelFuture(self)

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None, **more: Any) -> Any:
        if type(coro) is CoroutineType:
            self._check_as_completed(coro, sys._getframe(1))
        return self.spawn(coro, self.scope.child(), name=name, context=context, **more)

    def spawn(self, coro: Any, scope: Scope, *, name: Any = None, **options: Any) -> KernelTask:
        """Create a task in a given scope."""
        task = KernelTask.__new__(KernelTask)
        task.scope = scope
        task.number = self.scope.number()
        task.kernel_loop = self
        # An eagerly started task runs inside __init__ (CPython 3.12 and later).
        before, self.scope = self.scope, scope
        try:
            # asyncio's own names come from a counter of the process.
            task.__init__(coro, loop=self, name=name or scope.path or "root", **options)  # type: ignore[misc]
        finally:
            self.scope = before
        self.tasks.append(task)
        if len(self.tasks) > self._prune_at:
            self.tasks = [t for t in self.tasks if not t.done()]
            self._prune_at = max(64, 2 * len(self.tasks))
        return task

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any,  # type: ignore[override]
                             context: Context | None = None) -> Any:  # fmt: skip
        error = self.refuse("loop.call_soon_threadsafe() was called")
        if events._get_running_loop() is self:
            raise error
        return Handle(callback, args, context, self.root_scope)  # a foreign thread: nobody there to tell

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.driving

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nobody retrieved an exception: a line in the run's log; the run's own end says what failed."""
        error = context.get("exception")
        self.owner.complained(f"{context.get('message', 'unhandled exception')}: {error!r}")

    default_exception_handler = call_exception_handler

    # -- what the kernel calls -----------------------------------------------------------------

    def current_task(self) -> KernelTask:
        """The running task of the body."""
        task = asyncio.current_task(self)
        assert isinstance(task, KernelTask)
        return task

    def enter(self, scope: Scope) -> Scope:
        """Let the running task go on in another scope; the one before is returned."""
        before, self.scope = self.scope, scope
        self.current_task().scope = scope
        return before

    def drive(self, budget: int) -> bool:
        """Run until nothing is ready. False when `budget` callbacks did not suffice."""
        ready = self.ready
        if not ready:
            return True
        outer = events._get_running_loop()
        swapped = _leave_task(outer)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, self._generator_dropped)
        events._set_running_loop(self)
        before, self.driving = self.driving, True
        handle: Handle | None = None
        try:
            while ready:
                if budget == 0:
                    return False
                budget -= 1
                handle = ready.popleft()
                if not handle._cancelled:
                    self.scope = handle.scope
                    try:
                        handle.context.run(handle.callback, *handle.args)
                    except BaseException as error:  # noqa: BLE001 - no code of a body may stop a worker
                        self._escaped(handle, error)
        finally:
            handle = None  # this frame outlives its call in tracebacks, and would tie tasks to themselves
            self.driving = before
            self.scope = self.root_scope
            events._set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)
            _enter_task(outer, swapped)
        return True

    def refuse(self, what: str, hint: str = "do this in a step") -> Nondeterminism:
        """Record that the body did what it must not, with the user's line; the caller raises the answer."""
        file, line = self.users_line()
        error = Nondeterminism(
            f"{what} in a workflow body ({file}:{line}): a replay could not repeat it; {hint}", file=file, line=line
        )
        if self.misuse is None:
            self.misuse = error
            self.owner.misused(error)
        return error

    def users_line(self) -> tuple[str, int]:
        """File and line of the body: what it executes, else where the running task waits, else where the root does."""
        task = asyncio.current_task(self)
        found = blame(None if task is None else task.get_coro())
        return blame(self.tasks[0].get_coro()) if found is UNKNOWN and self.tasks else found

    # -- manners -------------------------------------------------------------------------------

    def _escaped(self, handle: Handle, error: BaseException) -> None:
        # A task keeps what ended it, and raises SystemExit and KeyboardInterrupt once more for the loop.
        if not isinstance(getattr(handle.callback, "__self__", None), asyncio.Task):
            self.owner.complained(f"exception in callback {handle.callback!r}: {error!r}")

    def _check_wait(self, futures: Any) -> None:
        # asyncio.wait answers with sets; of futures that hash by their address, no two iterate alike.
        if len(futures) > 1 and any(not isinstance(f, KernelFuture | KernelTask) for f in futures):
            raise self.refuse("asyncio.wait() over other futures than tasks", "give it tasks (asyncio.create_task)")

    def _check_as_completed(self, coro: Any, frame: FrameType | None) -> None:
        # It makes a set of what it is given, and bare coroutines hash by their address: tasks would be created,
        # and call identities given, in another order on replay.
        if frame is None or frame.f_code not in _ENSURE:
            return
        while frame is not None and frame.f_globals.get("__name__") == "asyncio.tasks":
            if frame.f_code.co_qualname in _COMPLETES:
                given = frame.f_locals.get("fs", frame.f_locals.get("aws", ()))
                for one in [coro, *(given if isinstance(given, list | tuple | set | frozenset) else ())]:
                    if type(one) is CoroutineType:
                        one.close()
                raise self.refuse("asyncio.as_completed() over bare coroutines", "give it tasks, or step calls")
            frame = frame.f_back

    def _generator_dropped(self, generator: Any) -> None:
        # Dropped while its own kernel runs: closed inside it, in drop order, which reference counting makes
        # repeatable. Found by the collector, or after the kernel stopped: its `finally` may not ask for
        # anything, since the moment would differ on replay.
        if self.driving and events._get_running_loop() is self and not collecting_here():
            self.create_task(generator.aclose())
        else:
            self.owner.bury(generator)


def _forbid(name: str) -> Callable[..., Any]:
    def forbidden(self: KernelLoop, *args: Any, **kwargs: Any) -> Any:
        raise self.refuse(_SAID.get(name, f"loop.{name}() was called"))

    forbidden.__name__ = name
    return forbidden


_SAID = {
    "run_in_executor": "asyncio.to_thread() or loop.run_in_executor() was called",
    "create_connection": "a connection was opened",
    "getaddrinfo": "a name was looked up",
    "subprocess_exec": "a subprocess was started",
    "subprocess_shell": "a subprocess was started",
}
for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in KernelLoop.__dict__:
        setattr(KernelLoop, _name, _forbid(_name))
# `abstractmethod` is not used by AbstractEventLoop, so the class above is concrete.

_STEPPING = {KernelLoop.drive.__code__, KernelLoop.spawn.__code__}


def running_loop() -> Any:
    """The running loop of this thread, or None; a KernelLoop while a workflow body runs."""
    return events._get_running_loop()


def waits_for(task: KernelTask) -> Any:
    """The future that a task waits for; None when it is about to run."""
    return task._fut_waiter  # type: ignore[attr-defined]


def is_task(future: Any) -> bool:
    """Whether a future is a task: it ends by its own code."""
    return isinstance(future, asyncio.Task)


if sys.version_info >= (3, 14):
    # One current task per thread there: leave the outer task while the kernel's own run.
    def _leave_task(outer: Any) -> Any:
        return asyncio.tasks._swap_current_task(outer, None) if outer is not None else None

    def _enter_task(outer: Any, task: Any) -> None:
        if outer is not None:
            asyncio.tasks._swap_current_task(outer, task)

else:

    def _leave_task(outer: Any) -> Any:
        return None

    def _enter_task(outer: Any, task: Any) -> None:
        pass
