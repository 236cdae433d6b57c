"""A bench for executors: a virtual clock, and a list of the attempts that are done."""

import asyncio
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from stepwell.runtime.executor import Attempt, Executor
from stepwell.runtime.resources import Resources
from stepwell.testing.clock import VirtualClock


class Bench:
    """An executor under a virtual clock, and the attempts that are done."""

    def __init__(self, concurrency: int, **resources: Callable[..., Any]) -> None:
        self.clock = VirtualClock()
        self.executor = Executor(concurrency, self.clock, self.clock, Resources(resources))
        self.done: list[Attempt] = []

    def submit(self, fn: Callable[..., Any], *args: Any, timeout: float | None = None, patience: float | None = None,
               inject: dict[str, str] | None = None, scope: Any = None) -> Attempt:  # fmt: skip
        is_async = inspect.iscoroutinefunction(fn)
        step: Any = SimpleNamespace(inject=inject or {})
        attempt = Attempt(step, fn, is_async, args, {}, scope, timeout, patience, "token", self.done.append)
        self.executor.submit(attempt)
        return attempt

    def move(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + seconds)
        self.clock.ring()

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not what():
                await asyncio.sleep(0.0005)

    async def idle(self) -> None:
        await self.until(lambda: not self.executor.busy)
        self.executor.close()
