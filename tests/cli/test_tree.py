from typing import Any

from stepwell.cli.calls import view_of
from stepwell.cli.tree import Line, compact, drawn, headline, shortened, told
from stepwell.client.check import OpenCall
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


def text(lines: list[Line]) -> list[str]:
    return ["".join(part if isinstance(part, str) else part[0] for part in line).rstrip() for line in lines]


def row(status: RunStatus = RunStatus.SUCCEEDED) -> RunRow:
    return RunRow(key=b"k" * 16, id="r", workflow="w", status=status)


def entry(k: str, at: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"k": k, "at": at, **fields}


def test_the_tree() -> None:
    error = {"type": "app.Declined", "message": "no\nway"}
    entries = [
        entry("started", 100.0),
        entry("step", 101.0, call="one", value={"v": {"id": 5}}, began=100.5),
        entry("step", 103.0, call="@1/first", began=101.0, attempt=2, error=error),
        entry("armed", 103.0, call="@2/paid", event="paid", key="k"),
        entry("attempt", 104.0, call="last", attempt=1, error=error, began=103.5, again=110.0),
        entry("cancel", 105.0),
    ]  # fmt: skip
    opened = [OpenCall("event", "@2/paid", opened=3), OpenCall("timer", "@2/paid/timeout", 165.0, 3),
              OpenCall("step", "last", opened=4), OpenCall("step", "now", opened=5)]  # fmt: skip
    view = view_of(row(RunStatus.RUNNING), entries, open_calls=opened)
    assert text(drawn(view, 106.0)) == [
        '  ✓ one         +500 ms  500 ms  → {"id":5}',
        "  ▸ task 1",
        "   └ ✗ first     +1.0 s   2.0 s  attempt 2  Declined: no way",
        "  ▸ task 2",
        "   └ … paid      +3.0 s   3.0 s  event  key=k  timeout in 59.0 s",
        "  ↻ last         +3.5 s          attempt 2  again in 4.0 s",
        "   ✗ attempt 1           500 ms  Declined: no way  (again after 6.0 s)",
        "  ▶ now          +4.0 s   2.0 s",
        "  ! cancel requested (operator)  +5.0 s",
    ]


def test_a_long_tree_gives_its_two_ends() -> None:
    lines: list[Line] = [[f"line {n}"] for n in range(10_002)]
    assert shortened(lines, None) is lines
    assert shortened(lines[:100], 100) == lines[:100]
    short = text(shortened(lines, 100, ": --all"))
    assert len(short) == 100
    assert short[39:41] == ["  … 9,903 more: --all", "line 9942"]
    assert (short[0], short[38], short[-1]) == ("line 0", "line 38", "line 10001")
    assert text(shortened(lines, 3)) == ["  … 10,000 more", "line 10000", "line 10001"]


def test_the_end() -> None:
    done = view_of(row(), [entry("started", 1.0), entry("finish", 3.0, status="succeeded", value={"v": [1]})])
    assert text(drawn(done, 9.0)) == ["  ■ succeeded  +2.0 s  → [1]"]
    error = {"type": "E", "message": "x"}
    failed = view_of(row(), [entry("started", 1.0), entry("finish", 3.0, status="failed", error=error)])
    assert text(drawn(failed, 9.0)) == ["  ■ failed  +2.0 s  E: x"]


def test_values_are_cut() -> None:
    assert compact({"a": 1}) == '{"a":1}'
    assert len(compact("x" * 100_000)) == 60
    assert compact("x" * 100).endswith("…")


def test_failures_in_full() -> None:
    failure = {
        "type": "builtins.ExceptionGroup", "message": "two", "code": "declined", "retryable": False,
        "traceback": "\n".join(f"line {n}" for n in range(100)), "notes": ["look here"], "details": {"a": 1},
        "group": [{"type": "A", "message": "first"}], "cause": {"type": "KeyError", "message": "'k'"},
    }  # fmt: skip
    lines = text(told(failure))
    assert lines[0] == "ExceptionGroup: two  (code declined, not retryable)"
    assert "  line 0" in lines
    assert "  line 50" not in lines
    assert "  line 99" in lines
    assert "    … 60 lines …" in lines
    assert "  note: look here" in lines
    assert '  details: {"a":1}' in lines
    assert "  A: first" in lines
    assert lines[-2:] == ["caused by", "KeyError: 'k'"]
    assert headline({"type": "E"}) == "E"
    back = {"type": "stepwell.StepError", "message": "gone", "fields": {"type_name": "CardGone"}}
    assert headline(back) == "CardGone: gone"
