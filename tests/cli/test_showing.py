from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.authoring.handle import RunStatusReport
from stepwell.cli.calls import view_of
from stepwell.cli.showing import bar, header, print_run
from stepwell.cli.snapshot import Snapshot
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


def seen(entries: list[dict[str, Any]], **fields: Any) -> Snapshot:
    row = RunRow(**{"key": b"k" * 16, "id": "r1", "workflow": "flow", "created_at": 100.0, **fields})
    return Snapshot(row=row, entries=entries, view=view_of(row, entries), generation=row.generation, now=200.0)


def report(**fields: Any) -> RunStatusReport:
    return RunStatusReport(**{"id": "r1", "workflow": "flow", "state": RunStatus.RUNNING, **fields})


def flat(lines: list[Any]) -> list[str]:
    return ["".join(part if isinstance(part, str) else part[0] for part in line) for line in lines]


def test_header() -> None:
    running = seen([], status=RunStatus.RUNNING, progress=0.25, note="rows", cancelling=True, reason="stale words")
    assert flat(header(running)) == ["r1  flow  running, cancelling", "  ██████░░░░░░░░░░░░░░░░░░ 25%  rows"]
    parked = seen([], status=RunStatus.PARKED, reason="diverged:\n  journal")
    assert flat(header(parked)) == ["r1  flow  parked", "  diverged:", "    journal"]
    left = replace(seen([], status=RunStatus.QUEUED), unserved="no worker is alive")
    assert flat(header(left)) == ["r1  flow  queued", "  no worker is alive"]
    assert len(bar(0.0)) == len(bar(1.0)) == 24


def test_everything_that_is_known_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"status": RunStatus.RUNNING, "started_at": 101.0, "due": 300.0, "expires_at": 400.0, "worker": "w1",
           "generation": 2, "deaths": 1, "parent": b"p" * 16, "parent_call": "kid", "tags": {"a": 1}}  # fmt: skip
    print_run(seen([{"k": "started", "at": 100.0}], **row), report(attempt=3, input={"x": 1}))
    shown = capsys.readouterr().out
    for text in ("default, priority 100", "(after 1.0 s)", "in 2 min", "w1", "attempt     3", "generation  2",
                 "1 worker died with it", f"{b'p'.hex() * 16} (kid)", "a=1", '{"x":1}',
                 "generation 2, 1 entry"):  # fmt: skip
        assert text in shown, text


def failing(cause: str | None, message: str) -> list[dict[str, Any]]:
    own = {"type": "ValueError", "message": "no", "traceback": "of the step"}
    end = {"type": "RuntimeError", "message": message, "traceback": "of the body"}
    return [{"k": "started"}, {"k": "step", "call": "a", "error": own},
            {"k": "finish", "status": "failed", "error": own if message == "no" else end, "cause": cause}]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "message", "titles"),
    [
        (None, "other", ["error"]),
        ("a", "no", ["error of a"]),
        ("a", "other", ["error of a", "error of the run"]),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], cause: str | None, message: str, titles: list[str]) -> None:
    print_run(seen(failing(cause, message), status=RunStatus.FAILED), report())
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("error")] == titles
    assert ("    of the step" in lines) is (cause is not None)
