"""Two changes made into one are equal to one after the other."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.adapters.ids import new_key
from stepwell.core.folding import fold
from stepwell.core.starting import new_run
from stepwell.model.change import Change, Patch, Post, Send, Wait
from stepwell.model.entry import Armed, Finished, Stepped, encode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import InboxItem, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

KEY = new_key()
STEP = encode_entries([Stepped(at=2.0, call="a")])
ARMED = encode_entries([Armed(at=2.0, call="w", event="e", key="k")])
END = encode_entries([Finished(at=3.0, status="succeeded")])
DONE = Patch(status=RunStatus.SUCCEEDED, release=True, finished_at=3.0)


def a_change(**more: Any) -> Change:
    return Change(run=KEY, epoch=1, **more)


async def dump_after(changes: list[Change]) -> dict[str, object]:
    clock = VirtualClock()
    store = MemoryStore("test", clock)
    await store.open()
    heart = await store.heart()
    heart.beat(WorkerRow(id="w", beat_at=1.0, expires_at=clock.now() + 99))
    new = new_run("job", b"{}", StartOptions(), None, key=KEY, now=1.0, worker="w")
    await store.commit([Change(run=KEY, create=new)])
    for change in changes:
        (reply,) = await store.commit([change])
        assert reply.ok
    return await store.dump()


def read(dump: dict[str, object]) -> str:
    # How rows are cut is not part of what is said: compare the entries, joined.
    journal = dump.pop("journal")
    assert isinstance(journal, list)
    joined = b"".join(row[-1] for row in journal).replace(b"][", b",")
    return repr(dump) + joined.decode()


def test_folded_is_one_after_the_other() -> None:
    step = a_change(seq=1, count=1, data=STEP, patch=Patch(progress=0.5, note="half"))
    wait = a_change(seq=2, count=1, data=ARMED, arm=(Wait("w", "e", "k"),))
    end = a_change(seq=3, count=1, data=END, patch=DONE, closes=True)
    once = fold(step, wait)
    assert once is not None
    twice = fold(once, end)
    assert twice is not None
    assert (twice.seq, twice.count) == (1, 3)
    apart = asyncio.run(dump_after([step, wait, end]))
    together = asyncio.run(dump_after([twice]))
    assert read(together) == read(apart)


def test_the_later_value_of_a_field_wins_and_others_stay() -> None:
    first = a_change(patch=Patch(progress=0.1, note="a"))
    folded = fold(first, a_change(patch=Patch(progress=0.2)))
    assert folded is not None
    assert folded.patch == Patch(progress=0.2, note="a")


def test_what_must_stay_apart() -> None:
    step = a_change(seq=1, count=1, data=STEP)
    assert fold(step, Change(run=KEY, epoch=2, seq=2, count=1, data=STEP)) is None, "another holder"
    assert fold(step, a_change(generation=2, count=1, data=STEP)) is None, "another generation"
    assert fold(a_change(patch=DONE), step) is None, "after the lease was given back"
    assert fold(a_change(disarm=("w",)), a_change(arm=(Wait("w", "e", "k"),))) is None, "the order would be lost"


# --- by property ----------------------------------------------------------------------------------

OTHER = new_key()
KEYS = st.sampled_from(["k", "l"])
CALLS = st.sampled_from(["a", "b", "c"])
LAST: list[dict[str, Any]] = [
    {},
    {"patch": Patch(status=RunStatus.WAITING, release=True, due=9.0, seen=99)},
    {"patch": Patch(status=RunStatus.QUEUED, release=True, rank=1.0, note="end")},
    {"patch": DONE, "closes": True, "count": 1, "data": END},
]


@st.composite
def fenced(draw: st.DrawFn) -> dict[str, Any]:
    """What one change of a holder may do, mostly little of it."""
    some: dict[str, Any] = {}
    if draw(st.booleans()):
        some["count"], some["data"] = 1, STEP
    if draw(st.booleans()):
        some["arm"] = tuple(Wait(call, "e", draw(KEYS)) for call in draw(st.lists(CALLS, max_size=2, unique=True)))
    if draw(st.booleans()):
        some["disarm"] = tuple(draw(st.lists(CALLS, max_size=2, unique=True)))
    if draw(st.booleans()):
        some["post"] = (Post(target=OTHER, item=InboxItem(n=0, kind="cancel", at=3.0)),)
    if draw(st.booleans()):
        some["patch"] = Patch(progress=draw(st.sampled_from([0.1, 0.2])), note=draw(st.sampled_from([None, "x"])))
    return some


class World:
    """Two runs; two messages in the inbox of one, two in a mailbox; a wait of the other run in another mailbox."""

    async def open(self) -> None:
        clock = VirtualClock()
        self.store = store = MemoryStore("test", clock)
        await store.open()
        heart = await store.heart()
        heart.beat(WorkerRow(id="w", beat_at=1.0, expires_at=clock.now() + 99))
        for key in (KEY, OTHER):
            run = new_run("job", b"{}", StartOptions(), None, key=key, now=1.0, worker="w")
            await store.commit([Change(run=key, create=run)])
        await store.commit([a_change(arm=(Wait("x", "e", "k"), Wait("y", "e", "k")))])
        await store.commit([Change(run=OTHER, epoch=1, arm=(Wait("theirs", "e", "l"),))])
        for n in range(4):
            await store.commit([Change(send=Send(event="e", key="k", data=b"%d" % n, at=1.0))])
        self.inbox = {item.n: item for item in await store.inbox(KEY, 0)}
        assert sorted(self.inbox) == [1, 2]

    def taken(self, part: dict[str, Any], numbers: list[tuple[int, bool]]) -> dict[str, Any]:
        """The change takes these items, and puts those marked back."""
        back = tuple(self.inbox[n] for n, returns in numbers if returns)
        return {**part, "took": tuple(n for n, _ in numbers), "put_back": back}

    async def after(self, parts: list[dict[str, Any]], taken: dict[int, tuple[int, bool]], folds: bool) -> str:
        await self.open()
        changes, seq = [], 1
        for place, part in enumerate(parts):
            numbers = [(n, returns) for n, (where, returns) in taken.items() if where == place]
            changes.append(a_change(seq=seq, **self.taken(part, numbers)))
            seq += part.get("count", 0)
        groups: list[Change] = []
        for change in changes:  # as the journal writer does
            folded = fold(groups[-1], change) if groups and folds else None
            groups[-1:] = [folded] if folded is not None else [*groups[-1:], change]
        for change in groups:
            (reply,) = await self.store.commit([change])
            assert reply.ok
        return read(await self.store.dump())


TAKEN = st.dictionaries(st.integers(1, 2), st.tuples(st.integers(0, 3), st.booleans()))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(fenced(), min_size=1, max_size=4), st.sampled_from(LAST), TAKEN)
def test_whatever_is_folded_leaves_the_world_as_one_after_the_other(
    parts: list[dict[str, Any]], last: dict[str, Any], taken: dict[int, tuple[int, bool]]
) -> None:
    every = [*parts, last]
    assert asyncio.run(World().after(every, taken, True)) == asyncio.run(World().after(every, taken, False))
