"""Random changes of every kind, made up from what a store's dump says: mostly right, sometimes wrong on purpose."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, Expect, NewRun, Patch, Post, Send, Wait
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus

T = TypeVar("T")
Row = dict[str, Any]
Dump = dict[str, Any]
WORKFLOWS, QUEUES = ("a", "b"), ("default", "other")
CODES = ("1", "2")
"""Fingerprints of the code of the two workflows."""
EVENTS, KEYS, CALLS = ("paid", "sent"), ("k0", "k1"), ("c0", "c1", "c2")
IDS = ("one", "two", "three", "four", "five", "six")
ENDS: Final = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
STARTS: Final = ("start", "start_rich")
HELD: Final = (
    "entries", "finish", "suspend", "hand_back", "progress", "take", "arm", "disarm", "put_back", "children",
    "end_child", "continue_as_new",
)  # fmt: skip
OTHERS: Final = ("send_key", "send_run", "cancel", "pause", "resume", "terminate", "restart", "relabel")
CHANGES: Final = (*STARTS * 2, *HELD * 3, *OTHERS)


class Dice:
    """Chance from a seed (splitmix64): the same on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) % 2**64
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        return (mixed ^ mixed >> 31) % bound

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.below(100) < percent

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self.below(len(among))]

    def some(self, among: Sequence[T], percent: int) -> tuple[T, ...]:
        """Each of them, with so much chance."""
        return tuple(one for one in among if self.chance(percent))


