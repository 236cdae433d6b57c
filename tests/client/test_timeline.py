"""From entries to calls."""

from typing import Any

import msgspec
import pytest

from stepwell.client.check import OpenCall
from stepwell.client.timeline import CallView, open_of, sizes_of, started_of, timeline_of
from stepwell.core.opencalls import Kind
from stepwell.model.entry import (
    Armed,
    Attempted,
    ChildEnded,
    ChildStarted,
    Finished,
    Fired,
    Folded,
    Intended,
    Nested,
    Payload,
    Received,
    Rewound,
    Started,
    Stepped,
)
from stepwell.model.failure import Failure
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

FAILURE = Failure(type="ValueError", message="no")
VALUE = Payload(v=msgspec.Raw(b"5"))


def row(status: RunStatus = RunStatus.WAITING, **more: Any) -> RunRow:
    return RunRow(key=b"k" * 16, id="r", workflow="w", status=status, **more)


def calls(*entries: Any, at: RunRow | None = None, open_calls: Any = None, **more: Any) -> dict[str, CallView]:
    found = timeline_of(at or row(), [Started(at=0.5), *entries], open_calls=open_calls, **more)
    return {call.id: call for call in found}


def test_a_step_with_attempts_and_the_time_in_the_queue() -> None:
    made = calls(
        Stepped(at=1.0, call="first", value=VALUE, began=0.5, opened=1),
        Attempted(at=4.0, call="charge", attempt=1, error=FAILURE, began=3.0, again=6.0),
        Attempted(at=7.0, call="charge", attempt=2, error=FAILURE, began=6.0, again=9.0, unknown=True),
        Stepped(at=10.0, call="charge", value=VALUE, attempt=3, began=9.0, opened=2),
    )
    charge = made["charge"]
    assert (charge.kind, charge.status, charge.opened, charge.began, charge.ended, charge.seq) == (
        "step", "succeeded", 1.0, 3.0, 10.0, 4)  # fmt: skip
    assert [(a.n, a.status, a.began, a.ended, a.again) for a in charge.attempts] == [
        (1, "failed", 3.0, 4.0, 6.0), (2, "unknown", 6.0, 7.0, 9.0), (3, "succeeded", 9.0, 10.0, None)]  # fmt: skip
    assert charge.value == VALUE


def test_a_step_between_attempts_waits() -> None:
    charge = calls(Attempted(at=4.0, call="charge", attempt=1, error=FAILURE, began=3.0, again=6.0))["charge"]
    assert (charge.status, charge.due, charge.ended) == ("waiting", 6.0, None)


def test_what_may_have_happened_is_unknown() -> None:
    lost = Failure(type="stepwell.OutcomeUnknown", code="outcome_unknown")
    made = calls(Intended(at=1.0, call="pay", attempt=1), Stepped(at=9.0, call="pay", error=lost, opened=1))
    assert (made["pay"].status, [a.status for a in made["pay"].attempts]) == ("unknown", ["unknown"])
    begun = calls(Intended(at=1.0, call="pay", attempt=1), at=row(RunStatus.RUNNING))["pay"]
    assert (begun.status, [a.status for a in begun.attempts]) == ("running", ["running"])
    back = calls(Intended(at=1.0, call="pay", attempt=1), Intended(at=2.0, call="pay", attempt=0))["pay"]
    assert back.attempts == []


def test_waits_and_sleeps() -> None:
    made = calls(
        Fired(at=5.0, call="sleep", opened=1),
        Armed(at=6.0, call="paid", event="paid", key="7"),
        Received(at=8.0, call="paid", event="paid", key="7", value=VALUE, sent=7.5, opened=2),
        Armed(at=9.0, call="late", event="late"),
        Fired(at=20.0, call="late/timeout", opened=4),
    )
    assert (made["sleep"].kind, made["sleep"].began, made["sleep"].ended) == ("sleep", 0.5, 5.0)
    paid = made["paid"]
    assert (paid.kind, paid.status, paid.began, paid.ended, paid.event, paid.key, paid.received) == (
        "wait", "succeeded", 6.0, 8.0, "paid", "7", 7.5)  # fmt: skip
    late = made["late"]
    assert (late.status, late.ended) == ("failed", 20.0)
    assert late.error is not None
    assert late.error.code == "event_timeout"
    assert "late/timeout" not in made


def test_children() -> None:
    made = calls(
        ChildStarted(at=1.0, call="a", run="00", id="r/a", workflow="w2"),
        ChildStarted(at=1.0, call="b", run="01", id="r/b", workflow="w2", detached=True),
        ChildStarted(at=1.0, call="c", run="", id="", detached=True, error=FAILURE),
        ChildEnded(at=5.0, call="a", run="00", status="terminated", opened=1),
    )
    assert (made["a"].kind, made["a"].status, made["a"].child, made["a"].target) == ("child", "cancelled", "r/a", "00")
    assert (made["b"].status, made["b"].ended) == ("succeeded", 1.0)
    assert made["c"].status == "failed"


