"""Bodies of `def` steps, executed in threads."""

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any

Work = Callable[[], None]


def call_body(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a body; `StopIteration`, which no future can hold, becomes the error that a coroutine makes of it."""
    try:
        return fn(*args, **kwargs)
    except StopIteration as stop:
        raise RuntimeError("the step raised StopIteration") from stop


class Lent:
    """A thread that called a step inside a `def` step: it waits for the outcome, and executes the body meanwhile.

    A pool for such bodies could run dry with everybody in it waiting for a body that has no thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: SimpleQueue[Work | None] = SimpleQueue()

    def serve(self, outcome: Coroutine[Any, Any, Any]) -> Any:
        """In the thread: have `outcome` awaited in the loop, and do the work that comes of it until it is there."""
        future = asyncio.run_coroutine_threadsafe(outcome, self._loop)
        future.add_done_callback(lambda _: self._work.put(None))
        while (work := self._work.get()) is not None:
            work()
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise asyncio.CancelledError("the attempt is over") from None

    async def run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In the loop: have the thread call a function, in a copy of the present context."""
        done: asyncio.Future[Any] = self._loop.create_future()
        context = contextvars.copy_context()

        def settle(value: Any, error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(value)
            else:
                done.set_exception(error)

        def work() -> None:
            value = error = None
            try:
                value = context.run(call_body, fn, args, kwargs)
            except BaseException as raised:  # noqa: BLE001 - whatever the body raises is the outcome
                error = raised
            self._loop.call_soon_threadsafe(settle, value, error)

        self._work.put(work)
        return await done
