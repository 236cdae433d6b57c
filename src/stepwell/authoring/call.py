"""`Call[R]`: one use of a step, wait, sleep or child run; lazy, typed, with its identity fixed when made."""

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from stepwell.core.asyncloop import KernelFuture, running_loop
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

    __slots__ = ("__weakref__", "_begin", "_future", "_kernel", "_outside", "_running", "id", "title")

    def __init__(self, title: str, call: str, kernel: Kernel | None, begin: Callable[[], KernelFuture] | None,
                 outside: Callable[[], Any] | None = None) -> None:  # fmt: skip
        self.title = title
        self.id = call
        self._kernel = kernel
        self._begin = begin
        self._outside = outside
        self._future: Any = None
        self._running: Generator[Any, Any, R] | None = None

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
        if self._future is None:
            assert self._outside is not None
            self._future = _Once(self._outside())
        return self._future.__await__()  # type: ignore[no-any-return]

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
        if self._future is None:
            assert self._outside is not None
            self._future = _Once(self._outside())
        return self._future.wait()  # type: ignore[no-any-return]

    def _begun(self) -> KernelFuture:
        kernel = self._kernel
        assert kernel is not None
        if running_loop() is not kernel.loop:
            raise kernel.trespassed(self.title)
        if self._future is None:
            assert self._begin is not None
            self._future = self._begin()
            self._begin = None  # it knows the call: let go, so that both are freed at once
        return self._future  # type: ignore[no-any-return]

    # -- the coroutine protocol, so that create_task, gather and TaskGroup take a call ----------

    def send(self, value: Any) -> Any:
        if self._running is None:
            self._running = self.__await__()
        return self._running.send(value)

    def throw(self, *error: Any) -> Any:
        if self._running is None:
            self._running = self.__await__()
        return self._running.throw(*error)

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
        self._future = self._future or _UNSET

    # -- manners -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        state = "new" if self._future is None else "begun"
        return f"<Call {self.id or self.title} {state}>"

    def __hash__(self) -> int:
        return hash(self.id) if self._kernel is None else (self._kernel.loop.root_hash ^ _fnv(self.id))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __del__(self) -> None:
        if self._future is None and (self._begin is not None or self._outside is not None):
            if self._kernel is not None:
                self._kernel.forgot(self.id)
            else:
                warnings.warn(f"call {self.title!r} was never awaited", RuntimeWarning, stacklevel=2)


class _Once:
    """An outside call's outcome, computed once: a value, or a coroutine run by whoever asks first."""

    __slots__ = ("_error", "_others", "_value", "_work")

    def __init__(self, work: Any) -> None:
        self._work = work
        self._value: Any = _UNSET
        self._error: BaseException | None = None
        self._others: list[asyncio.Future[None]] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        if not asyncio.iscoroutine(self._work):
            return self._work
        if self._others is None:
            self._others = []
            try:
                self._value = yield from self._work.__await__()
            except BaseException as error:
                self._error = error
                raise
            finally:
                for other in self._others:
                    if not other.done():
                        other.set_result(None)
        elif self._value is _UNSET and self._error is None:
            waiting = asyncio.get_running_loop().create_future()
            self._others.append(waiting)
            yield from waiting.__await__()
        if self._error is not None:
            raise self._error
        return self._value

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


def _fnv(text: str) -> int:
    """A hash that does not depend on PYTHONHASHSEED (FNV-1a, 32 bits)."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
