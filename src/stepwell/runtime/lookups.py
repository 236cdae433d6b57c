"""What a worker reads for its runs beside claiming: repeated until the store answers, told in a loop callback."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

import msgspec

from stepwell.core.transitions import Verb, decide
from stepwell.errors import IllegalState, WorldError
from stepwell.model.change import Change
from stepwell.model.entry import AnyEntry, ChildEnded, ChildStarted, Finished, decode_entries
from stepwell.model.run import Claimed, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.guest import Fence
from stepwell.ports.store import Store
from stepwell.runtime.host import Held
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.loudness import level_of
from stepwell.runtime.outcomes import decide_outcome

log = logging.getLogger("stepwell.worker")
T = TypeVar("T")


class Reader(Protocol):
    """What look-ups need of their worker."""

    store: Store
    clock: Clock
    alarms: Alarms
    writer: JournalWriter

    def started(self, key: bytes) -> None: ...
    def take_on(self, claimed: list[Claimed]) -> None: ...


class Lookups:
    """Reading in the background. A run whose reading fails for good is dropped; the heartbeat then hands it back."""

    def __init__(self, worker: Reader) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """How many have not answered yet."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None], run: Held | None = None) -> None:
        """Do something in the background; if it fails for good, the run it is for is dropped."""
        task = self._loop.create_task(self._guarded(work, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], run: Held | None) -> None:
        try:
            await work
        except Exception as error:
            log.exception("background work failed")
            if run is not None:
                self._loop.call_soon(run.drop, f"a look-up failed: {error}")

    def cancel(self) -> None:
        """Nobody waits for answers any more."""
        for task in list(self._tasks):
            task.cancel()

    async def persistently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, however long the store cannot be reached. Raises WorldError when waiting cannot help."""
        delay, failures = 0.05, 0
        while True:
            try:
                return await ask()
            except WorldError as error:
                if not error.retryable:
                    raise
                failures += 1
                log.log(level_of(failures), "reading failed, repeating: %s", error)
                await self._pause(delay)
                delay = min(delay * 2, 2.0)

    async def _pause(self, seconds: float) -> None:
        rung = asyncio.Event()
        self._worker.alarms.call_at(self._worker.clock.now() + seconds, rung.set)
        await rung.wait()

    # -- for a run -----------------------------------------------------------------------------

    def inbox(self, run: Held, after: int) -> None:
        """Fetch the inbox items above `after`."""
        self.spawn(self._inbox(run, after, run.epoch), run)

    async def _inbox(self, run: Held, after: int, epoch: int) -> None:
        items = await self.persistently(lambda: self._worker.store.inbox(run.key, after))
        # Under another epoch the whole inbox has been read anew, without what had been taken out of it.
        self._loop.call_soon(lambda: run.inbox_arrived(items) if run.epoch == epoch else None)

    async def settled(self, fence: Fence) -> bytes | None:
        """Whether a step's commit of unknown outcome happened; waits for the store as long as it takes."""
        worker = self._worker
        return await self.persistently(lambda: decide_outcome(worker.store, fence, worker.clock.now()))

    def outcome(self, run: Held, fence: Fence, then: Callable[[bytes | None], None]) -> None:
        """The same in the background; `then` is told in a loop callback."""
        self.spawn(self._outcome(run, fence, then), run)

    async def _outcome(self, run: Held, fence: Fence, then: Callable[[bytes | None], None]) -> None:
        found = await self.settled(fence)
        self._loop.call_soon(lambda: None if run.over else then(found))

    def child(self, run: Held, row: RunRow, started: ChildStarted) -> None:
        """A child from before a rewind has ended: fetch its result, or set it going again."""
        self.spawn(self._child(run, row, started), run)

    async def _child(self, run: Held, row: RunRow, started: ChildStarted) -> None:
        worker = self._worker
        loaded = await self.persistently(lambda: worker.store.load(row.key))
        ended = None
        if loaded is not None and loaded.row.status is RunStatus.SUCCEEDED:
            ended = _result(loaded, started.call)
        elif loaded is not None and loaded.row.status.terminal:
            reply = await worker.writer.commit(_again(loaded, worker.clock.now()))
            if not reply.ok:  # somebody else has moved it: look again
                await self._child(run, row, started)
                return
            worker.started(row.key)
        self._loop.call_soon(lambda: None if run.over else run.child_again(started, ended))

    def workers(self, run: Held, tell: Callable[[list[WorkerRow]], None]) -> None:
        """Tell who works on the database, unless the run is let go meanwhile."""
        self.spawn(self._workers(run, tell), run)

    async def _workers(self, run: Held, tell: Callable[[list[WorkerRow]], None]) -> None:
        found = await self.persistently(self._worker.store.workers)
        self._loop.call_soon(lambda: None if run.over else tell(found))

    # -- for the worker ------------------------------------------------------------------------

    def reload(self, one: Claimed) -> None:
        """A run was claimed as being in memory, and is not any more: read its journal after all."""
        self.spawn(self._reload(one))

    async def _reload(self, one: Claimed) -> None:
        loaded = await self.persistently(lambda: self._worker.store.load(one.row.key))
        if loaded is not None and loaded.row.epoch == one.row.epoch:
            self._loop.call_soon(self._worker.take_on, [loaded])


def _entries(loaded: Claimed) -> list[AnyEntry]:
    return [entry for _, data in loaded.journal or [] for entry in decode_entries(data)]


def _result(loaded: Claimed, call: str) -> ChildEnded:
    end = next(e for e in reversed(_entries(loaded)) if isinstance(e, Finished))
    value = end.value
    if value is not None and value.r:
        value = msgspec.structs.replace(value, v=msgspec.Raw(loaded.blobs[value.r]), r="")
    return ChildEnded(call=call, run=loaded.row.key.hex(), status=end.status, value=value)


def _again(loaded: Claimed, now: float) -> Change:
    entries = _entries(loaded)
    try:
        change = decide(loaded.row, Verb.RETRY, entries, now)
    except IllegalState:
        change = decide(loaded.row, Verb.RESTART, entries, now)
    assert change is not None
    return change
