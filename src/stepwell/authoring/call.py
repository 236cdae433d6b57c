"""`Call[R]`: one use of a step, wait, sleep or child run; lazy, typed, with its identity fixed when made."""

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from stepwell.core.asyncloop import KernelFuture, running_loop
from stepwell.core.blame import blame
from stepwell.core.greenbody import in_def_body, wait_for
from stepwell.core.kernel import Kernel
from stepwell.errors import WrongContext

R = TypeVar("R")
_UNSET: Any = object()


class Call(Coroutine[Any, Any, R], Generic[R]):
    """A durable operation that begins when it is awaited, given to a task, or `.start()`ed.

    `await call` in async code, `call.result()` in `def` code; asking again gives the same result. A call that
    is never begun warns, as coroutines do (in tests: an error).
    """

    __slots__ = (
        "__weakref__", "_began", "_begin", "_future", "_hash", "_kernel", "_outside", "_place", "_running", "id",
        "title",
    )  # fmt: skip

    def __init__(self, title: str, call: str, kernel: Kernel | None, begin: Callable[[], KernelFuture] | None,
                 outside: Callable[[], Any] | None = None) -> None:  # fmt: skip
        self.title = title
        self.id = call
        self._kernel = kernel
        self._begin = begin
        self._outside = outside
        self._began = False
        self._future: Any = None
        self._running: dict[int, Generator[Any, Any, R]] | None = None
        if kernel is None:
            self._place = blame()
            self._hash = object.__hash__(self)
        else:
            # By number, not by address: sets of calls (asyncio makes some) iterate alike on replay.
            self._hash = kernel.loop.scope.number()

    # -- waiting -------------------------------------------------------------------------------

    def start(self) -> "Call[R]":
        """Begin now, without waiting; a later `await` or `.result()` gets the result. In a run only."""
        if self._kernel is None:
            raise WrongContext(
                f"call {self.title!r} was started outside of any run",
                hint="Start the step itself: `step.start(...)` makes it a queued task of its own.",
            )
        self._begun()
        return self

    def __await__(self) -> Generator[Any, Any, R]:
        if self._kernel is not None:
            return self._begun().__await__()
        return self._once().__await__()

    def result(self) -> R:
        """Wait for the result in `def` code: a `def` workflow, a thread step, or outside of any run.

        Raises:
            WrongContext: called in async code; await the call there.
        """
        if self._kernel is not None:
            if running_loop() is self._kernel.loop and not in_def_body():
                raise WrongContext(f"`.result()` of {self.title!r} in an async workflow", hint="`await` it.")
            self._begun()
            return wait_for(self)  # type: ignore[no-any-return]
        if running_loop() is not None:
            raise WrongContext(f"`.result()` of {self.title!r} would block a running event loop", hint="`await` it.")
        return self._once().wait()  # type: ignore[no-any-return]

    def _begun(self) -> KernelFuture:
        kernel = self._kernel
        assert kernel is not None
        self._began = True
        if running_loop() is not kernel.loop:
            raise kernel.trespassed(self.title)
        if self._future is None:
            assert self._begin is not None
            self._future = self._begin()
            self._begin = None  # it knows the call: let go, so that both are freed at once
        return self._future  # type: ignore[no-any-return]

    def _once(self) -> "_Once":
        self._began = True
        if self._future is None:
            assert self._outside is not None
            self._future = _Once(self._outside())
        return self._future  # type: ignore[no-any-return]

    # -- the coroutine protocol, so that create_task, gather and TaskGroup take a call ----------

    def send(self, value: Any) -> Any:
        return self._go_on(self.__await__, lambda waiting: waiting.send(value))

    def throw(self, *error: Any) -> Any:
        # A task that is cancelled before its first step throws at once: that must not begin the call.
        begin = _never if self._future is None else self.__await__
        return self._go_on(begin, lambda waiting: waiting.throw(*error))

    def close(self) -> None:
        self._began = True
        for waiting in (self._running or {}).values():
            waiting.close()

    def _go_on(self, begin: Callable[[], Generator[Any, Any, R]], how: Callable[[Generator[Any, Any, R]], Any]) -> Any:
        # Each task has a waiting of its own: several may have been given the same call.
        self._began = True
        if self._running is None:
            self._running = {}
        task = id(asyncio.current_task()) if running_loop() is not None else 0
        waiting = self._running.get(task)
        if waiting is None:
            waiting = self._running[task] = begin()
        try:
            return how(waiting)
        except BaseException:
            del self._running[task]
            raise

    # -- manners -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        state = "begun" if self._began else "new"
        return f"<Call {self.id or self.title} {state}>"

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other

    def __del__(self) -> None:
        if self._began:
            return
        if self._kernel is not None:
            self._kernel.forgot(self.id)
        elif self._outside is not None:
            file, line = self._place
            warnings.warn_explicit(f"call {self.title!r} was never awaited", RuntimeWarning, file, line)


def _never() -> Generator[Any, Any, Any]:
    return
    yield  # a generator, though it never runs


class _Once:
    """An outside call's outcome, computed once: a value, or a coroutine run by whoever asks first."""

    __slots__ = ("_error", "_task", "_value", "_work")

    def __init__(self, work: Any) -> None:
        self._work = work
        self._value: Any = _UNSET
        self._error: BaseException | None = None
        self._task: asyncio.Future[Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        if not asyncio.iscoroutine(self._work):
            return self._work
            yield  # type: ignore[unreachable] # a generator, though nothing is waited for
        if self._task is None:
            self._task = asyncio.ensure_future(self._work)
        return (yield from self._task.__await__())

    def wait(self) -> Any:
        if not asyncio.iscoroutine(self._work):
            return self._work
        if self._value is _UNSET and self._error is None:
            try:
                self._value = asyncio.run(self._work)
            except BaseException as error:
                self._error = error
                raise
        if self._error is not None:
            raise self._error
        return self._value
