"""Applies a group of changes in order: hot kinds gathered for bulk statements, the others one at a time.

A group means its changes applied one after another. What is gathered is written before anything else looks at the
same run or id, so that no order that could be told apart is lost.
"""

from collections.abc import Sequence
from typing import Final

from stepwell.model.change import Change, NewRun, Reply, Send
from stepwell.model.run import RunRow
from stepwell.model.status import CODE, RunStatus
from stepwell.store.sql.patches import assignments
from stepwell.store.sql.rows import ITEM, RUN, item_values, run_values, tag_values, text
from stepwell.store.sqlite.bulk import JOURNAL, Hot
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.gathering import Gathering, is_hot, is_plain_start, start_values, without_worker
from stepwell.store.sqlite.mail import FIRST_TERMINAL, Mail
from stepwell.store.sqlite.reads import read_row

_RUNNING: Final = CODE[RunStatus.RUNNING]
_STALE: Final = Reply(False, "stale")
_STATE: Final = "SELECT epoch, status, generation, inbox FROM stepwell_runs WHERE ns = ? AND key = ?"
_THERE: Final = "SELECT epoch, data FROM stepwell_journal WHERE ns = ? AND key = ? AND generation = ? AND seq = ?"
_ITEM_THERE: Final = f"SELECT {', '.join(ITEM)} FROM stepwell_inbox WHERE ns = ? AND key = ? AND n = ?"
_APPEND: Final = f"INSERT INTO stepwell_journal (ns, {', '.join(JOURNAL)}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_CREATE: Final = f"INSERT INTO stepwell_runs (ns, {', '.join(RUN)}) VALUES (?{', ?' * len(RUN)})"
_TAG: Final = "INSERT INTO stepwell_tags (ns, key, name, kind, value) VALUES (?, ?, ?, ?, ?)"
_BLOB: Final = "INSERT INTO stepwell_blobs (ns, key, digest, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_TAKE: Final = "DELETE FROM stepwell_inbox WHERE ns = ? AND key = ? AND n = ?"

_ID_TAKEN: Final = "SELECT key FROM stepwell_runs WHERE ns = ? AND id = ?"

State = tuple[int, int, int, int]
"""A run's epoch, status, generation and inbox mark."""