def test_scopes_tasks_and_undos() -> None:
    made = calls(
        Stepped(at=2.0, call="@1/page 17/fetch", value=VALUE, began=1.0, opened=1),
        Stepped(at=3.0, call="@2/fetch#2", error=FAILURE, began=1.0, opened=1),
        Nested(at=4.0, call="@1/page 17/fetch/inner:0123456789abcdef#2", value=VALUE, began=3.5),
        Stepped(at=5.0, call="rollback/undo", value=VALUE, began=4.5, opened=3),
        at=row(RunStatus.FAILED, finished_at=6.0),
    )
    assert (made["@1"].kind, made["@1"].name, made["@1"].parent) == ("scope", "task 1", None)
    assert (made["@1/page 17"].parent, made["@1/page 17"].status) == ("@1", "succeeded")
    assert (made["@2"].status, made["@2/fetch#2"].name) == ("failed", "fetch #2")
    assert made["@1/page 17/fetch/inner:0123456789abcdef#2"].name == "inner #2"
    assert made["@1/page 17/fetch/inner:0123456789abcdef#2"].kind == "nested"
    assert (made["rollback/undo"].kind, made["rollback/undo"].undo) == ("undo", True)
    assert list(made).index("@1") < list(made).index("@1/page 17") < list(made).index("@1/page 17/fetch")


def test_a_fold_stands_for_its_calls_and_a_rewind_takes_back() -> None:
    made = calls(
        Stepped(at=1.0, call="part/a", value=VALUE, began=0.5, opened=1),
        Folded(at=2.0, call="part", void=[1], value=VALUE),
    )
    assert list(made) == ["part"]
    assert (made["part"].kind, made["part"].began, made["part"].ended) == ("fold", 1.0, 2.0)
    made = calls(Stepped(at=1.0, call="a", error=FAILURE, began=0.5, opened=1), Finished(at=2.0, status="failed"),
                 Rewound(at=3.0, void=[1, 2]))  # fmt: skip
    assert made == {}


def test_what_is_open_is_told_by_a_replay() -> None:
    entries = (Armed(at=1.0, call="paid", event="paid"),)
    told = [OpenCall(Kind.EVENT, "paid", None, 1), OpenCall(Kind.TIMER, "paid/timeout", 60.0, 1),
            OpenCall(Kind.STEP, "charge", None, 2), OpenCall(Kind.TIMER, "sleep", 9.0, 2)]  # fmt: skip
    made = calls(*entries, open_calls=told)
    assert (made["paid"].status, made["paid"].due) == ("waiting", 60.0)
    assert (made["charge"].status, made["charge"].opened, made["charge"].began) == ("queued", 1.0, None)
    assert (made["sleep"].kind, made["sleep"].due) == ("sleep", 9.0)
    running = calls(*entries, open_calls=told, at=row(RunStatus.RUNNING))
    assert (running["charge"].status, running["charge"].began) == ("running", 1.0)
    held = calls(*entries, at=row(RunStatus.RUNNING), open_calls=[
        OpenCall(Kind.STEP, "a", None, 1, 2, 5.0), OpenCall(Kind.STEP, "b", None, 1, 1, 0.0)])  # fmt: skip
    assert (held["a"].status, [(a.n, a.status, a.began) for a in held["a"].attempts]) == (
        "running",
        [(2, "running", 5.0)],
    )
    assert (held["b"].status, held["b"].attempts) == ("queued", [])
    assert held["paid"].status == "cancelled"  # the body has given it up


def test_without_a_replay_the_row_says_something() -> None:
    at = row(reason="waiting for event paid, timer sleep#2, child run c", due=30.0)
    made = calls(Armed(at=1.0, call="paid", event="paid"), at=at)
    assert {name: (call.kind, call.due) for name, call in made.items()} == {
        "paid": ("wait", None), "sleep#2": ("sleep", 30.0), "c": ("child", None)}  # fmt: skip
    assert calls(at=row(reason="something else")) == {}


def test_the_end_closes_what_was_open() -> None:
    entries = (Armed(at=1.0, call="paid", event="paid"), Intended(at=2.0, call="pay", attempt=1))
    made = calls(*entries, at=row(RunStatus.CANCELLED, finished_at=9.0))
    assert (made["paid"].status, made["paid"].ended) == ("cancelled", 9.0)
    assert made["pay"].attempts[0].status == "unknown"
    old = calls(*entries, last=False)
    assert old["paid"].status == "cancelled"
    assert open_of(list(made.values())) == []


