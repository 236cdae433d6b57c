import io
from datetime import datetime
from pathlib import Path

import click
import pytest

from stepwell.cli.arguments import json_argument, moment, tags
from stepwell.errors import InvalidDuration


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json_argument(None) is None
    assert json_argument('{"a": [1, null]}') == {"a": [1, None]}
    file = tmp_path / "input.json"
    file.write_text('"from a file"')
    assert json_argument(f"@{file}") == "from a file"
    monkeypatch.setattr("sys.stdin", io.StringIO('{"from": "a pipe"}'))
    assert json_argument("-") == {"from": "a pipe"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word", "A string needs its quotes"),
        ("{", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("@/no/such/file", "cannot be read"),
        ("1 2", "is not JSON"),
    ],
)
def test_what_is_no_json(text: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said):
        json_argument(text)


def test_tags() -> None:
    assert tags(("a=b", "n=1", "x=1.5", "yes=true", "s=[1]", "empty=", "eq=a=b")) == {
        "a": "b", "n": 1, "x": 1.5, "yes": True, "s": "[1]", "empty": "", "eq": "a=b",
    }  # fmt: skip
    for wrong in ("a", "=b"):
        with pytest.raises(click.BadParameter):
            tags((wrong,))


def test_moments() -> None:
    assert moment(None, 1000.0) is None
    assert moment("10m", 1000.0) == 400.0
    assert moment("1970-01-01T00:00:10Z", 1000.0) == 10.0
    assert moment("1970-01-01T02:00:10+02:00", 1000.0) == 10.0
    assert moment("2026-01-31", 0.0) == datetime(2026, 1, 31).astimezone().timestamp()
    with pytest.raises(
        InvalidDuration, match=r"'yesterday' is no moment; expected how long ago .*or a date: 2026-01-31"
    ):
        moment("yesterday", 1000.0)