class Group:
    """One call of `commit`, inside a transaction. `careful`: nothing in bulk, a bulk statement has met a repeat."""

    def __init__(self, db: Db, hot: Hot, changes: Sequence[Change], careful: bool) -> None:
        self._db = db
        self._changes = changes
        self._careful = careful
        self._replies: list[Reply] = [_STALE] * len(changes)
        self._gathered = Gathering(db, hot, self._replies, self._alone)
        self._mail = Mail(db, self._gathered.touch)

    def apply(self) -> list[Reply]:
        """The replies, in the order of the changes."""
        for n, c in enumerate(self._changes):
            if self._careful:
                self._replies[n] = self._alone(c)
            elif c.create is not None and is_plain_start(c, c.create):
                self._gathered.start(n, c.create)
            elif is_hot(c):
                self._gathered.hold(n, c)
            else:
                self._replies[n] = self._alone(c)
        self._gathered.write()
        # They know this group by its methods: let go, so that hundreds of changes are freed now.
        del self._gathered, self._mail
        return self._replies

    # -- one change ----------------------------------------------------------------------------

    def _alone(self, c: Change) -> Reply:
        if c.create is not None:
            return self._start(c, c.create)
        state = self._state(c.run) if c.run else None
        if c.epoch is not None or c.expect is not None:
            if state is None:
                return _STALE
            there = self._journal_row(c)
            if self._applied(state, c, there):
                held = state[0] == c.epoch and state[1] == _RUNNING
                released = not (held and c.patch is not None and c.patch.release)
                return Reply(True, inbox=state[3], released=released, children=self._children(c))
            if there is not None or not _fenced(state, c):
                return _STALE
        elif c.patch is not None and state is None:
            return Reply(False, "missing")
        why = self._refusal(c.send) if c.send is not None else ""
        return Reply(why == "duplicate", why) if why else self._write(c, state)

    def _start(self, c: Change, new: NewRun) -> Reply:
        known = self._state(new.row.key) is not None
        there = self._create(new)
        if there is not None and there.key != new.row.key:
            return Reply(False, "exists", row=there)
        if known and there is not None:
            return Reply(True, inbox=there.inbox, row=there)
        reply = self._write(c, self._state(c.run) if c.run else None)
        return Reply(True, inbox=reply.inbox, released=reply.released, row=there, children=reply.children)

    def _state(self, key: bytes) -> State | None:
        self._gathered.touch(key)
        state: State | None = self._db.one(_STATE, (self._db.ns, key))
        return state

    # -- guards --------------------------------------------------------------------------------

    def _journal_row(self, c: Change) -> tuple[int, str] | None:
        there: tuple[int, str] | None = None
        if c.data:
            there = self._db.one(_THERE, (self._db.ns, c.run, c.generation, c.seq))
        return there

    def _applied(self, state: State, c: Change, there: tuple[int, str] | None) -> bool:
        """Whether this very change is stored already (P6)."""
        epoch, p, e = state[0], c.patch, c.expect
        if c.data:
            before = c.epoch if e is None else _written_under(e.epoch, c)
            return there is not None and there == (before, text(c.data))
        if e is None:
            return p is not None and p.release and epoch == c.epoch and state[1] != _RUNNING
        if c.post:
            told = self._db.one(_ITEM_THERE, (self._db.ns, c.run, e.inbox + 1))
            mine = item_values(c.post[0].item)[1:]
            return c.post[0].target == c.run and told is not None and list(told[1:]) == mine
        return p is not None and p.bump and p.status is not None and state[:2] == (e.epoch + 1, CODE[p.status])

    def _refusal(self, send: Send) -> str:
        if self._mail.known(send):
            return "duplicate"
        if send.target is None:
            return ""
        state = self._state(send.target)
        return "missing" if state is None else "closed" if state[1] >= FIRST_TERMINAL else ""

    # -- writes --------------------------------------------------------------------------------

    def _write(self, c: Change, state: State | None) -> Reply:
        children, released = self._children(c), True
        if state is not None:
            self._write_own(c, state[0])
        for new in c.start:
            other = self._named(new.row.id) if new.yields else None
            self._create(new.beside(None if other is None else other.key))
        if state is not None and c.patch is not None:
            p = c.patch
            released = not p.release or p.seen is None or self._mark(c.run) <= p.seen
            self._gathered.patch(c.run, assignments(p, released and p.release))
        if state is not None and c.closes:
            self._mail.let_go(c.run)
        for post in c.post:
            self._mail.post(post.target, post.item)
        if c.send is not None:
            self._mail.send(c.send)
        return Reply(True, inbox=self._mark(c.run) if state is not None else 0, released=released, children=children)

    def _write_own(self, c: Change, epoch: int) -> None:
        """What concerns the run alone, and its mailboxes."""
        db, ns, run = self._db, self._db.ns, c.run
        epoch = _written_under(epoch, c)
        if c.data:
            db.run(_APPEND, (ns, run, c.generation, c.seq, epoch, c.count, text(c.data)))
        if c.opens and c.patch is not None and c.patch.generation is not None:
            db.run(_APPEND, (ns, run, c.patch.generation, 0, epoch, 1, text(c.opens)))
        for digest, data in c.blobs:
            db.run(_BLOB, (ns, run, digest, data))
        gone = {n for n in c.took if db.run(_TAKE, (ns, run, n)) == 0}
        for wait in c.arm:
            self._mail.arm(run, wait)
        self._mail.disarm(run, c.disarm)
        self._mail.put_back(item for item in c.put_back if item.n not in gone)

    def _mark(self, key: bytes) -> int:
        mark: int = self._db.value("SELECT inbox FROM stepwell_runs WHERE ns = ? AND key = ?", (self._db.ns, key))
        return mark

    def _create(self, new: NewRun) -> RunRow | None:
        """None when the run was created as asked; else the row that is there."""
        db, row = self._db, new.row
        self._gathered.touch(row.key)
        there = read_row(db, row.key) or (self._named(row.id) if new.named else None)
        if there is not None:
            return there
        lost = row.worker is not None and not self._gathered.alive(row.worker)
        if lost:
            row = without_worker(row)
        db.run(_CREATE, (db.ns, *run_values(row, new.named)))
        db.run(_APPEND, (db.ns, *start_values(row, new)))
        for name, value in row.tags.items():
            db.run(_TAG, (db.ns, row.key, name, *tag_values(value)))
        for digest, data in new.blobs:
            db.run(_BLOB, (db.ns, row.key, digest, data))
        return row if lost else None

    def _children(self, c: Change) -> tuple[RunRow, ...]:
        """The runs that have the ids of those to start already, and are not these themselves."""
        found: list[RunRow] = []
        for new in c.start:
            if new.named and not new.yields:
                row = self._named(new.row.id)
                if row is not None and row.key != new.row.key:
                    found.append(row)
        return tuple(found)

    def _named(self, run_id: str) -> RunRow | None:
        self._gathered.touch_id(run_id)
        key: bytes | None = self._db.value(_ID_TAKEN, (self._db.ns, run_id))
        if key is None:
            return None
        self._gathered.touch(key)
        return read_row(self._db, key)


def _written_under(epoch: int, c: Change) -> int:
    """The epoch of a change's journal rows: one that raises it fences off the holder, also at the same place."""
    return epoch + 1 if c.patch is not None and c.patch.bump else epoch


def _fenced(state: State, c: Change) -> bool:
    if c.epoch is not None and state[:2] != (c.epoch, _RUNNING):
        return False
    e = c.expect
    return e is None or state == (e.epoch, CODE[e.status], e.generation, e.inbox)