def test_what_another_worker_did_of_a_call_is_lost_and_no_time_in_the_queue() -> None:
    first = Stepped(at=1.0, call="first", value=VALUE, began=0.5, opened=1)
    open_step = OpenCall(Kind.STEP, "render", None, 2, 1, 95.0, queued=90.0)
    taken = row(RunStatus.RUNNING, epoch=2, started_at=0.6)
    render = calls(first, open_calls=[open_step], at=taken)["render"]
    assert [(a.n, a.status, a.began, a.ended, a.lost) for a in render.attempts] == [
        (1, "unknown", 1.0, 90.0, True), (1, "running", 95.0, None, False)]  # fmt: skip
    assert render.status == "running"
    waits = msgspec.structs.replace(open_step, began=0.0)
    queued = calls(first, open_calls=[waits], at=taken)["render"]
    assert (queued.status, [a.lost for a in queued.attempts]) == ("queued", [True])
    mine = row(RunStatus.RUNNING, epoch=1, started_at=0.6)  # nobody else has ever held it
    soon = msgspec.structs.replace(open_step, queued=1.5)
    for said, at in ((open_step, mine), (soon, taken)):
        render = calls(first, open_calls=[said], at=at)["render"]
        assert [a.lost for a in render.attempts] == [False]


@pytest.mark.parametrize(
    ("more", "began"),
    [({"epoch": 2, "started_at": 40.0}, 40.0),  # the first claim, not the creation
     ({"epoch": 2, "started_at": 89.9}, None), ({"epoch": 2, "started_at": 40.0, "generation": 2}, None),
     ({"epoch": 2}, None)],
)  # fmt: skip
def test_the_first_call_is_lost_only_since_the_first_claim(more: dict[str, Any], began: float | None) -> None:
    said = OpenCall(Kind.STEP, "render", None, 1, 1, 95.0, queued=90.0)
    render = calls(open_calls=[said], at=row(RunStatus.RUNNING, **more))["render"]
    assert [a.began for a in render.attempts if a.lost] == ([] if began is None else [began])


def test_the_first_calls_are_made_when_the_run_is_first_claimed() -> None:
    at = row(RunStatus.SUCCEEDED, started_at=25.0, finished_at=40.0)
    made = calls(
        Stepped(at=25.2, call="first", value=VALUE, began=25.1, opened=1),
        Fired(at=30.0, call="sleep", opened=1),
        Stepped(at=31.0, call="second", value=VALUE, began=30.5, opened=2),
        at=at,
    )
    assert [made[name].opened for name in ("first", "sleep", "second")] == [25.0, 25.0, 25.2]
    told = [OpenCall(Kind.STEP, "first", None, 1, 1, 0.0, queued=25.1)]
    assert calls(open_calls=told, at=row(RunStatus.RUNNING, started_at=25.0))["first"].opened == 25.0


def test_the_first_calls_of_a_later_generation_are_made_when_something_was_first_done_in_it() -> None:
    """The row keeps when the run was first of all claimed: here that was before this generation (0.5) was made."""
    again = row(RunStatus.RUNNING, started_at=0.1, generation=2)
    tried = Attempted(at=26.0, call="b", attempt=1, error=FAILURE, began=25.5, again=27.0)
    made = calls(tried, Stepped(at=25.2, call="a", value=VALUE, began=25.1, opened=1),
                 Stepped(at=29.0, call="b", value=VALUE, attempt=2, began=28.0, opened=1), at=again)  # fmt: skip
    assert (made["a"].opened, made["b"].opened) == (25.1, 25.1)
    assert calls(Armed(at=7.0, call="paid", event="p"), Fired(at=9.0, call="sleep", opened=1), at=again)[
        "sleep"
    ].opened == 7.0  # fmt: skip
    told = [OpenCall(Kind.STEP, "a", None, 1, 1, 0.0, queued=25.0), OpenCall(Kind.TIMER, "sleep", 90.0, 1)]
    assert {call.opened for call in calls(open_calls=told, at=again).values()} == {25.0}
    assert calls(open_calls=told[1:], at=again)["sleep"].opened == 0.5  # nothing says more
    # It may have waited for its first claim through a restart, too.
    late = row(RunStatus.RUNNING, started_at=30.0, generation=2)
    assert calls(Stepped(at=31.0, call="a", value=VALUE, began=30.5, opened=1), at=late)["a"].opened == 30.0


def test_nothing_comes_due_of_a_parked_run() -> None:
    told = [OpenCall(Kind.TIMER, "sleep", 3600.0, 1)]
    assert calls(open_calls=told)["sleep"].due == 3600.0
    assert calls(open_calls=told, at=row(RunStatus.PARKED))["sleep"].due is None
    tried = Attempted(at=4.0, call="charge", attempt=1, error=FAILURE, began=3.0, again=6.0)
    assert calls(tried, at=row(RunStatus.PARKED))["charge"].due is None


def test_ten_thousand_calls_in_tasks_are_no_square() -> None:
    entries = [Stepped(at=float(n), call=f"@{n}/work", value=VALUE, began=float(n), opened=1) for n in range(1, 10_001)]
    assert len(calls(*entries, at=row(RunStatus.SUCCEEDED, finished_at=10_001.0))) == 20_000


def test_sizes_and_starts() -> None:
    assert sizes_of({}, None) is None
    assert sizes_of({}, VALUE) == 1
    assert sizes_of({"x": b"123"}, Payload(r="x")) == 3
    assert sizes_of({}, Payload(r="y")) is None
    assert started_of([Started(at=3.0)]) == Started(at=3.0)
    assert started_of([]) is None
