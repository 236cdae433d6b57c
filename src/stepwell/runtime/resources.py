"""Resources: made once per worker when a step first needs them, closed when the worker stops."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import Context
from typing import Any

from stepwell.errors import AppClosed, InvalidOption

log = logging.getLogger("stepwell.worker")


class Live:
    """One resource: a task that makes it, holds it, and closes it where it was made."""

    def __init__(self) -> None:
        self.ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.enough = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def refuse(self, error: Exception) -> None:
        """It is not to be had."""
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # retrieved: whoever waits for it is told by a shield of its own


class Resources:
    """The live resources of one worker."""

    def __init__(self, factories: Mapping[str, Callable[..., Any]]) -> None:
        self._factories = factories
        self._live: dict[str, Live] = {}

    async def get(self, name: str) -> Any:
        """The resource; the first to ask has it made, the others wait for that. A failed one is tried anew."""
        live = self._live.get(name)
        if live is None:
            self._refuse_circle(name, ())
            live = self._live[name] = Live()
            # A task and a context of its own: a step that times out, or ends, has no say in what others use.
            live.task = asyncio.get_running_loop().create_task(self._hold(name, live), context=Context())
        return await asyncio.shield(live.ready)

    async def _hold(self, name: str, live: Live) -> None:
        try:
            async with AsyncExitStack() as stack:
                value = await self._make(name, stack)
                self._live[name] = self._live.pop(name)  # in the order in which they were made
                live.ready.set_result(value)
                await live.enough.wait()
        except BaseException as error:
            if live.ready.done():
                log.exception("resource %r did not close", name)
                return
            self._live.pop(name, None)
            live.refuse(error if isinstance(error, Exception) else AppClosed(f"resource {name!r} was given up"))

    async def _make(self, name: str, stack: AsyncExitStack) -> Any:
        factory = self._factory(name)
        needs = {parameter: await self.get(other) for parameter, other in self._needs(factory).items()}
        if inspect.isasyncgenfunction(factory):
            return await stack.enter_async_context(asynccontextmanager(factory)(**needs))
        if inspect.isgeneratorfunction(factory):
            return stack.enter_context(contextmanager(factory)(**needs))
        made = factory(**needs)
        return await made if inspect.isawaitable(made) else made

    def _factory(self, name: str) -> Callable[..., Any]:
        if name not in self._factories:
            raise InvalidOption(f"no resource is called {name!r}", hint="Define it with `@app.resource`.")
        return self._factories[name]

    def _needs(self, factory: Callable[..., Any]) -> dict[str, str]:
        """Parameter → resource, for what a factory takes from others."""
        return {
            p: getattr(q.default, "name", p)
            for p, q in inspect.signature(factory).parameters.items()
            if p in self._factories or hasattr(q.default, "name")
        }

    def _refuse_circle(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise InvalidOption(f"resources need each other in a circle: {' → '.join((*above, name))}")
        for other in self._needs(self._factory(name)).values():
            self._refuse_circle(other, (*above, name))

    async def close(self) -> None:
        """Close all, last made first; an error in one is logged and keeps no other from closing."""
        while self._live:
            name, live = self._live.popitem()
            live.enough.set()
            if live.task is not None:
                if not live.ready.done():
                    live.task.cancel()
                await asyncio.wait([live.task])
            live.refuse(AppClosed(f"resource {name!r} was given up: its worker stops"))
