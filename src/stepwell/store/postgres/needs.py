"""What a group of changes touches, as far as it can be known beforehand; the rest is found out while applying it."""

from collections.abc import Sequence
from typing import Final

from stepwell.model.change import Change, NewRun, Send

Place = tuple[str, str]
"""A mailbox, by event and key."""
Sent = tuple[str, str, bytes, str]
"""A message that has an id: event, key, target, id."""

HEADS: Final = 8
"""Waits of a mailbox that are read beyond the messages to deliver: some may be of runs that have ended."""


class Again(Exception):
    """Something is needed that was not locked or read: `Needs` has it now, and the group is begun anew."""


class Busy(Exception):
    """A row is needed that another transaction holds."""


class Needs:
    """What to lock and to read before changes are applied."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.probing = False
        """Whether to look for runs and journal rows that are there already: most groups repeat nothing."""
        self.runs: set[bytes] = set()
        self.made: dict[bytes, NewRun] = {}
        self.ids: set[str] = set()
        self.workers: set[str] = set()
        self.journal: set[tuple[bytes, int, int]] = set()
        self.inboxes: set[bytes] = set()
        self.waits: set[bytes] = set()
        self.letting: set[bytes] = set()
        """Runs that let go of waits: their mailboxes are looked up."""
        self.sent: set[Sent] = set()
        self.deliveries: dict[Place, int] = {}
        """Mailboxes, and how many messages may come into each."""
        self.arms: dict[Place, int] = {}
        """How many messages may be taken out of each."""
        for change in changes:
            self._add(change)

    def box(self, place: Place) -> None:
        """A mailbox is needed."""
        self.deliveries.setdefault(place, 1)
        self.arms.setdefault(place, 1)

    def more(self, place: Place) -> None:
        """More of a mailbox is needed than was read."""
        self.deliveries[place] = 2 * self.deliveries.get(place, 1) + HEADS
        self.arms[place] = 2 * self.arms.get(place, 1) + HEADS

    @property
    def mail(self) -> bool:
        return bool(self.deliveries or self.letting)

    def _add(self, c: Change) -> None:
        if c.run and (c.epoch is not None or c.expect is not None or c.patch is not None or c.data or c.took):
            self.runs.add(c.run)
        if c.data:
            self.journal.add((c.run, c.generation, c.seq))
        for new in (*((c.create,) if c.create is not None else ()), *c.start):
            self._make(new)
        for post in c.post:
            self.runs.add(post.target)
        if c.send is not None:
            self._send(c.send)
        if c.expect is not None and c.post:
            self.inboxes.add(c.run)
        self._mail(c)

    def _make(self, new: NewRun) -> None:
        self.made.setdefault(new.row.key, new)
        if new.named:
            self.ids.add(new.row.id)
        if new.row.worker is not None:
            self.workers.add(new.row.worker)

    def _send(self, send: Send) -> None:
        if send.id is not None:
            self.sent.add(identity(send, send.id))
        if send.target is not None:
            self.runs.add(send.target)
        else:
            self._count(self.deliveries, (send.event, send.key))

    def _mail(self, c: Change) -> None:
        if c.arm or c.put_back or c.closes or c.disarm:
            self.inboxes.add(c.run)
            self.waits.add(c.run)
        if c.disarm:
            self.letting.add(c.run)
        for wait in c.arm:
            self._count(self.arms, (wait.event, wait.key))
            self.deliveries.setdefault((wait.event, wait.key), 0)
        for item in c.put_back:
            self._count(self.deliveries, (item.event or "", item.key or ""))

    @staticmethod
    def _count(counts: dict[Place, int], place: Place) -> None:
        counts[place] = counts.get(place, 0) + 1


def identity(send: Send, message_id: str) -> Sent:
    """What tells a message with an id from all others."""
    return send.event, "" if send.target is not None else send.key, send.target or b"", message_id
