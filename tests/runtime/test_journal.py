"""The journal writer: groups, folding, refusals, unknown outcomes, the order of acknowledgements."""

import asyncio
import logging

import pytest

from stepwell.errors import PayloadTooLarge, StoreReadOnly, StoreUnavailable
from stepwell.model.change import Change, Patch, Reply
from stepwell.model.entry import decode_entries
from stepwell.model.status import RunStatus
from stepwell.runtime import journal
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


async def test_what_arrives_during_a_commit_forms_the_next_group(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.gate.clear()
    writer.submit(entry(b"a"), answers.of("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for run in (b"b", b"c", b"d"):
        writer.submit(entry(run), answers.of(run.decode()))
    assert store.runs == [[b"a"]]
    assert answers.names == []  # nothing is acknowledged before the store has answered
    store.gate.set()
    await writer.settled()
    assert store.runs == [[b"a"], [b"b", b"c", b"d"]]
    assert answers.names == ["a", "b", "c", "d"]  # in the order in which they came
    assert [reply.inbox for _, reply in answers.all if isinstance(reply, Reply)] == [0, 0, 1, 2]  # each its own


async def test_changes_of_one_run_are_folded_into_one(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    writer.submit(entry(b"a", 1, took=(1,)), answers.of("first"))
    writer.submit(entry(b"b", 1), answers.of("other"))
    writer.submit(entry(b"a", 2, took=(2,), patch=Patch(progress=0.5)), answers.of("second"))
    await writer.settled()
    ((folded, other),) = store.groups
    assert (folded.run, folded.seq, folded.count, folded.took) == (b"a", 1, 2, (1, 2))
    assert folded.patch == Patch(progress=0.5)
    assert [e.at for e in decode_entries(folded.data)] == [1.0, 2.0]
    assert other.run == b"b"
    assert answers.names == ["first", "second", "other"]  # one reply for both, in the order of the group


async def test_what_cannot_be_folded_waits_and_keeps_its_place(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    release = Patch(status=RunStatus.WAITING, release=True)
    writer.submit(entry(b"a", 1, patch=release), answers.of("release"))
    writer.submit(entry(b"a", 2), answers.of("after"))  # decided after the lease was given back
    writer.submit(entry(b"b", 1), answers.of("other"))
    writer.submit(entry(b"a", 3), answers.of("later"))  # must not overtake the one that waits
    await writer.settled()
    assert [(c.run, c.seq, c.count) for c in store.groups[0]] == [(b"a", 1, 1), (b"b", 1, 1)]
    assert [(c.run, c.seq, c.count) for c in store.groups[1]] == [(b"a", 2, 2)]
    assert answers.names == ["release", "other", "after", "later"]


async def test_changes_without_a_fence_are_never_folded(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    writer.submit(Change(run=b"a"), answers.of("one"))
    writer.submit(Change(run=b"a"), answers.of("two"))
    await writer.settled()
    assert store.runs == [[b"a", b"a"]]


async def test_groups_are_bounded(store: Scripted, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "GROUP", 2)
    writer = writer_of(store)
    for run in (b"a", b"b", b"c", b"d", b"e"):
        writer.submit(entry(run), answers.of(run.decode()))
    await writer.settled()
    assert store.runs == [[b"a", b"b"], [b"c", b"d"], [b"e"]]
    assert answers.names == ["a", "b", "c", "d", "e"]


async def test_a_group_with_a_poison_change_is_split_until_it_is_alone(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.poison = {b"c"}
    for run in (b"a", b"b", b"c", b"d", b"e"):
        writer.submit(entry(run), answers.of(run.decode()))
    await writer.settled()
    refused = {name for name, reply in answers.all if isinstance(reply, PayloadTooLarge)}
    assert refused == {"c"}
    assert answers.names == ["a", "b", "c", "d", "e"]  # also then in order
    assert store.runs[0] == [b"a", b"b", b"c", b"d", b"e"]
    assert [b"c"] in store.runs


async def test_what_a_holder_decided_after_a_refused_change_is_refused_with_it(
    store: Scripted, answers: Answers
) -> None:
    """Its entries would leave a gap in the journal."""
    writer = writer_of(store)
    store.poison = {b"a"}
    store.gate.clear()
    writer.submit(entry(b"a", 1), answers.of("guilty"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writer.submit(entry(b"a", 2), answers.of("after it"))
    writer.submit(entry(b"b", 1), answers.of("other"))
    store.gate.set()
    await writer.settled()
    assert store.runs == [[b"a"], [b"b"]]
    assert [(name, type(reply).__name__) for name, reply in answers.all] == [
        ("guilty", "PayloadTooLarge"), ("after it", "PayloadTooLarge"), ("other", "Reply")]  # fmt: skip


async def test_a_commit_of_unknown_outcome_is_repeated_until_it_is_known(
    store: Scripted, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of(store)
    store.errors = [StoreUnavailable("gone"), StoreUnavailable("gone"), None]
    writer.submit(entry(b"a"), answers.of("a"))
    writer.submit(entry(b"b"), answers.of("b"))
    await writer.settled()
    assert store.runs == [[b"a", b"b"]] * 3  # the very same group, so that the store can tell that it knows it
    assert answers.names == ["a", "b"]
    assert "repeating" in caplog.text


async def test_a_failing_world_is_nobodys_fault(store: Scripted, answers: Answers) -> None:
    """Nothing is split for a database that has become read-only, and everybody is told."""
    writer = writer_of(store)
    store.errors = [StoreReadOnly("the disk went away")]
    writer.submit(entry(b"a"), answers.of("a"))
    writer.submit(entry(b"b"), answers.of("b"))
    await writer.settled()
    assert store.runs == [[b"a", b"b"]]
    assert all(isinstance(reply, StoreReadOnly) for _, reply in answers.all)
    writer.submit(entry(b"c"), answers.of("c"))
    await writer.settled()
    assert answers.names == ["a", "b", "c"]


async def test_a_callback_that_fails_keeps_no_other_from_its_answer(
    store: Scripted, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of(store)

    def fails(reply: Reply | Exception) -> None:
        raise ArithmeticError("a bug")

    writer.submit(entry(b"a"), fails)
    writer.submit(entry(b"b"), answers.of("b"))
    await writer.settled()
    assert answers.names == ["b"]
    (told,) = [record for record in caplog.records if record.name == "stepwell.journal"]
    assert "an acknowledgement was not handled" in told.getMessage()
    assert told.levelno == logging.ERROR


async def test_commit_is_submit_to_be_awaited(store: Scripted) -> None:
    writer = writer_of(store)
    reply = await writer.commit(entry(b"a"))
    assert reply.ok
    store.poison = {b"a"}
    with pytest.raises(PayloadTooLarge):
        await writer.commit(entry(b"a", 2))


async def test_who_gives_up_waiting_does_not_undo_the_commit(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.gate.clear()
    waiting = asyncio.ensure_future(writer.commit(entry(b"a")))
    writer.submit(entry(b"b"), answers.of("b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    store.gate.set()
    await writer.settled()
    assert store.runs == [[b"b", b"a"]]
    assert answers.names == ["b"]


async def test_progress_is_counted_from_when_there_was_something_to_do() -> None:
    clock, store = VirtualClock(), Scripted()
    writer = JournalWriter(store, clock)  # type: ignore[arg-type]
    clock.move_to(clock.now() + 3600)
    idle = [writer.idle]
    store.gate.clear()
    writer.submit(entry(b"a"), lambda _: None)
    idle.append(writer.idle)
    assert idle == [True, False]
    assert writer.progress_at == clock.monotonic()  # an idle hour is no standstill
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.move_to(clock.now() + 60)
    assert writer.progress_at == clock.monotonic() - 60  # this is one
    store.gate.set()
    await writer.settled()
    assert writer.progress_at == clock.monotonic()


async def test_abandoned_it_commits_and_answers_nothing_more(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    store.gate.clear()
    writer.submit(entry(b"a"), answers.of("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writer.submit(entry(b"b"), answers.of("b"))
    await writer.abandon()
    store.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert store.runs == [[b"a"]]
    assert answers.all == []


async def test_abandoned_while_it_waits_to_repeat_it_does_not_repeat(store: Scripted, answers: Answers) -> None:
    writer = JournalWriter(store, VirtualClock(), repeat_s=0.001)  # type: ignore[arg-type]
    store.errors = [StoreUnavailable("gone")]
    writer.submit(entry(b"a"), answers.of("a"))
    while not store.groups:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await writer.abandon()
    await asyncio.sleep(0.01)
    assert len(store.groups) == 1
    assert answers.all == []


async def test_what_was_committed_is_not_kept_in_memory(store: Scripted, answers: Answers) -> None:
    writer = writer_of(store)
    writer.submit(entry(b"a"), answers.of("a"))
    await writer.settled()
    assert [lane._group for lane in writer._lanes] == [[]]


async def test_who_is_impatient_gets_the_error_after_a_while(store: Scripted, answers: Answers) -> None:
    clock = VirtualClock()
    writer = JournalWriter(store, clock, repeat_s=0.0, patience_s=5.0)  # type: ignore[arg-type]
    store.errors = [StoreUnavailable("away"), None]
    await writer.commit(entry(b"a"))
    assert store.runs == [[b"a"]] * 2, "it is tried again, as by everybody"

    store.gate.clear()
    store.errors = [StoreUnavailable("away"), StoreUnavailable("still away")]
    writer.submit(entry(b"b"), answers.of("b"))
    while len(store.groups) < 3:
        await asyncio.sleep(0)
    clock.move_to(clock.now() + 5.1)
    store.gate.set()
    await writer.settled()
    assert [str(error) for _, error in answers.all] == ["away"]
    assert store.runs == [[b"a"], [b"a"], [b"b"]], "and not again"
