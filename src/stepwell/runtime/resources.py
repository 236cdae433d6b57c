"""Resources: made once per worker when a step first needs them, closed when the worker stops."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from stepwell.errors import InvalidOption

log = logging.getLogger("stepwell.worker")


class Resources:
    """The live resources of one worker."""

    def __init__(self, factories: Mapping[str, Callable[..., Any]]) -> None:
        self._factories = factories
        self._stack = AsyncExitStack()
        self._live: dict[str, asyncio.Future[Any]] = {}

    async def get(self, name: str) -> Any:
        """The resource; the first to ask makes it, the others wait for that. A failed one is tried anew."""
        future = self._live.get(name)
        if future is not None:
            return await asyncio.shield(future)
        future = asyncio.get_running_loop().create_future()
        self._live[name] = future
        try:
            value = await self._make(name)
        except BaseException as error:
            del self._live[name]
            future.set_exception(error)
            future.exception()
            raise
        future.set_result(value)
        return value

    async def _make(self, name: str) -> Any:
        factory = self._factories.get(name)
        if factory is None:
            raise InvalidOption(f"no resource is called {name!r}", hint="Define it with `@app.resource`.")
        needs = {
            p: await self.get(getattr(q.default, "name", p))
            for p, q in inspect.signature(factory).parameters.items()
            if p in self._factories or hasattr(q.default, "name")
        }
        if inspect.isasyncgenfunction(factory):
            return await self._stack.enter_async_context(asynccontextmanager(factory)(**needs))
        if inspect.isgeneratorfunction(factory):
            return self._stack.enter_context(contextmanager(factory)(**needs))
        made = factory(**needs)
        return await made if inspect.isawaitable(made) else made

    async def close(self) -> None:
        """Close all, last made first; an error in one is logged and keeps no other from closing."""
        self._live.clear()
        try:
            await self._stack.aclose()
        except Exception:
            log.exception("a resource did not close")
