"""An app in the test's own process, under a virtual clock: idle means jump to the next timer."""

import asyncio
from collections.abc import Callable, Generator
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
from stepwell.testing.quiet import RealLoop
from stepwell.testing.shadow import Shadow
from stepwell.testing.tripwire import tripwire

QUIET_TURNS = 3
NAP = 0.0002


class Environment:
    """`async with Environment(app) as env:` opens the app on a store of its own, with one worker.

    Time stands still while anything can happen, and while the test is not waiting. It jumps to the next timer
    while the test waits for a result, or by `advance`. Misuse that is a warning in production is an error here.

    `replay=True` keeps no run in memory while it waits, and replays every run after each of its entries, to see
    that it comes out the same: bodies then execute many times over. `patience` is for how many real seconds steps
    that do something outside of this process (threads, sockets) are waited for before the clock moves on.
    """

    def __init__(self, app: App, *, store: Store | None = None, clock: VirtualClock | None = None,
                 workers: int = 1, replay: bool = False, concurrency: int = 10,
                 patience: float = 10.0) -> None:  # fmt: skip
        self.app = app
        self.clock = clock or VirtualClock()
        self.store: Store = store or MemoryStore("test", self.clock)
        self._workers = workers
        self._replay = replay
        self._concurrency = concurrency
        self._patience = patience
        self.shadow = Shadow() if replay else None
        self._driver: asyncio.Task[None] | None = None
        self._tripwire: Any = None

    async def __aenter__(self) -> Self:
        self._tripwire = tripwire()
        self._tripwire.__enter__()
        app = self.app
        self._parts = app.parts
        app.parts = msgspec.structs.replace(
            app.parts, clock=self.clock, store=self.store, alarms=self.clock, virtual=True, strict=True,
            shadow=self.shadow, chance=lambda: 0.5)  # fmt: skip
        self._real = RealLoop(self._patience)
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
        hot = 0 if self._replay else 10_000
        options = self.app._worker_options(concurrency=self._concurrency, hot=hot, grace_s=0.0)
        return await opened.work(options, retention=self.app.retention)

    # -- time ----------------------------------------------------------------------------------

    def now(self) -> float:
        """The virtual time, in epoch seconds."""
        return self.clock.now()

    async def settle(self) -> None:
        """Wait until nothing more happens at this moment; steps that wait for the test, or for time, may be open."""
        loop, quiet, seen = asyncio.get_running_loop(), 0, self._seen()
        since = loop.time()
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            if seen != (seen := self._seen()):
                quiet, since = 0, loop.time()
            if self._working():
                quiet = 0
                await self._sit()
            elif self._steps_go_on() and loop.time() - since < self._patience:
                quiet = 0
                await self._real.nap(NAP)
            else:
                quiet += 1

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
            worker.told(None)
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self._ring, done)  # alarms are rung by the loop, never inside a task
        await done
        await self.settle()

    def _ring(self, done: "asyncio.Future[None]") -> None:
        try:
            self.clock.ring()
        finally:
            if not done.done():
                done.set_result(None)

    async def _drive(self) -> None:
        """While somebody waits for a result and nothing else can happen: jump."""
        results = self._opened.results
        while True:
            await asyncio.sleep(0)
            if results.waited_for:
                await self.settle()
                due = None if await results.look() else self.clock.next_alarm()
                if due is not None and self._waited_for():  # not for a result that came while things settled
                    await self._move(due)
                    continue
            await self._real.nap(0.0005)

    def _waited_for(self) -> bool:
        return self._opened.results.waited_for

    async def _stop_driving(self) -> None:
        if self._driver is not None:
            self._driver.cancel()
            await asyncio.wait([self._driver])
            self._driver = None

    def _working(self) -> bool:
        """The engine itself is at work."""
        opened = self._opened
        return (
            bool(opened.replacing)
            or not opened.writer.idle
            or any(not w.claims.idle or w.background for w in self.workers if not w.dead)
        )

    def _steps_go_on(self) -> bool:
        """Step bodies run that can go on without the test and without the virtual clock."""
        executors = [w.executor for w in self.workers if w.executor.busy]
        return any(e.in_threads for e in executors) or (bool(executors) and self._real.can_go_on)

    def _seen(self) -> object:
        return self._opened.writer.groups, [(w.executor.busy, w.executor.queued, len(w.runs)) for w in self.workers]

    async def _sit(self) -> None:
        # A database in a thread needs real time; everything else is done by turns of the loop.
        await (asyncio.sleep(0) if isinstance(self.store, MemoryStore) else self._real.nap(NAP))

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
    def mock(self, step: Step[..., Any], fn: Callable[..., Any]) -> Generator[list[tuple[Any, ...]], None, None]:
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
