"""What an activation asks of the worker around it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from stepwell.model.entry import Finished
from stepwell.model.status import RunStatus
from stepwell.ports.alarms import Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.runtime.executor import Executor
from stepwell.runtime.journal import JournalWriter


class Holder(Protocol):
    """The part of an activation that the worker knows."""

    key: bytes
    epoch: int

    def inbox_arrived(self, items: list[object]) -> None: ...


class Host(Protocol):
    """One worker, seen from one of its runs."""

    clock: Clock
    alarms: Alarms
    writer: JournalWriter
    executor: Executor
    definitions: Definitions
    loop: asyncio.AbstractEventLoop
    strict: bool
    stopping: bool

    chance: Callable[[], float]
    """A random fraction, for jitter."""

    def lease_holds(self) -> bool:
        """Whether the last heartbeat is still good, by this machine's monotonic clock."""
        ...

    def new_key(self) -> bytes: ...

    def look_into_inbox(self, key: bytes, after: int) -> None:
        """Fetch inbox items above `after`; they arrive by `inbox_arrived`."""
        ...

    def child_outcome(self, key: bytes, call: str) -> None:
        """A child that existed has ended already: fetch how; it arrives by `child_ended`."""
        ...

    def released(self, key: bytes, status: RunStatus, finished: Finished | None) -> None:
        """The lease was given back (acknowledged)."""
        ...

    def dropped(self, key: bytes, why: str) -> None:
        """The run was taken away, or its commit refused: this copy is worthless."""
        ...

    def started(self, key: bytes) -> None:
        """Runs were made ready (children, new generations): look at the queue soon."""
        ...

    def wants(self, event: str) -> bool:
        """Whether any hook listens to a lifecycle event."""
        ...

    def tell(self, event: str, **facts: object) -> None:
        """A lifecycle event for hooks, after its commit."""
        ...
