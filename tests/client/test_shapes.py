"""The shapes of the API's JSON."""

import msgspec
import pytest

from stepwell.client.shapes import Run, moment, moment_or_none, run_of
from stepwell.model.run import RunRow


@pytest.mark.parametrize(
    ("at", "text"),
    [(0.0, "1970-01-01T00:00:00.000000Z"), (1_795_262_400.123456, "2026-11-21T12:00:00.123456Z"),
     (-5.0, "1970-01-01T00:00:00.000000Z"), (1e18, "9999-12-31T23:59:59.000000Z")],
)  # fmt: skip
def test_moments(at: float, text: str) -> None:
    assert moment(at) == text
    assert moment_or_none(None) is None


def test_a_row_and_its_parent() -> None:
    row = RunRow(key=b"k" * 16, id="r", workflow="w", parent=b"p" * 16, tags={"a": 1})
    assert run_of(row).parent == (b"p" * 16).hex()
    told = run_of(row, now="x", parent="above")
    assert (told.parent, told.parent_key, told.now, told.due_at) == ("above", (b"p" * 16).hex(), "x", None)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Run) == told
    assert (told.brief, run_of(row, brief='"ok"').brief) == (None, '"ok"')


def test_a_run_took_from_its_creation_to_its_end() -> None:
    row = RunRow(key=b"k" * 16, id="r", workflow="w", created_at=10.0, started_at=14.0, worker="w1")
    assert (run_of(row).took_s, run_of(row, worker="h:1").worker_name) == (None, "h:1")
    assert run_of(msgspec.structs.replace(row, finished_at=15.5)).took_s == 5.5
