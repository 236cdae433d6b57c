"""A private, deterministic asyncio event loop: ready queue, futures, tasks and timers, and no I/O.

One loop per loaded run, driven synchronously by the kernel: run until every task is blocked, then return.
This is the only module below the runtime that imports asyncio, and the only one that touches its
private names; `tests/core/test_asyncloop.py` tests each of them per Python version.

House rules: nothing here reads a clock, and nothing iterates over a set in hash order.
"""

import asyncio
import gc
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import Any, Protocol

from stepwell.errors import Nondeterminism

CancelledError = asyncio.CancelledError
_OWN = ("stepwell.core", "stepwell.authoring", "stepwell.testing.tripwire", "asyncio", "contextlib", "anyio")


class Scope:
    """A path of call identity: a task, or a named scope, with its counters of names and of children."""

    __slots__ = ("path", "names", "children", "cleanup", "undo")

    def __init__(self, path: str, cleanup: bool = False, undo: bool = False) -> None:
        self.path = path
        self.names: dict[str, int] = {}
        self.children = 0
        self.cleanup = cleanup
        self.undo = undo

    def child(self) -> "Scope":
        """The scope of the next asyncio task created in this one."""
        self.children += 1
        return Scope(f"{self.path}@{self.children}/", self.cleanup, self.undo)


class LoopOwner(Protocol):
    """What the loop asks of its kernel."""

    def stamp_now(self) -> float: ...
    def timer_opened(self, handle: "Timer") -> None: ...
    def timer_closed(self, handle: "Timer") -> None: ...
    def call_abandoned(self, call: str) -> None: ...
    def misused(self, error: Nondeterminism) -> None: ...


class Handle:
    """A callback in the ready queue, with the scope in which it was registered."""

    __slots__ = ("callback", "args", "context", "scope", "_cancelled")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context | None, scope: Scope
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.scope = scope
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


class Timer(Handle):
    """A callback at a moment of the run's own time; durable, since its firing is an entry."""

    __slots__ = ("when_", "call", "owner")

    def __init__(self, when: float, call: str, owner: LoopOwner, callback: Callable[..., Any],
                 args: tuple[Any, ...], context: Context | None, scope: Scope) -> None:  # fmt: skip
        super().__init__(callback, args, context, scope)
        self.when_ = when
        self.call = call
        self.owner = owner

    def when(self) -> float:
        return self.when_

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self.owner.timer_closed(self)


class KernelFuture(asyncio.Future[Any]):
    """A future that hashes by creation number and tells the kernel when user code cancels its call."""

    __slots__ = ("number", "call", "owner")

    def __init__(self, loop: "KernelLoop", call: str | None = None) -> None:
        super().__init__(loop=loop)
        self.number = loop.next_number()
        self.call = call
        self.owner = loop.owner

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def cancel(self, msg: Any = None) -> bool:
        done = super().cancel(msg=msg)
        if done and self.call is not None:
            self.owner.call_abandoned(self.call)
        return done


class KernelTask(asyncio.Task[Any]):
    """A task of the workflow: carries its scope, hashes by creation number so that sets iterate alike."""

    __slots__ = ("number", "scope", "kernel_loop")

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        # CPython formats a task only to complain, in C, that it was handed a future of another loop. The
        # complaint is thrown into the body, which may swallow it; here the misuse is recorded for good.
        caller = sys._getframe(1)
        if caller.f_code is _DRIVE and self.kernel_loop.foreign is None:
            self.kernel_loop.refuse("awaiting a future of another event loop")
        return super().__repr__()


