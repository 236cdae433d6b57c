import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests import postgres

Invoke = Callable[..., Result]


def test_from_nothing_to_up_to_date(stepwell: Invoke, url: str, tmp_path: Path) -> None:
    missing = stepwell("db", "status", "-u", url)
    assert missing.exit_code == 5
    assert f"stepwell db init --url {url}" in missing.stdout
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


def test_postgres_from_nothing_to_up_to_date(stepwell: Invoke) -> None:
    url = f"{postgres.shared().url}?schema={postgres.fresh()}"
    assert stepwell("db", "status", "-u", url).exit_code == 5
    assert "CREATE TABLE" in stepwell("db", "upgrade", "--sql", "-u", url).stdout
    assert "applied 0001" in stepwell("db", "init", "-u", url).stdout
    assert "is up to date" in stepwell("db", "upgrade", "-u", url).stdout
    assert json.loads(stepwell("db", "status", "-u", url, "--json").stdout)["usable"] is True


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("postgresql://me:hush@127.0.0.1:1/x", 5, "error[store_unavailable]"),
        ("postgresql://me:hush@127.0.0.1:1/x?lanes=0", 2, "error[invalid_option]"),
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
