"""Applies changes to an extract one after another: guards first, then writes, in the order that the contract names."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from stepwell.model.change import Change, NewRun, Patch, Reply
from stepwell.model.run import RunRow
from stepwell.model.status import CODE, RunStatus
from stepwell.store.postgres.extract import Extract, Found, Run
from stepwell.store.postgres.mail import Mail
from stepwell.store.postgres.needs import Again, Busy, Needs
from stepwell.store.sql.patches import CLEARED_BY_EMPTY, PLAIN
from stepwell.store.sql.rows import text

_RUNNING: Final = CODE[RunStatus.RUNNING]
_STALE: Final = Reply(False, "stale")
BUSY: Final = Reply(False, "busy")


def apply(changes: Sequence[Change], needs: Needs, found: Found) -> tuple[list[Reply], Extract]:
    """The replies, and what has become of the extract. Raises Again when something was not locked or read.

    A change that meets a row which somebody else holds is left out, and so is what comes after it for its run.
    """
    busy: set[int] = set()
    while True:
        extract = Extract(needs, found)
        group = _Group(extract)
        replies: list[Reply] = []
        waiting = {changes[n].run for n in busy} - {b""}
        for n, change in enumerate(changes):
            if n in busy or (change.run in waiting and any(m < n and changes[m].run == change.run for m in busy)):
                replies.append(BUSY)
                continue
            try:
                replies.append(group.apply(change))
            except Busy:
                busy.add(n)
                break
        else:
            return replies, extract


def without_worker(row: RunRow) -> RunRow:
    """The row of a run created for a worker that is gone: nobody's lease would ever run out, so it is queued."""
    return replace(row, status=RunStatus.QUEUED, worker=None, epoch=0, started_at=None)


