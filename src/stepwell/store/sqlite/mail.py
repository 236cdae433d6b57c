"""Inboxes and mailboxes, one message at a time: posts, sends, waits."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import AGEING
from stepwell.model.change import Send, Wait
from stepwell.model.run import InboxItem
from stepwell.model.status import CODE, TERMINAL, RunStatus
from stepwell.store.sql.rows import ITEM, inbox_item, item_values, text
from stepwell.store.sqlite.connection import Db

_QUEUED, _WAITING = CODE[RunStatus.QUEUED], CODE[RunStatus.WAITING]
FIRST_TERMINAL: Final = min(CODE[status] for status in TERMINAL)
_ITEM: Final = ", ".join(ITEM)

_NUMBER: Final = "UPDATE stepwell_namespaces SET mail = mail + 1 WHERE ns = ? RETURNING mail"
# By the key alone and unconditional but for the CASE: nothing can change between a look and the wake-up (A2).
_MARK: Final = (
    "UPDATE stepwell_runs SET inbox = inbox + 1,"
    f" due = CASE status WHEN {_WAITING} THEN NULL ELSE due END,"
    f" rank = CASE status WHEN {_WAITING} THEN ? + priority * {AGEING} ELSE rank END,"
    f" status = CASE status WHEN {_WAITING} THEN {_QUEUED} ELSE status END"
    f" WHERE ns = ? AND key = ? AND status < {FIRST_TERMINAL} RETURNING inbox"
)
_INSERT_ITEM: Final = f"INSERT INTO stepwell_inbox (ns, key, {_ITEM}) VALUES (?, ?, {', '.join('?' * len(ITEM))})"
_MATCHED: Final = (
    f"DELETE FROM stepwell_inbox WHERE ns = ? AND key = ? AND kind = 'message' AND call IS NOT NULL RETURNING {_ITEM}"
)
_FIRST_WAIT: Final = (
    "SELECT n, run, call FROM stepwell_waits WHERE ns = ? AND event = ? AND mailbox = ? ORDER BY n LIMIT 1"
)
_REMOVE_WAIT: Final = "DELETE FROM stepwell_waits WHERE ns = ? AND event = ? AND mailbox = ? AND n = ?"
_KEEP: Final = (
    "INSERT INTO stepwell_messages (ns, event, mailbox, seq, at, message_id, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_TAKE_OLDEST: Final = (
    "DELETE FROM stepwell_messages WHERE ns = ?1 AND event = ?2 AND mailbox = ?3 AND seq ="
    " (SELECT min(seq) FROM stepwell_messages WHERE ns = ?1 AND event = ?2 AND mailbox = ?3)"
    " RETURNING seq, at, message_id, data"
)
_PLACED: Final = (
    "SELECT EXISTS (SELECT 1 FROM stepwell_waits WHERE ns = ?1 AND run = ?2 AND call = ?3)"
    " OR EXISTS (SELECT 1 FROM stepwell_inbox WHERE ns = ?1 AND key = ?2 AND call = ?3 AND kind = 'message')"
)
_PLACE: Final = "INSERT INTO stepwell_waits (ns, event, mailbox, n, run, call) VALUES (?, ?, ?, ?, ?, ?)"
_DISARM: Final = "DELETE FROM stepwell_waits WHERE ns = ? AND run = ? AND call = ?"
_DISARM_ALL: Final = "DELETE FROM stepwell_waits WHERE ns = ? AND run = ?"
_SENT: Final = (
    "SELECT 1 FROM stepwell_sent WHERE ns = ? AND event = ? AND mailbox = ? AND target = ? AND message_id = ?"
)
_REMEMBER: Final = "INSERT INTO stepwell_sent (ns, event, mailbox, target, message_id, at) VALUES (?, ?, ?, ?, ?, ?)"


class Mail:
    """What moves messages, inside a transaction. `touch` is told of every run before it is looked at."""

    def __init__(self, db: Db, touch: Callable[[bytes], None]) -> None:
        self._db = db
        self._touch = touch

    def post(self, target: bytes, item: InboxItem) -> bool:
        """Put an item into a run's inbox and wake the run; False when it is closed or gone."""
        self._touch(target)
        n = self._db.value(_MARK, (item.at, self._db.ns, target))
        if n is None:
            return False
        self._db.run(_INSERT_ITEM, (self._db.ns, target, n, *item_values(item)[1:]))
        return True

    def known(self, send: Send) -> bool:
        """Whether a message of this id was taken before."""
        return send.id is not None and self._db.one(_SENT, (self._db.ns, *_identity(send), send.id)) is not None

    def send(self, send: Send) -> None:
        """Deliver a message, or keep it."""
        if send.id is not None:
            self._db.run(_REMEMBER, (self._db.ns, *_identity(send), send.id, send.at))
        data = msgspec.Raw(send.data)
        item = InboxItem(n=0, kind="message", at=send.at, event=send.event, message_id=send.id, data=data)
        if send.target is not None:
            self.post(send.target, item)
        else:
            self._deliver(replace(item, key=send.key, mail_seq=self._number()))

    def arm(self, run: bytes, wait: Wait) -> None:
        """Give the oldest message to the wait, or place it. A call that has either already gets no other."""
        db = self._db
        if db.value(_PLACED, (db.ns, run, wait.call)):
            return
        oldest = db.one(_TAKE_OLDEST, (db.ns, wait.event, wait.key))
        if oldest is None:
            db.run(_PLACE, (db.ns, wait.event, wait.key, self._number(), run, wait.call))
            return
        seq, at, message_id, data = oldest
        item = InboxItem(n=0, kind="message", at=at, event=wait.event, key=wait.key, call=wait.call, mail_seq=seq,
                         message_id=message_id, data=msgspec.Raw(data.encode()))  # fmt: skip
        self.post(run, item)

    def disarm(self, run: bytes, calls: Sequence[str]) -> None:
        """Remove the waits of these calls."""
        for call in calls:
            self._db.run(_DISARM, (self._db.ns, run, call))

    def let_go(self, run: bytes) -> None:
        """Remove all waits of a run, and put back the keyed messages that it has not taken."""
        self._db.run(_DISARM_ALL, (self._db.ns, run))
        self.put_back([inbox_item(values) for values in self._db.all(_MATCHED, (self._db.ns, run))])

    def put_back(self, items: Iterable[InboxItem]) -> None:
        """Return messages to their mailboxes, each at its old place unless a wait is there."""
        for item in sorted(items, key=lambda i: (i.event or "", i.key or "", i.mail_seq)):
            self._deliver(item)

    def _deliver(self, message: InboxItem) -> None:
        db, event, key = self._db, message.event or "", message.key or ""
        while (first := db.one(_FIRST_WAIT, (db.ns, event, key))) is not None:
            n, run, call = first
            db.run(_REMOVE_WAIT, (db.ns, event, key, n))
            if self.post(run, replace(message, call=call)):
                return
        db.run(_KEEP, (db.ns, event, key, message.mail_seq, message.at, message.message_id, text(message.data)))

    def _number(self) -> int:
        number: int = self._db.value(_NUMBER, (self._db.ns,))
        return number


def _identity(send: Send) -> tuple[Any, ...]:
    return send.event, "" if send.target is not None else send.key, send.target or b""
