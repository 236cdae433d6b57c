import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def test_from_nothing_to_up_to_date(stepwell: Invoke, url: str, tmp_path: Path) -> None:
    missing = stepwell("db", "status", "-u", url)
    assert missing.exit_code == 5
    assert "stepwell db init" in missing.stdout
    assert "CREATE TABLE" in stepwell("db", "upgrade", "--sql", "-u", url).stdout
    assert list(tmp_path.iterdir()) == []
    made = stepwell("db", "init", "-u", url)
    assert made.exit_code == 0
    assert "applied 0001" in made.stdout
    assert "is up to date" in stepwell("db", "upgrade", "-u", url).stdout
    assert "up to date" in stepwell("db", "status", "-u", url).stdout
    data = json.loads(stepwell("db", "status", "-u", url, "--json").stdout)
    assert data["usable"] is True
    assert data["pending"] == []
    assert data["schema"] == data["newest"]


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("sqlite:////no/such/folder/x.db", 5, "error[store_unavailable]"),
        ("memory://", 2, "error[invalid_option]"),
        ("mysql://me:hush@host/db", 2, "error["),
    ],
)
def test_refusals(stepwell: Invoke, url: str, code: int, said: str) -> None:
    result = stepwell("db", "init", "-u", url)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "hush" not in result.output
