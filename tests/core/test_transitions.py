"""The table of states: whole, consistent, and what operators decide by it."""

import msgspec
import pytest

from stepwell.core.transitions import MOVES, VERBS, Act, Verb, decide
from stepwell.errors import IllegalState
from stepwell.model.change import Patch
from stepwell.model.entry import (
    AnyEntry,
    ChildEnded,
    ChildStarted,
    Finished,
    Rewound,
    Started,
    Stepped,
    decode_entries,
)
from stepwell.model.failure import Failure
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus as S

FAILED: list[AnyEntry] = [
    Started(at=1.0),
    Stepped(at=2.0, call="a", opened=1),
    Stepped(at=3.0, call="b", error=Failure(type="ValueError"), opened=2),
    Finished(at=4.0, status="failed", cause="b"),
]


def a_row(status: S) -> RunRow:
    return RunRow(key=bytes(16), id="r", workflow="w", status=status, epoch=3, inbox=2, pin="0a1b2c3d4e5f")


def test_every_state_has_its_line_and_leads_only_to_states() -> None:
    assert set(MOVES) == set(S)
    for moves in MOVES.values():
        assert set(moves.values()) <= set(S)


def test_terminal_is_final_but_for_operators() -> None:
    for state in S:
        if state.terminal:
            assert set(MOVES[state]) <= {"retry", "restart"}


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_cell(verb: Verb, status: S) -> None:
    """Allowed: a change guarded by what was seen, or nothing; else refused with what is allowed."""
    act = VERBS[verb].get(status)
    row = a_row(status)
    if act is None:
        with pytest.raises(IllegalState) as refused:
            decide(row, verb, list(FAILED), 9.0)
        assert set(refused.value.allowed) == {v.value for v in Verb if status in VERBS[v]}
        return
    change = decide(row, verb, list(FAILED), 9.0)
    if act is Act.NOTHING:
        assert change is None
        return
    assert change is not None
    assert change.expect is not None
    assert (change.expect.epoch, change.expect.status, change.expect.inbox) == (3, status, 2)
    if act is Act.FREE:
        assert change.patch == Patch(pin="")  # and nothing else: its holder goes on
    elif act is Act.POST:
        assert [post.target for post in change.post] == [row.key]
        assert change.post[0].item.kind == verb.value
    else:
        assert change.patch is not None
        assert change.patch.bump, "whoever held the run is fenced off"


def test_retry_rewinds_to_before_the_failure() -> None:
    change = decide(a_row(S.FAILED), Verb.RETRY, list(FAILED), 9.0)
    assert change is not None
    (entry,) = decode_entries(change.data)
    assert isinstance(entry, Rewound)
    assert entry.void == [2, 3]
    assert change.seq == 4


def test_restart_opens_a_generation_with_the_same_input() -> None:
    change = decide(a_row(S.FAILED), Verb.RESTART, list(FAILED), 9.0)
    assert change is not None
    assert change.patch is not None
    assert change.patch.generation == 2
    (started,) = decode_entries(change.opens)
    assert isinstance(started, Started)
    assert (started.at, started.attempt) == (9.0, 1)


def test_a_restart_cancels_the_children_that_are_at_work() -> None:
    entries: list[AnyEntry] = [
        Started(at=1.0),
        ChildStarted(at=2.0, call="a", run="aa", id="x", workflow="w"),
        ChildStarted(at=2.0, call="b", run="bb", id="y", workflow="w"),
        ChildStarted(at=2.0, call="free", run="cc", id="z", workflow="w", detached=True),
        ChildEnded(at=3.0, call="a", run="aa", status="succeeded"),
    ]
    change = decide(a_row(S.WAITING), Verb.RESTART, entries, 9.0)
    assert change is not None
    assert [(post.target, post.item.kind) for post in change.post] == [(b"\xbb", "cancel")]


