"""What the coroutines of steps wait for of their run: that something is committed, that some time has passed."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from stepwell.model.entry import AnyEntry
from stepwell.runtime.host import Host


class Committing(Protocol):
    """What this needs of a run."""

    host: Host
    loop: asyncio.AbstractEventLoop

    def now(self) -> float: ...
    def record(self, entry: AnyEntry) -> None: ...
    def after_ack(self, effect: Callable[..., None], *args: Any) -> None: ...
    def flush(self) -> None: ...


class Pending:
    """Futures that end when the run does: nobody waits for a run that this worker does not hold any more."""

    def __init__(self, run: Committing) -> None:
        self._run = run
        self._futures: set[asyncio.Future[None]] = set()

    async def committed(self, entry: AnyEntry) -> None:
        """Record an entry that concerns the holder alone, and wait until it is committed.

        Raises:
            CancelledError: the run was taken away before.
        """
        done = self._new()
        self._run.record(entry)
        self._run.after_ack(_settle, done)
        self._run.flush()
        await self._waited(done)

    async def pause(self, delay: float) -> None:
        """Wait, by the engine's clock, while holding the lease. Raises CancelledError as `committed`."""
        done = self._new()
        alarm = self._run.host.alarms.call_at(self._run.now() + delay, lambda: _settle(done))
        try:
            await self._waited(done)
        finally:
            alarm.cancel()

    def cancel(self) -> None:
        """The run is over here."""
        for future in self._futures:
            future.cancel()
        del self._run

    def _new(self) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = self._run.loop.create_future()
        self._futures.add(done)
        return done

    async def _waited(self, done: "asyncio.Future[None]") -> None:
        try:
            await done
        finally:
            self._futures.discard(done)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
