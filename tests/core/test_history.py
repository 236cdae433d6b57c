"""A journal folded."""

from typing import Any

from stepwell.core.history import fold_history, voided
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    Attempted,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Finished,
    Fired,
    Folded,
    Intended,
    Nested,
    Received,
    Recoded,
    Rewound,
    Started,
    Stepped,
)
from stepwell.model.failure import Failure
from tests.core.driver import stored

NO = Failure(type="ValueError")
BEGUN = Started(at=1.0)


def journal(*entries: AnyEntry) -> list[AnyEntry]:
    return [BEGUN, *entries]


def test_a_start_alone() -> None:
    history = fold_history([BEGUN])
    assert (history.started, history.stamp, history.void, history.calls) == (BEGUN, 1.0, set(), {})


def test_attempts_are_counted_until_the_outcome() -> None:
    entries = journal(
        Intended(call="a", attempt=1),
        Attempted(call="a", attempt=1, error=NO, again=9.0, unknown=True),
        Intended(call="a", attempt=2),
        Attempted(call="b", attempt=1, error=NO),
        Stepped(call="b", value=stored(1)),
    )
    history = fold_history(entries)
    assert set(history.calls) == {"a"}
    call = history.calls["a"]
    assert (call.failures, call.again, call.intended, call.unknown) == ([NO], 9.0, 2, True)


def test_what_is_open_and_what_no_longer() -> None:
    entries = journal(
        Armed(call="e", event="paid", key="k"),
        Armed(call="f", event="paid", key="l"),
        Armed(call="g", event="paid", key="m"),
        Received(call="e", event="paid"),
        Fired(call="f/timeout"),
        ChildStarted(call="c", run="ab", id="x"),
        ChildStarted(call="d", run="cd", id="y", detached=True),
        ChildStarted(call="h", run="ef", id="z"),
        ChildEnded(call="h", run="ef", status="failed"),
    )
    history = fold_history(entries)
    assert list(history.open) == ["g", "c"]
    assert history.armed == {"f", "g"}  # of one that timed out the mailbox may still know
    assert history.children == {"c": b"\xab"}


def test_the_rest() -> None:
    end = Finished(at=5.0, status="failed")
    cancel, nested, fold = CancelSeen(at=7.0), Nested(call="a/n"), Folded(call="p", void=[2])
    history = fold_history(journal(cancel, nested, fold, end))
    assert (history.cancel, history.finished, history.folds) == (cancel, end, {"p": fold})
    assert history.nested == {}
    assert history.stamp == 7.0


def test_rewound_entries_are_void_and_their_successes_happen_again() -> None:
    entries = journal(
        Stepped(call="a", value=stored(1)),
        Stepped(call="b", error=NO),
        Attempted(call="c", attempt=1, error=NO),
        Finished(status="failed"),
        Rewound(at=9.0, void=[1, 2, 3, 4], redo=2),
    )
    history = fold_history(entries)
    assert history.void == {1, 2, 3, 4}
    assert (history.redone, history.redo, history.rewound, history.finished, history.calls) == ({"a"}, 2, 9.0, None, {})


def test_a_fold_that_went_stands_for_its_calls_no_longer() -> None:
    entries: list[AnyEntry] = journal(
        Stepped(call="p/a", value=stored(1)),
        Stepped(call="p/q/b", value=stored(1)),
        Folded(call="p/q", void=[2]),
        Folded(call="p", void=[1, 2, 3]),
    )
    assert voided(entries) == {1, 2, 3}
    assert fold_history(entries).redone == set()
    rewound = Rewound(void=[4])
    assert voided([*entries, rewound]) == {4, 2}
    assert set(fold_history([*entries, rewound]).folds) == {"p/q"}
    assert voided([*entries, Rewound(void=[3, 4])]) == {3, 4}


def test_defaults_are_not_shared() -> None:
    one: Any = fold_history([BEGUN])
    one.void.add(1)
    one.calls["a"] = None
    assert fold_history([BEGUN]).void == set()
    assert fold_history([BEGUN]).calls == {}


def test_the_code_is_the_last_that_is_named() -> None:
    assert fold_history([BEGUN]).code == ""  # by nobody who knew
    assert fold_history([Started(at=1.0, code="a")]).code == "a"
    entries: list[AnyEntry] = [
        Started(at=1.0, code="a"),
        Recoded(at=2.0, code="b"),
        Stepped(at=2.0, call="x", value=stored(1)),
    ]
    assert fold_history(entries).code == "b"
    assert fold_history([*entries, Recoded(at=3.0, code="a")]).code == "a"
