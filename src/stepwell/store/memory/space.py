"""What a memory store keeps: the dictionaries of one namespace, and the base that outlives its stores."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from stepwell.model.record import Record
from stepwell.model.run import InboxItem, RunRow, WorkerRow
from stepwell.model.status import RunStatus

Box = tuple[str, str]
"""A mailbox, by event and key."""


@dataclass
class Space:
    """One namespace. One counter numbers messages and waits, in the order in which they came."""

    runs: dict[bytes, RunRow] = field(default_factory=dict)
    ids: dict[str, bytes] = field(default_factory=dict)
    journals: dict[bytes, dict[tuple[int, int], tuple[int, int, bytes]]] = field(default_factory=dict)
    inboxes: dict[bytes, dict[int, InboxItem]] = field(default_factory=dict)
    blobs: dict[bytes, dict[str, bytes]] = field(default_factory=dict)
    mail: int = 0
    messages: dict[Box, dict[int, InboxItem]] = field(default_factory=dict)
    waits: dict[Box, dict[int, tuple[bytes, str]]] = field(default_factory=dict)
    waits_of: dict[bytes, dict[str, tuple[Box, int]]] = field(default_factory=dict)
    sent: dict[tuple[str, str, bytes, str], float] = field(default_factory=dict)
    workers: dict[str, WorkerRow] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    subscriptions: set[tuple[str, str]] = field(default_factory=set)
    records: dict[tuple[str, bytes, str], Record] = field(default_factory=dict)

    def alive(self, worker: str) -> bool:
        """Whether the worker has signed on and has neither signed off nor been marked dead."""
        return worker in self.workers and worker not in self.dead

    def held(self, worker: str) -> list[RunRow]:
        """The runs that the worker has leases on."""
        return [r for r in self.runs.values() if r.status is RunStatus.RUNNING and r.worker == worker]


@dataclass
class MemoryBase:
    """The 'database': what survives its stores. Hearts beat from other threads, hence the lock."""

    spaces: dict[str, Space] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    listeners: dict[object, Callable[[], object]] = field(default_factory=dict)
