"""Inboxes and mailboxes of an extract, one message at a time: posts, sends, waits."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import Send, Wait
from stepwell.model.run import InboxItem
from stepwell.model.status import CODE, TERMINAL, RunStatus
from stepwell.store.postgres.extract import Extract
from stepwell.store.postgres.needs import identity

_QUEUED, _WAITING = CODE[RunStatus.QUEUED], CODE[RunStatus.WAITING]
FIRST_TERMINAL: Final = min(CODE[status] for status in TERMINAL)


class Mail:
    """What moves messages. All methods raise Again, Busy."""

    def __init__(self, extract: Extract) -> None:
        self._extract = extract

    def post(self, target: bytes, item: InboxItem) -> bool:
        """Put an item into a run's inbox and wake the run; False when it is closed or gone."""
        run = self._extract.run(target)
        if run is None or run["status"] >= FIRST_TERMINAL:
            return False
        n = run["inbox"] = run["inbox"] + 1
        self._extract.add_item(target, replace(item, n=n))
        if run["status"] == _WAITING:
            run["status"], run["due"], run["rank"] = _QUEUED, None, rank_of(item.at, run["priority"])
        return True

    def refusal(self, send: Send) -> str:
        """Why a message cannot be taken, or "duplicate" when it was taken before."""
        if send.id is not None and identity(send, send.id) in self._extract.sent:
            return "duplicate"
        if send.target is None:
            return ""
        run = self._extract.run(send.target)
        return "missing" if run is None else "closed" if run["status"] >= FIRST_TERMINAL else ""

    def send(self, send: Send) -> None:
        """Deliver a message, or keep it."""
        if send.id is not None:
            name = identity(send, send.id)
            self._extract.sent.add(name)
            self._extract.remembered.append((name, send.at))
        data = msgspec.Raw(send.data)
        item = InboxItem(n=0, kind="message", at=send.at, event=send.event, message_id=send.id, data=data)
        if send.target is not None:
            self.post(send.target, item)
        else:
            self._deliver(replace(item, key=send.key, mail_seq=self._extract.number()))

    def arm(self, run: bytes, wait: Wait) -> None:
        """Give the oldest message to the wait, or place it. A call that has either already gets no other."""
        given = any(i.call == wait.call and i.kind == "message" for i in self._extract.inbox(run).values())
        if given or wait.call in self._extract.waits_of(run):
            return
        place = wait.event, wait.key
        oldest = self._extract.take_oldest(place)
        if oldest is None:
            self._extract.add_wait(place, run, wait.call)
        else:
            self.post(run, replace(oldest, call=wait.call))

    def disarm(self, run: bytes, calls: Sequence[str]) -> None:
        """Remove the waits of these calls."""
        if not calls:
            return
        waits = self._extract.waits_of(run)
        for call in calls:
            if call in waits:
                place, n = waits[call]
                self._extract.box(place)
                self._extract.remove_wait(place, n, run, call)

    def let_go(self, run: bytes) -> None:
        """Remove all waits of a run, and put back the keyed messages that it has not taken."""
        self.disarm(run, list(self._extract.waits_of(run)))
        inbox = self._extract.inbox(run)
        matched = [item for item in inbox.values() if item.kind == "message" and item.call is not None]
        self._extract.remove_items(run, [item.n for item in matched])
        self.put_back(matched)

    def put_back(self, items: Iterable[InboxItem]) -> None:
        """Return messages to their mailboxes, each at its old place unless a wait is there."""
        for item in sorted(items, key=lambda i: (i.event or "", i.key or "", i.mail_seq)):
            self._deliver(item)

    def _deliver(self, message: InboxItem) -> None:
        place = message.event or "", message.key or ""
        while (first := self._extract.first_wait(place)) is not None:
            n, run, call = first
            self._extract.remove_wait(place, n, run, call)
            if self.post(run, replace(message, call=call)):
                return
        self._extract.keep(place, replace(message, n=0, call=None))
