from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from stepwell.authoring.handle import RunStatusReport
from stepwell.cli.rows import plain, report_data, run_data, worker_data
from stepwell.model.run import RunRow, WorkerRow
from stepwell.model.status import RunStatus

KEY = bytes(range(16))


def test_a_run_is_plain_data_under_the_names_of_python() -> None:
    row = RunRow(
        key=KEY, id="r", workflow="w", status=RunStatus.WAITING, due=0.5, created_at=0.25, parent=KEY, tags={"a": 1}
    )
    data = run_data(row)
    assert data["key"] == data["parent"] == KEY.hex()
    assert (data["status"], data["tags"], data["due_at"]) == ("waiting", {"a": 1}, "1970-01-01T00:00:00.500Z")
    assert data["finished_at"] is None
    assert msgspec.json.decode(msgspec.json.encode(data)) == data
    assert all(name == name.lower() for name in data)


def test_a_worker() -> None:
    assert worker_data(WorkerRow(id="w", pid=5, beat_at=1.0))["beat_at"] == "1970-01-01T00:00:01.000Z"


@dataclass
class Money:
    amount: int


class Odd:
    def __str__(self) -> str:
        return "odd"


def test_a_report() -> None:
    report = RunStatusReport(
        id="r", workflow="w", state=RunStatus.FAILED, input=[1], error=ValueError("no"), current=("a",)
    )
    assert report_data(report) == {
        "input": [1],
        "result": None,
        "error": {"type": "ValueError", "message": "no", "code": None},
        "attempt": 1,
        "current": ["a"],
    }


def test_results_of_users_types() -> None:
    values: list[tuple[Any, Any]] = [
        (Money(3), {"amount": 3}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Odd(), "odd"),
        (None, None),
    ]
    for value, expected in values:
        assert plain(value) == expected
