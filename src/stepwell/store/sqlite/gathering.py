"""Hot changes on their way: starts and the writes of holders, gathered until they have to be written."""

from collections.abc import Callable
from typing import Any, Final

import apsw
from msgspec.structs import replace

from stepwell.model.change import Change, NewRun, Reply
from stepwell.model.run import RunRow
from stepwell.model.status import CODE, RunStatus
from stepwell.store.sql.hot import is_own
from stepwell.store.sql.patches import assignments, is_plain_release, release_values
from stepwell.store.sql.rows import Value, run_values, text
from stepwell.store.sqlite.bulk import STALE, UNCLEAN, Hot
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.reads import read_named, read_row
from stepwell.store.sqlite.threads import Again

Held = tuple[int, Change]
Made = tuple[int, NewRun]
_OK: Final = Reply(True)
_RUNNING: Final = CODE[RunStatus.RUNNING]


def is_hot(c: Change) -> bool:
    """Whether a holder's change concerns its own run alone, so that it may be written together with others."""
    return is_own(c) and not (c.patch is not None and c.patch.bump)


def is_plain_start(c: Change, new: NewRun) -> bool:
    """Whether a change is a start and nothing else, of a run without tags and blobs."""
    return (
        not (new.row.tags or new.blobs or c.data or c.start or c.post or c.blobs or c.patch or c.arm) and c.send is None
    )


