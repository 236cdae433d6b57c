from typing import Any

import msgspec

from stepwell.cli.calls import CallNode, view_of
from stepwell.client.check import OpenCall
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

FAILED = {"type": "ValueError", "message": "no"}


def row(status: RunStatus = RunStatus.WAITING) -> RunRow:
    return RunRow(key=b"k" * 16, id="r", workflow="w", status=status)


def entry(k: str, at: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"generation": 1, "seq": 0, "k": k, "at": at, **fields}


def outline(nodes: list[CallNode]) -> list[Any]:
    return [(node.name, node.state, *([outline(node.children)] if node.children else [])) for node in nodes]


def test_a_tree_by_scope_and_name() -> None:
    view = view_of(row(), [
        entry("started", 1.0, attempt=2),
        entry("step", 2.0, call="one", value={"v": 5}, began=1.5),
        entry("step", 3.0, call="page 1%2F2/two#3", error=FAILED, began=2.5),
        entry("step", 3.0, call="@1/@2/three", value={"r": "digest"}, began=2.5),
        entry("nested", 3.0, call="@1/@2/three/inner:0123456789abcdef#2", value={}, began=2.6),
        entry("timer", 4.0, call="sleep"),
        entry("finish", 5.0, status="succeeded"),
    ])  # fmt: skip
    assert outline(view.roots) == [
        ("one", "done"),
        ("page 1/2", "", [("two #3", "failed")]),
        ("task 1", "", [("task 2", "", [("three", "done", [("inner #2", "done")])])]),
        ("sleep", "done"),
    ]
    assert (view.entries, view.started, view.attempt) == (7, 1.0, 2)
    assert view.nodes["one"].value == 5
    assert (view.nodes["one"].began, view.nodes["one"].ended) == (1.5, 2.0)
    assert view.nodes["@1/@2/three"].value == "(stored apart)"
    assert view.nodes["@1/@2/three"].label == "task 1 / task 2 / three"
    assert view.nodes["page 1%2F2/two#3"].error == FAILED
    assert view.nodes["sleep"].value is msgspec.UNSET
    assert view.end is not None


def test_attempts_and_waits() -> None:
    view = view_of(row(), [
        entry("started"),
        entry("attempt", 2.0, call="a", attempt=1, error=FAILED, began=1.0, again=7.0),
        entry("intent", 3.0, call="b", attempt=1),
        entry("armed", 4.0, call="paid", event="paid", key="k1"),
        entry("child", 5.0, call="kid", run="00", id="kid-1", workflow="other"),
        entry("child", 5.0, call="start off", run="00", id="off-1", workflow="other", detached=True),
        entry("child", 5.0, call="lost", run="00", id="lost-1", workflow="other"),
        entry("ended", 6.0, call="lost", run="00", status="terminated"),
        entry("cancel", 7.0, reason="deadline"),
    ])  # fmt: skip
    assert outline(view.roots) == [
        ("a", "retrying"), ("b", "begun"), ("paid", "waiting"), ("kid", "waiting"), ("start off", "done"),
        ("lost", "cancelled"),
    ]  # fmt: skip
    a = view.nodes["a"]
    assert (a.attempt, a.due, [t.attempt for t in a.tried]) == (2, 7.0, [1])
    assert view.nodes["paid"].note == "key=k1"
    assert view.nodes["kid"].note == "other kid-1"
    assert view.nodes["lost"].note == "other lost-1 terminated"
    assert view.marks == [(7.0, "cancel requested (deadline)")]


def test_what_a_retry_or_a_fold_made_void_is_not_shown() -> None:
    view = view_of(row(), [
        entry("started"),
        entry("step", call="a", error=FAILED),
        entry("step", call="loop/inner", value={"v": 1}),
        entry("finish", status="failed", error=FAILED),
        entry("rewind", 5.0, void=[1, 3]),
        entry("fold", call="loop", void=[2], value={"v": 7}),
    ])  # fmt: skip
    assert outline(view.roots) == [("loop", "done")]
    assert view.void == 3
    assert view.end is None
    assert view.marks == [(5.0, "retried: 2 entries count no longer")]


def test_what_is_open() -> None:
    entries = [entry("started"), entry("armed", call="paid", event="paid", key="k"),
               entry("attempt", call="again", attempt=1, error=FAILED, again=9.0)]  # fmt: skip
    calls = [OpenCall("event", "paid"), OpenCall("timer", "paid/timeout", 8.0), OpenCall("step", "new"),
             OpenCall("step", "again"), OpenCall("timer", "sleep", 7.0), OpenCall("child run", "kid")]  # fmt: skip
    view = view_of(row(RunStatus.RUNNING), entries, open_calls=calls)
    assert outline(view.roots) == [
        ("paid", "waiting"), ("again", "retrying"), ("new", "running"), ("sleep", "waiting"), ("kid", "waiting")
    ]  # fmt: skip
    assert view.nodes["paid"].due == 8.0
    assert view.nodes["kid"].kind == "child"
    for queued in ("new", "@1/new"):
        left = view_of(row(RunStatus.QUEUED), [entry("started")], open_calls=[OpenCall("step", queued)])
        assert left.roots == [], "nobody holds the run: nothing has begun"


def test_what_its_body_gave_up_or_its_end_closed() -> None:
    entries = [
        entry("started"),
        entry("intent", 1.0, call="pay", attempt=1),
        entry("armed", 2.0, call="paid", event="paid"),
    ]
    waits = view_of(row(), entries, open_calls=[OpenCall("event", "paid")])
    assert outline(waits.roots) == [("pay", "cancelled"), ("paid", "waiting")]
    over = view_of(row(RunStatus.TERMINATED), entries)
    assert outline(over.roots) == [("pay", "cancelled"), ("paid", "cancelled")]
    earlier = view_of(row(), entries, last=False)
    assert outline(earlier.roots) == outline(over.roots)


def test_the_code_that_a_run_began_by_is_no_change_of_it() -> None:
    later = [entry("code", 2.0, code="c1"), entry("step", 3.0, call="a", value={"v": 1})]
    assert view_of(row(), [entry("started", 1.0), *later]).marks == []
    assert view_of(row(), [entry("started", 1.0, code="c0"), *later]).marks == [(2.0, "went on by other code (c1)")]
    twice = [*later, entry("code", 4.0, code="c2")]
    assert view_of(row(), [entry("started", 1.0), *twice]).marks == [(4.0, "went on by other code (c2)")]