class KernelLoop(asyncio.AbstractEventLoop):
    """The loop. `drive` runs it until nothing is ready; time passes only by what the kernel delivers."""

    def __init__(self, owner: LoopOwner, first_number: int) -> None:
        self.owner = owner
        self.ready: deque[Handle] = deque()
        self.root_scope = Scope("")
        self.scope = self.root_scope
        self.tasks: list[KernelTask] = []
        self.foreign: Nondeterminism | None = None
        self.driving = False
        self.root_hash = first_number
        self._number = first_number
        self._prune_at = 64
        self._generators: list[Any] | None = None

    # -- what asyncio, and code written for it, calls ------------------------------------------

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, context, self.current_scope())
        self.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any,
                   context: Context | None = None) -> Any:  # fmt: skip
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any,
                context: Context | None = None) -> Any:  # fmt: skip
        return self.timer(when, identify(self.current_scope(), "timer"), callback, *args, context=context)

    def timer(self, when: float, call: str, callback: Callable[..., Any], *args: Any,
              context: Context | None = None) -> Timer:  # fmt: skip
        """Open a durable timer under a given identity."""
        handle = Timer(when, call, self.owner, callback, args, context, self.current_scope())
        self.owner.timer_opened(handle)
        return handle

    def time(self) -> float:
        """The stamp of the last delivered entry, in epoch seconds."""
        return self.owner.stamp_now()

    def create_future(self) -> KernelFuture:
        return KernelFuture(self)

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None, **more: Any) -> Any:
        return self.spawn(coro, self.current_scope().child(), name=name, context=context, **more)

    def spawn(self, coro: Any, scope: Scope, **options: Any) -> KernelTask:
        """Create a task in a given scope."""
        task = KernelTask.__new__(KernelTask)
        # Before __init__: an eagerly started task runs inside it (CPython 3.12 and later).
        task.scope = scope
        task.number = self.next_number()
        task.kernel_loop = self
        task.__init__(coro, loop=self, **options)  # type: ignore[misc]
        self.tasks.append(task)
        if len(self.tasks) > self._prune_at:
            self.tasks = [t for t in self.tasks if not t.done()]
            self._prune_at = max(64, 2 * len(self.tasks))
        return task

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
        """Nobody retrieved an exception: not the engine's business; the run's own end says what failed."""

    default_exception_handler = call_exception_handler

    # -- what the kernel calls -----------------------------------------------------------------

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def current_scope(self) -> Scope:
        """The running task's scope; between tasks, that of the code that registered the callback."""
        task = asyncio.current_task(self) if self.driving else None
        return task.scope if isinstance(task, KernelTask) else self.scope

    def current_task(self) -> KernelTask:
        """The running task of the body."""
        task = asyncio.current_task(self)
        assert isinstance(task, KernelTask)
        return task

    def drive(self, budget: int) -> bool:
        """Run until nothing is ready. False when `budget` callbacks did not suffice."""
        ready = self.ready
        if not ready:
            return True
        outer = events._get_running_loop()
        swapped = _leave_task(outer)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._generator_began, self._generator_dropped)
        events._set_running_loop(self)
        self.driving = True
        try:
            while ready:
                if budget == 0:
                    return False
                budget -= 1
                handle = ready.popleft()
                if not handle._cancelled:
                    self.scope = handle.scope
                    if handle.context is None:
                        handle.callback(*handle.args)
                    else:
                        handle.context.run(handle.callback, *handle.args)
        finally:
            self.driving = False
            self.scope = self.root_scope
            events._set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)
            _enter_task(outer, swapped)
        return True

    def refuse(self, what: str) -> Nondeterminism:
        """Record that the body did what it must not, with the user's line; the caller raises the answer."""
        file, line = blame()
        error = Nondeterminism(
            f"{what} in a workflow body ({file}:{line}): a replay could not repeat it; do this in a step",
            file=file,
            line=line,
        )
        if self.foreign is None:
            self.foreign = error
            self.owner.misused(error)
        return error

    def drop_generators(self) -> None:
        """Forget the generators begun here: the kernel is being closed and they end with its tasks."""
        self._generators = None

    # -- asynchronous generators ---------------------------------------------------------------

    def _generator_began(self, generator: Any) -> None:
        """Nothing to keep: the finalizer is bound to this loop from now on (PEP 525)."""

    def _generator_dropped(self, generator: Any) -> None:
        # Dropped while its own kernel runs: closed inside it, in drop order, which reference counting makes
        # repeatable. Found by the collector, or after the kernel stopped: its `finally` may not ask for
        # anything, since the moment would differ on replay.
        if self.driving and events._get_running_loop() is self and not _collecting:
            self.create_task(generator.aclose())
        else:
            self.owner_refusing(generator)

    def owner_refusing(self, generator: Any) -> None:
        """Close a generator with every command refused."""
        closing = generator.aclose()
        outer = events._get_running_loop()
        silent = Silence(self)
        events._set_running_loop(silent)
        try:
            closing.send(None)
        except BaseException:  # noqa: BLE001, S110 - whatever the dying generator raises concerns nobody
            pass
        finally:
            events._set_running_loop(outer)


class Evicted(BaseException):
    """The run leaves memory. Not an Exception, so that no `except Exception` can stop it."""


class Silence:
    """Stands in as the running loop of code that must not ask for anything any more."""

    def __init__(self, loop: KernelLoop) -> None:
        self.loop = loop

    def __getattr__(self, name: str) -> Any:
        raise Evicted


def _forbid(name: str) -> Callable[..., Any]:
    def forbidden(self: KernelLoop, *args: Any, **kwargs: Any) -> Any:
        raise self.refuse(f"{_SAID.get(name, 'loop.' + name)}() was called")

    forbidden.__name__ = name
    return forbidden


_SAID = {
    "run_in_executor": "asyncio.to_thread / loop.run_in_executor",
    "create_connection": "opening a connection",
    "getaddrinfo": "a name look-up",
    "subprocess_exec": "starting a subprocess",
    "subprocess_shell": "starting a subprocess",
}
for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in KernelLoop.__dict__:
        setattr(KernelLoop, _name, _forbid(_name))
# `abstractmethod` is not used by AbstractEventLoop, so the class above is concrete.

_DRIVE = KernelLoop.drive.__code__


def identify(scope: Scope, name: str) -> str:
    """The identity of the next call of this name in a scope: path, name, and from the second on, "#n"."""
    name = name.translate(_ESCAPES)
    n = scope.names.get(name, 0) + 1
    scope.names[name] = n
    return scope.path + name if n == 1 else f"{scope.path}{name}#{n}"


_ESCAPES = str.maketrans({"/": "%2F", "#": "%23", "@": "%40", "%": "%25"})


def blame() -> tuple[str, int]:
    """File and line of the user's code that is being executed: the innermost frame not of the engine."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_OWN):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "<unknown>", 0


def running_loop() -> Any:
    """The running loop of this thread, or None; a KernelLoop while a workflow body runs."""
    return events._get_running_loop()


def forget_pending(task: KernelTask) -> None:
    """Let a task that never finished be collected without a word."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


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


_collecting = False


def _on_collection(phase: str, info: dict[str, int]) -> None:
    global _collecting  # noqa: PLW0603 - one flag per process, set by the collector itself
    _collecting = phase == "start"


gc.callbacks.append(_on_collection)