class Gathering:
    """What is not yet written of a group. No run is in it twice, but for a start before its holder's first change.

    Starts are written first, then the holders' changes: of different runs, neither can see the other.
    """

    def __init__(self, db: Db, hot: Hot, replies: list[Reply], alone: Callable[[Change], Reply]) -> None:
        self._db = db
        self._hot = hot
        self._replies = replies
        self._alone = alone
        self._made: dict[bytes, Made] = {}
        self._ids: set[str] = set()
        self._held: dict[bytes, Held] = {}
        self._touched: set[bytes] = set()
        self._ever_touched: set[bytes] = set()
        self._alive: dict[str, bool] = {}

    def start(self, n: int, new: NewRun) -> None:
        """Gather a start, the `n`th change of the group."""
        key = new.row.key
        if key in self._made or key in self._held or (new.named and new.row.id in self._ids):
            self.write()
        self._made[key] = (n, new)
        if new.named:
            self._ids.add(new.row.id)

    def hold(self, n: int, c: Change) -> None:
        """Gather a holder's change."""
        if c.run in self._held:
            self.write()
        self._held[c.run] = (n, c)

    def touch(self, key: bytes) -> None:
        """Somebody is about to look at a run."""
        self._touched.add(key)
        self._ever_touched.add(key)
        if key in self._held or key in self._made:
            self.write()

    def touch_id(self, run_id: str) -> None:
        """Somebody is about to look for a run by its id."""
        if run_id in self._ids:
            self.write()

    def alive(self, worker: str) -> bool:
        """Whether a worker has signed on and is not dead; known for the rest of the transaction."""
        if worker not in self._alive:
            sql = "SELECT 1 FROM stepwell_workers WHERE ns = ? AND id = ? AND dead = 0"
            self._alive[worker] = self._db.one(sql, (self._db.ns, worker)) is not None
        return self._alive[worker]

    def write(self) -> None:
        """Write everything gathered."""
        made, held = list(self._made.values()), list(self._held.values())
        self._made, self._ids, self._held = {}, set(), {}
        journal = self._start(made, {c.run for _, c in held}) if made else []
        self._hold(held, journal)

    # -- starts --------------------------------------------------------------------------------

    def _start(self, made: list[Made], held: set[bytes]) -> list[Value]:
        flat: list[Value] = []
        journal: list[Value] = []
        for n, new in made:
            row, self._replies[n] = new.row, _OK
            if row.worker is not None and not self.alive(row.worker):
                row = without_worker(row)
                self._replies[n] = Reply(True, row=row)
            flat += run_values(row, new.named)
            journal += start_values(row, new)
        if self._hot.create.run(self._db, flat) < len(made):
            return self._sort_out(made, held)
        return journal

    def _sort_out(self, made: list[Made], held: set[bytes]) -> list[Value]:
        """Some were there already: answer those; the journal rows of the others."""
        journal: list[Value] = []
        for n, new in made:
            row = read_row(self._db, new.row.key)
            if row is not None and not self._begun(row):
                journal += start_values(row, new)
                continue
            there = row or read_named(self._db, new.row.id)
            if there is not None and (there.key in held or there.key in self._ever_touched):
                raise Again  # how the answer shows the run depends on which of the changes came first
            self._replies[n] = (
                Reply(False, "exists", row=there) if row is None else Reply(True, inbox=row.inbox, row=row)
            )
        return journal

    def _begun(self, row: RunRow) -> bool:
        sql = "SELECT 1 FROM stepwell_journal WHERE ns = ? AND key = ? LIMIT 1"
        return self._db.one(sql, (self._db.ns, row.key)) is not None

    # -- holders' changes ----------------------------------------------------------------------

    def _hold(self, held: list[Held], journal: list[Value]) -> None:
        marks = self._fenced(held)
        good: list[tuple[int, Change, int]] = []
        refused: list[Held] = []
        for at, ((n, c), mark) in enumerate(zip(held, marks, strict=True)):
            if mark >= 0:
                good.append((n, c, mark))
            elif mark == STALE:
                refused.append((n, c))
            else:
                assert mark == UNCLEAN
                self._append(good, journal)
                good, journal = [], []
                self._touched.clear()
                self._replies[n] = self._alone(c)
                rest = held[at + 1 :]
                if any(other.run in self._touched for _, other in rest):
                    self._hold(rest, [])
                    break
        self._append(good, journal)
        for n, c in refused:
            self._replies[n] = self._alone(c)  # stale, or applied before

    def _fenced(self, held: list[Held]) -> list[int]:
        flat: list[Value] = []
        for _, c in held:
            flat += (c.run, c.epoch, len(c.took) if c.closes else None)
        return self._hot.fence.numbers(self._db, flat)

    def _append(self, good: list[tuple[int, Change, int]], journal: list[Value]) -> None:
        took: list[Value] = []
        releases: list[Value] = []
        for n, c, mark in good:
            if c.data:
                journal += (c.run, c.generation, c.seq, c.epoch, c.count, text(c.data))
            for number in c.took:
                took += (c.run, number)
            p, released = c.patch, True
            if p is not None:
                released = not p.release or p.seen is None or mark <= p.seen
                if released and is_plain_release(p):
                    releases += release_values(c.run, p, _RUNNING)
                else:
                    self.patch(c.run, assignments(p, released and p.release))
            self._replies[n] = _OK if not mark and released else Reply(True, inbox=mark, released=released)
        try:
            self._hot.append.run(self._db, journal)
        except apsw.ConstraintError as error:
            raise Again from error  # a change is repeated: they have to be looked at one by one
        self._hot.took.run(self._db, took)
        self._hot.release.run(self._db, releases)

    def patch(self, key: bytes, changed: tuple[list[str], list[Any]]) -> None:
        """Set columns of one run."""
        sets, values = changed
        if sets:
            sql = f"UPDATE stepwell_runs SET {', '.join(sets)} WHERE ns = ? AND key = ?"
            self._db.run(sql, (*values, self._db.ns, key))


def without_worker(row: RunRow) -> RunRow:
    """The row of a run created for a worker that is gone: nobody's lease would ever run out, so it is queued."""
    return replace(row, status=RunStatus.QUEUED, worker=None, epoch=0, started_at=None)


def start_values(row: RunRow, new: NewRun) -> tuple[Value, ...]:
    """The first journal row of a new run."""
    return row.key, row.generation, 0, row.epoch, max(1, row.claimed_seq), text(new.started)
