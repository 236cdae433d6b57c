"""The journal writer where a store commits several groups at a time, and where rows are held by others."""

import asyncio

import pytest

from stepwell.errors import StoreReadOnly, StoreUnavailable
from stepwell.model.change import Change, NewRun, Patch, Reply, Send
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.runtime.journal import JournalWriter
from stepwell.testing.clock import VirtualClock
from tests.runtime.scripted import Answers, Scripted, entry

pytestmark = pytest.mark.anyio


@pytest.fixture
def store() -> Scripted:
    return Scripted()


@pytest.fixture
def answers() -> Answers:
    return Answers()


def writer_of(store: Scripted) -> JournalWriter:
    return JournalWriter(store, VirtualClock(), repeat_s=0.0)  # type: ignore[arg-type]


# -- rows that others hold -------------------------------------------------------------------------------------


async def test_a_busy_change_is_tried_again_and_delays_only_its_own_run(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.held = {b"a": 2}
    writer.submit(entry(b"a", 1), answers.of("busy"))
    writer.submit(entry(b"b", 1), answers.of("other"))
    await asyncio.sleep(0)
    writer.submit(entry(b"a", 2), answers.of("after it"))
    writer.submit(entry(b"b", 2), answers.of("later"))
    await writer.settled()
    assert answers.names[0] == "other"
    assert [name for name in answers.names if name in ("busy", "after it")] == ["busy", "after it"]
    assert answers.names.index("later") < answers.names.index("busy")
    assert [(c.seq, c.count) for group in store.groups for c in group if c.run == b"a"] == [(1, 1), (1, 2), (1, 2)]
    assert all(isinstance(reply, Reply) and reply.ok for _, reply in answers.all)


async def test_what_cannot_be_folded_waits_behind_a_busy_change(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.held = {b"a": 3}
    release = Patch(status=RunStatus.WAITING, release=True)
    writer.submit(entry(b"a", 1, patch=release), answers.of("first"))
    writer.submit(entry(b"a", 2), answers.of("second"))
    await writer.settled()
    assert [(c.seq, c.count) for group in store.groups for c in group] == [(1, 1)] * 4 + [(2, 1)]
    assert answers.names == ["first", "second"]


async def test_a_busy_start_with_an_id_is_tried_by_itself(store: Scripted, answers: Answers) -> None:
    """An attempt may wait for somebody's transaction: nobody else is in the same group."""
    writer = writer_of(store)
    store.held = {b"new": 3}
    row = RunRow(key=b"new", id="a name", workflow="work")
    writer.submit(Change(run=b"new", create=NewRun(row, b"[]", named=True)), answers.of("start"))
    writer.submit(entry(b"b", 1), answers.of("other"))
    await writer.settled()
    assert store.runs == [[b"new", b"b"], [b"new"], [b"new"], [b"new"]]
    assert answers.names == ["other", "start"]
    assert writer.idle


async def test_a_holder_whose_child_has_a_busy_id_waits_for_it(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.held = {b"a": 2}
    child = NewRun(RunRow(key=b"child", id="a name", workflow="work"), b"[]", named=True)
    writer.submit(entry(b"a", 1, start=(child,)), answers.of("starts a child"))
    writer.submit(entry(b"b", 1), answers.of("other"))
    await asyncio.sleep(0)
    writer.submit(entry(b"a", 2), answers.of("after it"))
    await writer.settled()
    assert answers.names == ["other", "starts a child", "after it"]
    assert store.runs[-1] == [b"a"]
    assert [(c.seq, c.count) for group in store.groups for c in group if c.run == b"a"][-1] == (2, 1)


async def test_a_change_tried_by_itself_may_be_refused(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.held = {b"new": 1}
    row = RunRow(key=b"new", id="a name", workflow="work")
    writer.submit(Change(run=b"new", create=NewRun(row, b"[]", named=True)), answers.of("start"))
    while not store.groups:
        await asyncio.sleep(0)
    store.errors = [StoreUnavailable("gone"), StoreReadOnly("for ever")]
    await writer.settled()
    ((name, reply),) = answers.all
    assert name == "start"
    assert isinstance(reply, StoreReadOnly)


async def test_abandoned_it_tries_no_busy_start_again(store: Scripted, answers: Answers) -> None:
    writer = JournalWriter(store, VirtualClock(), repeat_s=1.0)  # type: ignore[arg-type]
    store.held = {b"new": 10}
    row = RunRow(key=b"new", id="a name", workflow="work")
    writer.submit(Change(run=b"new", create=NewRun(row, b"[]", named=True)), answers.of("start"))
    while writer._lanes[0]._alone == {}:
        await asyncio.sleep(0)
    await writer.abandon()
    assert len(store.groups) == 1
    assert answers.all == []


# -- lanes -----------------------------------------------------------------------------------------------------


async def test_lanes_commit_at_the_same_time_and_a_run_keeps_to_its_lane(answers: Answers) -> None:
    store = Scripted(lanes=2)
    writer = writer_of(store)
    store.gate.clear()
    for seq in (1, 2):
        for run in (b"\x01", b"\x02", b"\x03", b"\x04"):
            writer.submit(entry(run, seq), answers.of(f"{run[0]} {seq}"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert sorted(map(sorted, store.runs)) == [[b"\x01", b"\x03"], [b"\x02", b"\x04"]]  # both are under way
    store.gate.set()
    await writer.settled()
    assert writer.groups == 4
    for number in range(1, 5):
        assert [name for name in answers.names if name[0] == str(number)] == [f"{number} 1", f"{number} 2"]


async def test_messages_to_one_key_or_run_go_by_one_lane(answers: Answers) -> None:
    store = Scripted(lanes=8)
    writer = writer_of(store)
    for n in range(4):
        writer.submit(Change(send=Send(event="paid", key="k", id=str(n))), answers.of(f"key {n}"))
        writer.submit(Change(send=Send(event="paid", target=b"run", id=str(n))), answers.of(f"run {n}"))
    await writer.settled()
    assert writer.groups == 2
    assert [name for name in answers.names if name.startswith("key")] == [f"key {n}" for n in range(4)]


async def test_progress_is_that_of_the_lane_which_is_behind(answers: Answers) -> None:
    clock, store = VirtualClock(), Scripted(lanes=2)
    writer = JournalWriter(store, clock, repeat_s=0.0)  # type: ignore[arg-type]
    store.gate.clear()
    writer.submit(entry(b"\x01"), answers.of("stuck"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    began = clock.monotonic()
    clock.move_to(clock.now() + 60)
    writer.submit(entry(b"\x02"), answers.of("late"))
    assert writer.progress_at == began
    store.gate.set()
    await writer.settled()
    assert writer.progress_at == clock.monotonic()
