"""The differential test: the same random operations on two stores, whose replies and dumps must stay equal.

One of the two is the memory store, which says what is right. Both start empty, in the same namespace, under the
clock that `play` hands out. A step is one operation, or one group of changes; after each, everything is compared. The
whole game follows from its seed. `Tally` says how often each kind of operation was accepted and how often refused:
a game proves something about a kind only when both have happened.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from stepwell.model.change import Change, ClaimRequest
from stepwell.model.record import Record
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.store import Retire, Store
from stepwell.testing.clock import VirtualClock
from stepwell.testing.randomchanges import (
    CHANGES,
    CODES,
    ENDS,
    EVENTS,
    HELD,
    IDS,
    OTHERS,
    QUEUES,
    STARTS,
    WORKFLOWS,
    Dice,
    RandomChanges,
)

T = TypeVar("T")
LEASE = 20.0
STEPS = (*("commit",) * 12, *("claim",) * 4, *("pulse",) * 4, "sleep", "retire", "read", "look", "subscribe", "record")
KINDS = (*STARTS, *HELD, *OTHERS, "repeated", "claim", "beat", "retire", "read", "list", "next_due", "lonely")


class Tally:
    """How often each kind of operation was accepted, and how often refused or answered with nothing."""

    def __init__(self) -> None:
        self.accepted: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def add(self, kind: str, accepted: bool) -> None:
        """Count one."""
        counts = self.accepted if accepted else self.refused
        counts[kind] = counts.get(kind, 0) + 1

    def missing(self) -> list[str]:
        """Kinds that have not both succeeded and been refused."""
        return sorted(kind for kind in KINDS if kind not in self.accepted or kind not in self.refused)


async def play(
    seed: int,
    steps: int,
    model: Callable[[Clock], Awaitable[Store]],
    other: Callable[[Clock], Awaitable[Store]],
    tally: Tally | None = None,
) -> Tally:
    """Play a game and close both stores. Raises AssertionError at the first difference, with seed and step."""
    clock = VirtualClock()
    game = Game(Dice(seed), clock, await model(clock), await other(clock), tally or Tally())
    try:
        for step in range(steps):
            try:
                await game.step()
            except AssertionError as difference:
                raise AssertionError(f"seed {seed}, step {step}: {difference}") from difference
    finally:
        await game.model.close()
        await game.other.close()
    return game.tally


class Game:
    """Two stores, and what the model's dump says of them, from which the next step is made up."""

    def __init__(self, dice: Dice, clock: VirtualClock, model: Store, other: Store, tally: Tally) -> None:
        self.dice = dice
        self.clock = clock
        self.model = model
        self.other = other
        self.tally = tally
        self.dump: dict[str, Any] = {"runs": {}, "journal": [], "inbox": []}
        self.changes = RandomChanges(dice)
        self.past: list[Change] = []

    # -- a step --------------------------------------------------------------------------------

    async def step(self) -> None:
        """One operation on both, and the comparison."""
        self.clock.move_to(self.clock.now() + self.dice.pick((0.0, 0.25, 1.0, 3.0)))
        kind = self.dice.pick(STEPS)
        await getattr(self, f"_{kind}")()
        self.dump, theirs = await self.model.dump(), await self.other.dump()
        for part, mine in self.dump.items():
            assert mine == theirs[part], f"{kind}: {part} differ:\n{mine}\n{theirs[part]}"

    async def _both(self, what: str, ask: Callable[[Store], Awaitable[T]]) -> T:
        mine, theirs = await ask(self.model), await ask(self.other)
        assert mine == theirs, f"{what} answered:\n{mine}\n{theirs}"
        return mine

    async def _commit(self) -> None:
        group: list[tuple[str, Change]] = []
        while not group or self.dice.chance(60):
            kind = self.dice.pick(CHANGES)
            change = self.changes.make(kind, self.dump, self.clock.now())
            if change is not None:
                group.append((kind, change))
        if self.dice.chance(10) and self.past:
            group.append(("repeated", self.dice.pick(self.past)))
        await self._send([change for _, change in group], [kind for kind, _ in group])
        if self.dice.chance(15):  # the replies were lost (P6)
            await self._send([change for _, change in group], ["repeated"] * len(group))

    async def _send(self, changes: list[Change], kinds: list[str]) -> None:
        replies = await self._both(f"commit of {kinds}", lambda store: store.commit(changes))
        for kind, reply in zip(kinds, replies, strict=True):
            self.tally.add(kind, reply.ok and reply.released and not reply.why and not reply.children)
        self.past = [*self.past, *changes][-20:]

    async def _claim(self) -> None:
        dice = self.dice
        rows = list(self.dump["runs"].values())
        only = dice.pick(rows)["key"] if rows and dice.chance(15) else None
        request = ClaimRequest(
            worker=dice.pick(self.changes.workers),
            workflows=dice.some(WORKFLOWS, 80),
            queues=dice.some(QUEUES, 70) if dice.chance(30) else (),
            limit=1 + dice.below(4),
            now=self.clock.now(),
            only=only,
            codes=dice.pick(((), CODES, CODES, CODES[::-1])),
        )
        cached = {row["key"]: row["epoch"] - dice.below(2) for row in rows if dice.chance(40)}
        claimed = await self._both("claim", lambda store: store.claim(request, cached))
        self.tally.add("claim", bool(claimed))

    async def _pulse(self) -> None:
        dice, at = self.dice, self.clock.now()
        name = dice.pick(self.changes.workers)
        row = WorkerRow(id=name, host="here", pid=7, version="1", concurrency=3, started_at=1.0, beat_at=at,
                        expires_at=at + LEASE, held=1)  # fmt: skip
        hearts = await self.model.heart(), await self.other.heart()
        if dice.chance(6):
            for heart in hearts:
                heart.stop(name)
        else:
            mine, theirs = (heart.beat(row) for heart in hearts)
            assert mine == theirs, f"beat answered {mine} and {theirs}"
            self.tally.add("beat", mine is not None)
            if mine is None and dice.chance(70):
                self.changes.succeed(name)
        for heart in hearts:
            heart.close()

    async def _sleep(self) -> None:
        self.clock.move_to(self.clock.now() + self.dice.pick((2.0, 5.0, LEASE, 30.0, 100_000.0)))

    async def _retire(self) -> None:
        dice = self.dice
        statuses = [(name, end.value) for name in (*WORKFLOWS, "*") for end in ENDS]
        which = Retire(now=self.clock.now(), limit=1 + dice.below(5),
                       ages={one: dice.pick((0.0, 10.0, 60.0)) for one in dice.some(statuses, 40)},
                       keeps={one: dice.below(3) for one in dice.some(statuses, 20)},
                       records={"key": 20.0} if dice.chance(50) else {})  # fmt: skip
        self.tally.add("retire", await self._both("retire", lambda store: store.retire(which)) > 0)

    async def _read(self) -> None:
        dice = self.dice
        rows = list(self.dump["runs"].values())
        key = dice.pick(rows)["key"] if rows and dice.chance(90) else b"?" * 16
        after, generation = dice.below(3), dice.pick((None, 1, 2))
        await self._both("load", lambda store: store.load(key, after))
        await self._both("inbox", lambda store: store.inbox(key, after))
        await self._both("journal", lambda store: store.journal(key, generation))
        await self._both("blobs", lambda store: store.blobs(key))
        await self._both("rows", lambda store: store.rows([key, b"!" * 16, key]))
        await self._both("closings", lambda store: store.closings([key, b"!" * 16, key], 4096 if after else 20))
        name = dice.pick((*IDS, key.hex(), "nobody"))
        found = await self._both("row_by_id", lambda store: store.row_by_id(name))
        self.tally.add("read", found is not None)

    async def _look(self) -> None:
        dice = self.dice
        which = RunFilter(
            status=dice.some(tuple(RunStatus), 20) if dice.chance(50) else (),
            workflow=dice.some(WORKFLOWS, 50) if dice.chance(30) else (),
            queue=dice.some(QUEUES, 50) if dice.chance(20) else (),
            id_prefix=dice.pick(("t", "on", "00", "")) if dice.chance(20) else None,
            tags=dict(dice.some((("n", 1), ("yes", True), ("s", "x")), 50)) if dice.chance(30) else {},
            since=self.clock.now() - 50 if dice.chance(20) else None,
            until=self.clock.now() - 10 if dice.chance(20) else None,
            text=dice.pick(("T", "lab", "0")) if dice.chance(20) else None,
            reason=dice.pick(("q", "w")) if dice.chance(10) else None,
        )
        after, limit = dice.pick((None, self.changes.key(self.changes.made // 2))), 1 + dice.below(10)
        page = await self._both("list", lambda store: store.list(which, after=after, limit=limit))
        self.tally.add("list", bool(page))
        await self._both("count", lambda store: store.count(which))
        names, codes = dice.some(WORKFLOWS, 80), dice.pick(((), CODES))
        self.tally.add("next_due", await self._both("next_due", lambda store: store.next_due(names, codes)) is not None)
        self.tally.add("lonely", bool(await self._both("lonely", lambda store: store.lonely(names, 2, codes))))
        since, step = self.clock.now() - dice.pick((1.0, 30.0, 1000.0)), dice.pick((0.5, 10.0))
        await self._both("tally", lambda store: store.tally(since, self.clock.now(), step))
        await self._both("depths", lambda store: store.depths())
        await self._both("workers", lambda store: store.workers())

    async def _record(self) -> None:
        dice = self.dice
        owners = [b"", *(row["key"] for row in list(self.dump["runs"].values())[-2:])]
        made = [
            Record(kind=dice.pick(("key", "log")), id=dice.pick(("a", "b", "c")), at=self.clock.now(),
                   data=b"%d" % dice.below(9), owner=dice.pick(owners))
            for _ in range(1 + dice.below(3))
        ]  # fmt: skip
        again = dice.chance(30)
        await self._both("put", lambda store: store.put(made, replace=again))
        owner, after, newest = dice.pick((None, *owners)), dice.pick((None, "b")), dice.chance(50)
        begin, limit = None if owner is None else after, 1 + dice.below(4)

        async def page(store: Store) -> Any:
            return await store.records("log", owner=owner, after=begin, limit=limit, newest=newest)

        await self._both("records", page)
        if dice.chance(30):
            await self._both("drop", lambda store: store.drop("log", ["a", "c"], owner=owners[-1]))

    async def _subscribe(self) -> None:
        pairs = [(event, self.dice.pick(WORKFLOWS)) for event in self.dice.some(EVENTS, 50)]
        await self._both("subscribe", lambda store: store.subscribe(pairs))
        await self._both("subscribers", lambda store: store.subscribers(EVENTS[0]))
