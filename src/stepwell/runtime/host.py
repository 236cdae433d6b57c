"""What an activation asks of the worker around it."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from stepwell.model.entry import ChildEnded, ChildStarted, Finished
from stepwell.model.run import InboxItem, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.guest import Fence
from stepwell.ports.store import Store
from stepwell.runtime.executor import Executor
from stepwell.runtime.journal import JournalWriter


class Held(Protocol):
    """A run in a worker's memory, as those see it who look things up for it; implemented by `Activation`.

    `acked` counts the commits that were acknowledged.
    """

    row: RunRow
    key: bytes
    epoch: int
    over: bool
    acked: int

    def posted(self, inbox: int) -> None:
        """The store says how much was ever posted to the run."""
        ...

    def inbox_arrived(self, items: list[InboxItem]) -> None:
        """Inbox items that were asked for."""
        ...

    def child_again(self, started: ChildStarted, ended: ChildEnded | None) -> None:
        """A child from before a rewind: it has its result, or it was set going again."""
        ...

    def drop(self, why: str) -> None:
        """This copy is worthless."""
        ...


class RunLookups(Protocol):
    """Reads for a run; answers come back in loop callbacks."""

    def inbox(self, run: Held, after: int) -> None:
        """Fetch the inbox items above `after`."""
        ...

    async def settled(self, fence: Fence) -> bytes | None:
        """Whether a step's commit of unknown outcome happened: its result, or None, and then it never will."""
        ...

    def outcome(self, run: Held, fence: Fence, then: Callable[[bytes | None], None]) -> None:
        """The same in the background."""
        ...

    def child(self, run: Held, row: RunRow, started: ChildStarted) -> None:
        """A child from before a rewind has ended: fetch its result, or set it going again."""
        ...

    def workers(self, run: Held, tell: Callable[[list[WorkerRow]], None]) -> None:
        """Tell who works on the database, unless the run is let go meanwhile."""
        ...


class Host(Protocol):
    """One worker, seen from one of its runs."""

    store: Store
    clock: Clock
    alarms: Alarms
    writer: JournalWriter
    executor: Executor
    definitions: Definitions
    loop: asyncio.AbstractEventLoop
    strict: bool
    stopping: bool
    shadow: Callable[[Any], None] | None
    """Tests: called after every delivered entry."""
    chance: Callable[[], float]
    """A random fraction, for jitter."""

    @property
    def lookups(self) -> RunLookups: ...
    def lease_holds(self) -> bool:
        """Whether the last heartbeat is still good, by this machine's monotonic clock."""
        ...

    def new_key(self) -> bytes: ...

    def released(self, run: Any, status: RunStatus, finished: Finished | None) -> None:
        """The lease of an activation was given back (acknowledged)."""
        ...

    def dropped(self, run: Any, why: str) -> None:
        """An activation was taken its run, or its commit refused: this copy is worthless."""
        ...

    def started(self, key: bytes) -> None:
        """Runs were made ready (children, new generations): look at the queue soon."""
        ...

    def keep(self, row: RunRow, level: int, text: str, call: str = "", attempt: int = 1) -> None:
        """Keep a line that was logged in a run; from any thread."""
        ...

    def wants(self, event: str) -> bool:
        """Whether any hook listens to a lifecycle event."""
        ...

    def tell(self, event: str, **facts: object) -> None:
        """A lifecycle event for hooks, after its commit."""
        ...
