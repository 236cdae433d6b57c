"""Two changes made into one are equal to one after the other."""

import asyncio
from typing import Any

from stepwell.adapters.ids import new_key
from stepwell.core.folding import fold
from stepwell.core.starting import new_run
from stepwell.model.change import Change, Patch, Wait
from stepwell.model.entry import Armed, Finished, Stepped, encode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import WorkerRow
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
