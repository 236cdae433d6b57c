"""Plain `def` workflows: the same kernel, through a greenlet that can wait in the middle of a call."""

from collections.abc import Awaitable, Callable, Generator
from contextvars import copy_context
from typing import Any

import greenlet


class _Body(greenlet.greenlet):
    """The greenlet in which a `def` body runs."""


class _Drive:
    """Runs `fn` in a greenlet and awaits, in the task around it, whatever the body waits for."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs

    def __await__(self) -> Generator[Any, Any, Any]:
        body = _Body(self.fn)
        body.gr_context = copy_context()
        wanted = body.switch(*self.args, **self.kwargs)
        while not body.dead:
            try:
                value = yield from wanted.__await__()
            except BaseException as error:  # noqa: BLE001 - it belongs to the body, which may handle it
                # The caller of the moment is where the body returns to: another task step, another frame.
                body.parent = greenlet.getcurrent()
                wanted = body.throw(error)
            else:
                body.parent = greenlet.getcurrent()
                wanted = body.switch(value)
        return wanted


async def run_def_body(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a plain function as a workflow body; it waits with `wait_for`, however deep in ordinary calls."""
    return await _Drive(fn, args, kwargs)


def in_def_body() -> bool:
    """True when the calling code runs inside a `def` workflow body."""
    return isinstance(greenlet.getcurrent(), _Body)


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Wait inside a `def` body; what the awaitable raises is raised here."""
    body = greenlet.getcurrent()
    assert isinstance(body, _Body)
    assert body.parent is not None
    return body.parent.switch(awaitable)