class _Group:
    def __init__(self, extract: Extract) -> None:
        self._extract = extract
        self._mail = Mail(extract)

    def apply(self, c: Change) -> Reply:
        """The answer to one change."""
        if c.create is not None:
            return self._start(c, c.create)
        run = self._extract.run(c.run) if c.run else None
        if c.epoch is not None or c.expect is not None:
            if run is None:
                return _STALE
            fenced = _fenced(run, c)
            if not fenced and c.data and not self._extract.needs.probing:
                self._extract.needs.probing = True
                raise Again
            if self._applied(run, c):
                held = (run["epoch"], run["status"]) == (c.epoch, _RUNNING)
                released = not (held and c.patch is not None and c.patch.release)
                return Reply(True, inbox=run["inbox"], released=released, children=self._children(c))
            if not fenced or (c.data and (c.run, c.generation, c.seq) in self._extract.journal):
                return _STALE
        elif c.patch is not None and run is None:
            return Reply(False, "missing")
        why = self._mail.refusal(c.send) if c.send is not None else ""
        return Reply(why == "duplicate", why) if why else self._write(c, run)

    def _start(self, c: Change, new: NewRun) -> Reply:
        there = self._extract.there(new)
        if there is not None:
            row = self._extract.shown(there)
            return Reply(True, inbox=row.inbox, row=row) if row.key == new.row.key else Reply(False, "exists", row=row)
        made = self._create(new)
        reply = self._write(c, self._extract.run(c.run) if c.run else None)
        return Reply(True, inbox=reply.inbox, released=reply.released, row=made, children=reply.children)

    # -- guards --------------------------------------------------------------------------------

    def _applied(self, run: Run, c: Change) -> bool:
        """Whether this very change is stored already (P6)."""
        p, e = c.patch, c.expect
        if c.data:
            before = c.epoch if e is None else _written_under(e.epoch, c)
            there = self._extract.journal.get((c.run, c.generation, c.seq))
            return there is not None and there == (before, text(c.data))
        if e is None:
            return p is not None and p.release and run["epoch"] == c.epoch and run["status"] != _RUNNING
        if c.post:
            told = self._extract.inbox(c.run).get(e.inbox + 1)
            return c.post[0].target == c.run and told == replace(c.post[0].item, n=e.inbox + 1)
        state = run["epoch"], run["status"]
        return p is not None and p.bump and p.status is not None and state == (e.epoch + 1, CODE[p.status])

    # -- writes --------------------------------------------------------------------------------

    def _write(self, c: Change, run: Run | None) -> Reply:
        children, released = self._children(c), True
        if run is not None:
            self._write_own(c, run)
        for new in c.start:
            other = self._extract.named(new.row.id) if new.yields else None
            fitting = new.beside(None if other is None else other["key"])
            if self._extract.there(fitting) is None:
                self._create(fitting)
        if run is not None and c.patch is not None:
            released = _patched(run, c.patch)
        if run is not None and c.closes:
            self._mail.let_go(c.run)
        for post in c.post:
            self._mail.post(post.target, post.item)
        if c.send is not None:
            self._mail.send(c.send)
        inbox = run["inbox"] if run is not None else 0
        return Reply(True, inbox=inbox, released=released, children=children)

    def _write_own(self, c: Change, run: Run) -> None:
        """What concerns the run alone, and its mailboxes."""
        extract, epoch = self._extract, _written_under(run["epoch"], c)
        if c.data:
            extract.append((c.run, c.generation, c.seq), epoch, c.count, text(c.data))
        if c.opens and c.patch is not None and c.patch.generation is not None:
            extract.append((c.run, c.patch.generation, 0), epoch, 1, text(c.opens))
        extract.blobs += [(c.run, digest, data) for digest, data in c.blobs]
        returned = [item for item in c.put_back if item.n not in c.took or item.n in extract.inbox(c.run)]
        if c.took:
            extract.remove_items(c.run, c.took)
        for wait in c.arm:
            self._mail.arm(c.run, wait)
        self._mail.disarm(c.run, c.disarm)
        self._mail.put_back(returned)

    def _create(self, new: NewRun) -> RunRow | None:
        """The row, when the run was not created as asked."""
        row, extract = new.row, self._extract
        lost = row.worker is not None and row.worker not in extract.alive
        if lost:
            row = without_worker(row)
        extract.make(new, row)
        extract.append((row.key, row.generation, 0), row.epoch, max(1, row.claimed_seq), text(new.started))
        extract.blobs += [(row.key, digest, data) for digest, data in new.blobs]
        return row if lost else None

    def _children(self, c: Change) -> tuple[RunRow, ...]:
        """The runs that have the ids of those to start already, and are not these themselves."""
        named = ((new.row.key, self._extract.named(new.row.id)) for new in c.start if new.named and not new.yields)
        return tuple(self._extract.shown(run) for key, run in named if run is not None and run["key"] != key)


def _written_under(epoch: int, c: Change) -> int:
    """The epoch of a change's journal rows: one that raises it fences off the holder, also at the same place."""
    return epoch + 1 if c.patch is not None and c.patch.bump else epoch


def _fenced(run: Run, c: Change) -> bool:
    if c.epoch is not None and (run["epoch"], run["status"]) != (c.epoch, _RUNNING):
        return False
    e = c.expect
    state = run["epoch"], run["status"], run["generation"], run["inbox"]
    return e is None or state == (e.epoch, CODE[e.status], e.generation, e.inbox)


def _patched(run: Run, p: Patch) -> bool:
    """Whether the lease was given back, or did not have to be."""
    new: dict[str, Any] = {name: value for name in PLAIN if (value := getattr(p, name)) is not None}
    new |= {name: value or None for name in CLEARED_BY_EMPTY if (value := getattr(p, name)) is not None}
    if p.reopen:
        new |= {"finished_at": None, "expires_at": None}
    if p.generation is not None:
        new["claimed_seq"] = 0
    if p.bump:
        new["epoch"] = run["epoch"] + 1
    released = p.release and (p.seen is None or run["inbox"] <= p.seen)
    if released:
        new |= {"worker": None, "due": p.due}
        new |= {} if p.status is None else {"status": CODE[p.status]}
        new |= {} if p.rank is None else {"rank": p.rank}
    run.new |= new
    return released or not p.release
