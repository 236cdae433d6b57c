"""Lifecycle hooks: users' functions told of what has been committed; they never break a run."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from stepwell.errors import InvalidOption

log = logging.getLogger("stepwell.hooks")

EVENTS = (
    "run.started",
    "run.resumed",
    "run.waiting",
    "run.succeeded",
    "run.failed",
    "run.cancelled",
    "run.parked",
    "run.paused",
    "step.succeeded",
    "step.failed",
    "step.retrying",
    "worker.started",
    "worker.stopped",
)


class HookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook is told. `at` is epoch seconds; fields that do not apply are None."""

    name: str
    at: float
    run_id: str | None = None
    workflow: str | None = None
    worker: str | None = None
    call: str | None = None
    attempt: int | None = None
    result: Any = None
    error: BaseException | None = None
    reason: str | None = None


class Hooks:
    """Functions by event name; called from the worker's loop after the commit."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[Callable[[HookEvent], Any]]] = {}
        self._tasks: set[asyncio.Future[Any]] = set()

    def on(self, names: tuple[str, ...], fn: Callable[[HookEvent], Any]) -> None:
        """Register `fn` for events.

        Raises:
            InvalidOption: an event name is unknown.
        """
        for name in names:
            if name not in EVENTS:
                raise InvalidOption(f"no lifecycle event is called {name!r}", hint=f"There are {', '.join(EVENTS)}.")
            self._by_name.setdefault(name, []).append(fn)

    @property
    def any(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._by_name)

    def wants(self, name: str) -> bool:
        """Whether anybody listens."""
        return name in self._by_name

    def tell(self, event: HookEvent) -> None:
        """Call the hooks of an event; what they raise is logged."""
        for fn in self._by_name.get(event.name, ()):
            try:
                answer = fn(event)
                if inspect.isawaitable(answer):
                    task = asyncio.ensure_future(_quiet(answer, event.name))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            except Exception:
                log.exception("a hook for %s failed", event.name)

    async def settled(self, grace: float) -> None:
        """Let asynchronous hooks finish what they were told, for at most `grace` seconds; then cancel them."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=grace)
        for task in list(self._tasks):
            log.warning("a hook had not finished when the app was closed")
            task.cancel()
            await asyncio.wait([task])


async def _quiet(answer: Any, name: str) -> None:
    try:
        await answer
    except Exception:
        log.exception("a hook for %s failed", name)