class RandomChanges:
    """Makes changes of a named kind; None when the dump has nothing to apply one to."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.made = 0
        self.workers = ["w0", "w1", "w2"]
        self._dump: Dump = {}
        self._now = 0.0

    def key(self, number: int) -> bytes:
        """The key of the run made as number so and so."""
        return number.to_bytes(16, "big")

    def succeed(self, worker: str) -> None:
        """A dead worker's name is never used again: another one takes its part."""
        self.workers[self.workers.index(worker)] = f"{worker}'"

    def make(self, kind: str, dump: Dump, now: float) -> Change | None:
        """A change of this kind."""
        self._dump, self._now = dump, now
        if kind in HELD:
            row = self._row(RunStatus.RUNNING if self.dice.chance(90) else None)
            if row is None:
                return None
            made: Change = getattr(self, f"_{kind}")(row, self._write(row))
            return made
        change: Change | None = getattr(self, f"_{kind}")()
        return change

    # -- starts --------------------------------------------------------------------------------

    def _new(self, *, rich: bool = False, parent: bytes | None = None) -> NewRun:
        dice = self.dice
        self.made += 1
        key, named = self.key(self.made), dice.chance(40)
        worker = dice.pick(self.workers) if dice.chance(40) else None
        due = self._now + dice.pick((-1.0, 4.0, 30.0)) if worker is None and dice.chance(20) else None
        row = RunRow(
            key=key,
            id=dice.pick(IDS) if named else key.hex(),
            workflow=dice.pick(WORKFLOWS),
            queue=dice.pick(QUEUES),
            status=RunStatus.QUEUED if worker is None else RunStatus.RUNNING,
            priority=dice.pick((0, 100, 100, 101)),
            epoch=0 if worker is None else 1,
            worker=worker,
            claimed_seq=dice.pick((1, 1, 3)),
            due=due,
            rank=rank_of(due or self._now, 100),
            created_at=self._now,
            started_at=None if worker is None else self._now,
            parent=parent,
            parent_call=None if parent is None else dice.pick(CALLS),
            digest=f"d{self.made}",
            options='{"retries":1}' if dice.chance(10) else None,
            pin=dice.pick(CODES) if dice.chance(10) else None,
            tags=dict(dice.some((("n", 1), ("n", 2.5), ("yes", True), ("s", "x")), 60)) if rich else {},
        )
        blobs = (
            dice.some((("big", b"\x00\xff" * 40), ("bigger", b"" if dice.chance(5) else b"B" * 99)), 50) if rich else ()
        )
        yields = named and parent is not None and dice.chance(50)
        return NewRun(row, self._entry("started"), named, blobs, yields)

    def _start(self) -> Change:
        new = self._new()
        return Change(run=new.row.key, create=new)

    def _start_rich(self) -> Change:
        new = self._new(rich=True)
        post = (Post(target=self._any(), item=self._item("cancel")),) if self.dice.chance(10) else ()
        return Change(run=new.row.key, create=new, post=post)

    # -- the holder ----------------------------------------------------------------------------

    def _write(self, row: Row, count: int = 1) -> Change:
        """Entries at the journal's end, under the run's epoch; sometimes under a wrong one, or elsewhere."""
        dice = self.dice
        epoch = row["epoch"] if dice.chance(93) else max(0, row["epoch"] + dice.pick((-1, 1)))
        if dice.chance(20):
            return Change(run=row["key"], epoch=epoch, generation=row["generation"], seq=self._next(row))
        seq = self._next(row) if dice.chance(96) else dice.below(3)
        return Change(run=row["key"], epoch=epoch, generation=row["generation"], seq=seq, count=count,
                      data=self._entry("step"))  # fmt: skip

    def _entries(self, row: Row, change: Change) -> Change:
        return replace(change, count=1, data=self._entry("step"))

    def _finish(self, row: Row, change: Change) -> Change:
        dice = self.dice
        patch = Patch(
            status=dice.pick(ENDS),
            release=True,
            finished_at=self._now,
            expires_at=self._now + 30 if dice.chance(30) else None,
            reason=dice.pick((None, "", "because")),
            deaths=dice.pick((None, None, 0)),
        )
        took = tuple(item["n"] for item in self._inbox(row)) if dice.chance(70) else ()
        return replace(change, patch=patch, closes=dice.chance(80), took=took)

    def _suspend(self, row: Row, change: Change) -> Change:
        dice = self.dice
        due = self._now + dice.pick((-1.0, 2.0, 10.0)) if dice.chance(70) else None
        seen = row["inbox"] - (dice.below(2) if row["inbox"] else 0) if dice.chance(90) else None
        patch = Patch(
            status=RunStatus.WAITING, release=True, due=due, seen=seen, reason="waits", note=dice.pick((None, "", "n"))
        )
        return replace(change, patch=patch)

    def _hand_back(self, row: Row, change: Change) -> Change:
        patch = Patch(status=self.dice.pick((RunStatus.QUEUED, RunStatus.PAUSED, RunStatus.PARKED)), release=True,
                      rank=self._now, deaths=self.dice.pick((None, 0, 2)))  # fmt: skip
        return replace(change, patch=patch)

    def _progress(self, row: Row, change: Change) -> Change:
        return replace(
            change, patch=Patch(progress=self.dice.pick((0.0, 0.5, 1.0)), note=self.dice.pick((None, "", "half")))
        )

    def _take(self, row: Row, change: Change) -> Change:
        some = self.dice.some([item["n"] for item in self._inbox(row)], 60)
        return replace(change, took=some, blobs=self.dice.some((("b1", b"1"), ("b2", b"22")), 30))

    def _arm(self, row: Row, change: Change) -> Change:
        dice = self.dice
        waits = tuple(Wait(call, dice.pick(EVENTS), dice.pick(KEYS)) for call in dice.some(CALLS, 50))
        if dice.chance(60):
            patch = Patch(
                status=RunStatus.WAITING,
                release=True,
                seen=row["inbox"],
                due=self._now + 9 if dice.chance(30) else None,
            )
            return replace(change, arm=waits, patch=patch)
        return replace(change, arm=waits)

    def _disarm(self, row: Row, change: Change) -> Change:
        return replace(change, disarm=self.dice.some(CALLS, 50))

    def _put_back(self, row: Row, change: Change) -> Change:
        keyed = [item for item in self._inbox(row) if item["kind"] == "message" and item["call"] is not None]
        items = tuple(_as_item(item) for item in self.dice.some(keyed, 70))
        return replace(change, put_back=items, took=tuple(item.n for item in items))

    def _children(self, row: Row, change: Change) -> Change:
        dice = self.dice
        news = tuple(self._new(rich=dice.chance(20), parent=row["key"]) for _ in range(1 + dice.below(2)))
        return replace(change, start=news)

    def _end_child(self, row: Row, change: Change) -> Change:
        target = row["parent"] or self._any()
        post = (Post(target=target, item=self._item("child", call=row["parent_call"] or "c0")),)
        return replace(self._finish(row, change), post=post)

    def _continue_as_new(self, row: Row, change: Change) -> Change:
        patch = Patch(status=RunStatus.QUEUED, release=True, rank=self._now, generation=row["generation"] + 1, deaths=0)
        return replace(change, patch=patch, opens=self._entry("started"), closes=True)

    # -- everybody else ------------------------------------------------------------------------

    def _send_key(self) -> Change:
        dice = self.dice
        name = f"m{dice.below(4)}" if dice.chance(40) else None
        return Change(send=Send(event=dice.pick(EVENTS), key=dice.pick(KEYS), id=name, data=b'{"v":1}', at=self._now))

    def _send_run(self) -> Change:
        dice = self.dice
        name = f"m{dice.below(6)}" if dice.chance(40) else None
        return Change(send=Send(event=dice.pick(EVENTS), target=self._any(), id=name, data=b"[2]", at=self._now))

    def _cancel(self) -> Change | None:
        change = self._operator(None)
        if change is None:
            return None
        return replace(change, patch=Patch(cancelling=True), post=(Post(target=change.run, item=self._item("cancel")),))

    def _pause(self) -> Change | None:
        change = self._operator(self.dice.pick((RunStatus.QUEUED, RunStatus.WAITING)))
        return change and replace(change, patch=Patch(status=RunStatus.PAUSED, release=True, bump=True))

    def _resume(self) -> Change | None:
        change = self._operator(self.dice.pick((RunStatus.PAUSED, RunStatus.PARKED)))
        patch = Patch(
            status=RunStatus.QUEUED, release=True, bump=True, rank=self._now, deaths=0, reason="", cancelling=False
        )
        return change and replace(change, patch=patch)

    def _terminate(self) -> Change | None:
        change = self._operator(None if self.dice.chance(30) else RunStatus.PAUSED, data=True)
        patch = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=self._now)
        post = (Post(target=self._any(), item=self._item("child", call="c1")),)
        return change and replace(change, patch=patch, closes=True, post=post if self.dice.chance(30) else ())

    def _restart(self) -> Change | None:
        change = self._operator(self.dice.pick((*ENDS, RunStatus.PARKED)), data=True)
        if change is None:
            return None
        patch = Patch(status=RunStatus.QUEUED, release=True, bump=True, reopen=True, generation=change.generation + 1,
                      rank=self._now, deaths=0, cancelling=False, reason="", digest="again")  # fmt: skip
        return replace(change, patch=patch, opens=self._entry("started"), closes=True)

    def _relabel(self) -> Change:
        return Change(
            run=self._any(), patch=Patch(note="labelled", expires_at=self._now + 500, pin=self.dice.pick(("", *CODES)))
        )

    def _operator(self, status: RunStatus | None, *, data: bool = False) -> Change | None:
        row = self._row(status)
        if row is None:
            return None
        wrong = self.dice.below(4) if self.dice.chance(10) else -1
        seen = [row["epoch"], row["generation"], row["inbox"]]
        if 0 <= wrong < 3:
            seen[wrong] += 1
        shown = RunStatus.PAUSED if wrong == 3 else row["status"]
        change = Change(run=row["key"], generation=row["generation"], expect=Expect(seen[0], shown, seen[1], seen[2]))
        return replace(change, seq=self._next(row), count=1, data=self._entry("finish")) if data else change

    # -- what there is -------------------------------------------------------------------------

    def _row(self, status: RunStatus | None) -> Row | None:
        rows = [row for row in self._dump["runs"].values() if status is None or row["status"] == status]
        return self.dice.pick(rows) if rows else None

    def _any(self) -> bytes:
        row = self._row(None) if self.dice.chance(90) else None
        return b"nobody's run is." if row is None else row["key"]

    def _inbox(self, row: Row) -> list[Row]:
        return [item for key, item in self._dump["inbox"] if key == row["key"].hex()]

    def _next(self, row: Row) -> int:
        mine = (row["key"].hex(), row["generation"])
        return max(
            (seq + count for key, gen, seq, _, count, _ in self._dump["journal"] if (key, gen) == mine), default=0
        )

    def _item(self, kind: str, call: str | None = None) -> InboxItem:
        return InboxItem(n=0, kind=kind, at=self._now, call=call, data=msgspec.Raw(b'{"x":"\xc3\xa9"}'))

    def _entry(self, kind: str) -> bytes:
        return f'[{{"k":"{kind}","at":{self._now},"n":{self.dice.below(1000)}}}]'.encode()


def _as_item(dumped: Row) -> InboxItem:
    given: Row = dumped | {"data": msgspec.Raw(dumped["data"])}
    return InboxItem(**given)
