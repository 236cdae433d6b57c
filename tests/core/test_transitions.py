"""The table of states: whole, consistent, and what operators decide by it."""

import pytest

from stepwell.core.transitions import MOVES, VERBS, Act, Verb, decide
from stepwell.errors import IllegalState
from stepwell.model.entry import AnyEntry, Finished, Rewound, Started, Stepped, decode_entries
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
    return RunRow(key=bytes(16), id="r", workflow="w", status=status, epoch=3, inbox=2)


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
    if act is Act.POST:
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


def test_terminate_tells_the_parent() -> None:
    row = RunRow(key=bytes(16), id="r", workflow="w", status=S.WAITING, parent=b"p" * 16, parent_call="child")
    change = decide(row, Verb.TERMINATE, [Started(at=1.0)], 9.0)
    assert change is not None
    assert change.closes
    assert [post.target for post in change.post] == [b"p" * 16]
