"""An app in the test's own process, under a virtual clock: idle means jump to the next timer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import msgspec

from stepwell.authoring.step import Step
from stepwell.client.app import App
from stepwell.client.opened import Opened
from stepwell.errors import InvalidOption
from stepwell.model.duration import Duration, seconds
from stepwell.ports.store import Store
from stepwell.runtime.worker import Worker
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.tripwire import tripwire

QUIET_TURNS = 3
PATIENCE = 60.0


class Environment:
    """`async with Environment(app) as env:` opens the app on a store of its own, with one worker.

    Time stands still while anything can happen, and while the test is not waiting. It jumps to the next timer
    while the test waits for a result, or by `advance`. Misuse that is a warning in production is an error here.
    """

    def __init__(self, app: App, *, store: Store | None = None, clock: VirtualClock | None = None,
                 workers: int = 1, replay: bool = False, concurrency: int = 10) -> None:  # fmt: skip
        self.app = app
        self.clock = clock or VirtualClock()
        self.store: Store = store or MemoryStore("test", self.clock)
        self._workers = workers
        self._replay = replay
        self._concurrency = concurrency
        self._driver: asyncio.Task[None] | None = None
        self._tripwire: Any = None

    async def __aenter__(self) -> Self:
        self._tripwire = tripwire()
        self._tripwire.__enter__()
        app = self.app
        self._parts = app.parts
        app.parts = msgspec.structs.replace(
            app.parts, clock=self.clock, store=self.store, alarms=self.clock, virtual=True, strict=True,
            chance=lambda: 0.5)  # fmt: skip
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._stop_driving()
            await self.app.close()
        finally:
            self.app.parts = self._parts
            self._tripwire.__exit__(None, None, None)

    async def _open(self) -> None:
        opened = await self.app._open_store()
        for _ in range(self._workers):
            await self._work(opened)
        self._driver = asyncio.get_running_loop().create_task(self._drive())

    async def _work(self, opened: Opened) -> Worker:
        options = self.app._worker_options(concurrency=self._concurrency, hot=0 if self._replay else 10_000)
        return await opened.work(options, retention=self.app.retention)

    # -- time ----------------------------------------------------------------------------------

    def now(self) -> float:
        """The virtual time, in epoch seconds."""
        return self.clock.now()

    async def settle(self) -> None:
        """Wait until nothing more happens at this moment."""
        quiet = 0
        for _ in range(1_000_000):
            await asyncio.sleep(0)
            if self._busy():
                quiet = 0
                await self._sit()
            else:
                quiet += 1
                if quiet >= QUIET_TURNS:
                    return
        raise AssertionError("the environment does not come to rest")

    async def advance(self, duration: Duration) -> None:
        """Move time forward, letting everything that falls due happen in its order."""
        target = self.clock.now() + seconds(duration, "advance")
        await self.settle()
        while (due := self.clock.next_alarm()) is not None and due <= target:
            await self._move(due)
        await self._move(target)

    async def _move(self, when: float) -> None:
        self.clock.move_to(when)
        for worker in self.workers:
            worker.beat()
        self.clock.ring()
        await self.settle()

    async def _drive(self) -> None:
        """While somebody waits for a result and nothing else can happen: jump."""
        results = self._opened.results
        while True:
            await asyncio.sleep(0)
            if not results.waited_for:
                await asyncio.sleep(0.0005)
                continue
            await self.settle()
            due = self.clock.next_alarm()
            if due is not None:
                await self._move(due)
            else:
                await asyncio.sleep(0.0005)

    async def _stop_driving(self) -> None:
        if self._driver is not None:
            self._driver.cancel()
            await asyncio.wait([self._driver])
            self._driver = None

    def _busy(self) -> bool:
        opened = self._opened
        return not opened.writer.idle or any(
            w.executor.busy or w.executor.queued or not w.claims.idle or w.background
            for w in self.workers
            if not w.dead
        )

    async def _sit(self) -> None:
        # Threads (a database, a `def` step) need real time; everything else is done by turns of the loop.
        await asyncio.sleep(0.0002 if self._in_threads() else 0)

    def _in_threads(self) -> bool:
        return not isinstance(self.store, MemoryStore) or any(w.executor.busy for w in self.workers)

    # -- processes -----------------------------------------------------------------------------

    @property
    def _opened(self) -> Opened:
        assert self.app._opened is not None
        return self.app._opened

    @property
    def workers(self) -> list[Worker]:
        """The live workers."""
        return self._opened.engine.workers

    async def add_worker(self) -> Worker:
        """Another worker on the same store."""
        return await self._work(self._opened)

    async def crash(self) -> None:
        """Kill the process, as `kill -9` would, and start another once the leases have run out."""
        await self._stop_driving()
        opened = self._opened
        await opened.crash()
        self.app._opened = None
        self.clock.forget()
        self.clock.move_to(self.clock.now() + self.app.settings.lease + 1.0)
        await self._open()
        await self.settle()

    # -- mocks ---------------------------------------------------------------------------------

    @contextmanager
    def mock(self, step: Step[..., Any], fn: Callable[..., Any]) -> Iterator[list[tuple[Any, ...]]]:
        """Replace a step's body while the block lasts; yields the list of arguments it was called with.

        `fn` takes the step's arguments (without injected ones); it may be async and may raise.
        """
        if not callable(fn):
            raise InvalidOption(f"mock {fn!r} of {step.name!r}", expected="a function of the step's arguments")
        calls: list[tuple[Any, ...]] = []

        def spy(*args: Any, **kwargs: Any) -> Any:
            calls.append((*args, *kwargs.values()))
            return fn(*args, **kwargs)

        step.registry.mocks[step.name] = spy
        try:
            yield calls
        finally:
            del step.registry.mocks[step.name]