def test_a_new_generation_is_pinned_to_nothing() -> None:
    change = decide(a_row(S.PARKED), Verb.RESTART, [Started(at=1.0, code="0a1b2c3d4e5f")], 9.0)
    assert change is not None
    assert change.patch is not None
    assert change.patch.pin == ""
    (started,) = decode_entries(change.opens)
    assert isinstance(started, Started)
    assert started.code == ""  # whoever takes it says by which code


def test_there_is_nothing_to_unpin() -> None:
    row = msgspec.structs.replace(a_row(S.QUEUED), pin=None)
    assert decide(row, Verb.UNPIN, [Started(at=1.0)], 9.0) is None


def test_terminate_tells_the_parent() -> None:
    row = RunRow(key=bytes(16), id="r", workflow="w", status=S.WAITING, parent=b"p" * 16, parent_call="child")
    change = decide(row, Verb.TERMINATE, [Started(at=1.0)], 9.0)
    assert change is not None
    assert change.closes
    assert [post.target for post in change.post] == [b"p" * 16]


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("verb", list(Verb))
def test_what_a_verb_does_to_the_state_is_a_move_of_the_table(verb: Verb, status: S) -> None:
    act = VERBS[verb].get(status)
    if act in (None, Act.NOTHING, Act.FREE):
        return
    change = decide(a_row(status), verb, list(FAILED), 9.0)
    assert change is not None
    after = change.patch.status if change.patch is not None else None
    if act is Act.POST and after is None:
        return  # the holder moves the run, once it has seen it
    assert after is not None
    assert MOVES[status][verb.value] == after
    assert change.patch is not None
    assert change.patch.release


def test_every_operators_move_of_the_table_is_a_verb() -> None:
    verbs = {verb.value for verb in Verb}
    for state, moves in MOVES.items():
        for move in moves.keys() & verbs:
            assert state in VERBS[Verb(move)], (state, move)


def test_every_state_can_be_reached_and_left() -> None:
    reached, new = {S.QUEUED}, {S.QUEUED}
    while new:
        new = {after for state in new for after in MOVES[state].values()} - reached
        reached |= new
    assert reached == set(S)
    assert all(MOVES.values())


def test_what_is_stored_by_terminate() -> None:
    change = decide(a_row(S.RUNNING), Verb.TERMINATE, [Started(at=1.0)], 9.0)
    assert change is not None
    assert change.patch is not None
    (end,) = decode_entries(change.data)
    assert end == Finished(at=9.0, status="terminated")
    assert (change.seq, change.count, change.patch.finished_at, change.post) == (1, 1, 9.0, ())


def test_a_deadline_moves_with_a_restart() -> None:
    begun: list[AnyEntry] = [Started(at=1.0, deadline=11.0, attempt=3)]
    change = decide(a_row(S.QUEUED), Verb.RESTART, begun, 100.0)
    assert change is not None
    (started,) = decode_entries(change.opens)
    assert isinstance(started, Started)
    assert (started.deadline, started.attempt) == (110.0, 1)


def test_resuming_a_rollback_that_failed_lets_its_undo_run_again() -> None:
    undo = Stepped(at=2.0, call="rollback/undo", error=Failure(type="ValueError"), opened=1)
    failed: list[AnyEntry] = [Started(at=1.0), undo]
    parked = msgspec.structs.replace(a_row(S.PARKED), reason="rollback: undoing a failed: no")
    change = decide(parked, Verb.RESUME, failed, 9.0)
    assert change is not None
    (entry,) = decode_entries(change.data)
    assert isinstance(entry, Rewound)
    assert (entry.void, change.seq) == ([1], 2)
    other = decide(a_row(S.PARKED), Verb.RESUME, failed, 9.0)
    assert other is not None
    assert other.data == b""


def test_a_retry_without_an_end_is_refused() -> None:
    with pytest.raises(IllegalState, match="no failure to go back to"):
        decide(a_row(S.FAILED), Verb.RETRY, [Started(at=1.0)], 9.0)
