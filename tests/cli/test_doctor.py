import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from stepwell import App
from tests import postgres

Invoke = Callable[..., Result]


def findings(result: Result) -> dict[str, tuple[str, str]]:
    return {f["what"]: (f["level"], f["text"]) for f in json.loads(result.stdout)["findings"]}


def test_a_healthy_database(stepwell: Invoke, filled: str) -> None:
    result = stepwell("doctor", "-u", filled)
    assert result.exit_code == 0
    assert "✓ integrity" in result.stdout
    assert "! workers" in result.stdout
    assert "→ Begin one: stepwell worker app.py" in result.stdout
    found = findings(stepwell("doctor", "-u", filled, "--json"))
    assert {what for what, (level, _) in found.items() if level == "warn"} <= {"workers", "disk"}
    assert {"database", "journal mode", "integrity", "workers", "queue", "parked", "clocks"} <= set(found)


def test_a_healthy_server(stepwell: Invoke) -> None:
    url = f"{postgres.shared().url}?schema={postgres.fresh()}"
    stepwell("db", "init", "-u", url)
    result = stepwell("doctor", "-u", url, "--json")
    found = findings(result)
    assert result.exit_code == 0, result.stdout
    assert {"database", "server", "grants", "tables", "workers", "clocks", "asyncpg"} <= set(found)


def test_no_database(stepwell: Invoke, url: str, tmp_path: Path) -> None:
    result = stepwell("doctor", "-u", url)
    assert result.exit_code == 1
    assert "✗ database" in result.stdout
    assert f"stepwell db init --url {url} (a worker does it, too)" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "value"), [("STEPWELL_LEASE", "soon"), ("STEPWELL_CONCURRENCY", "0")])
def test_a_wrong_setting(stepwell: Invoke, url: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    result = stepwell("doctor", "-u", url, "--json")
    assert result.exit_code == 1
    level, text = findings(result)["settings"]
    assert level == "fail"
    assert name in text


def test_a_variable_that_is_no_setting(stepwell: Invoke, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_CONCURENCY", "5")
    result = stepwell("doctor", "-u", filled)
    assert "STEPWELL_CONCURENCY is no setting of this version" in result.stdout
    assert "Did you mean STEPWELL_CONCURRENCY?" in result.stdout


def test_a_queue_nobody_serves_a_parked_run_and_a_clock_ahead(
    stepwell: Invoke, url: str, shop: Any, tmp_path: Path
) -> None:
    async def prepare() -> None:
        async with App(url, mode="client", like=shop.app):
            for name in ("old", "parked", "new"):
                await shop.hello.options(id=name).start(name)

    asyncio.run(prepare())
    now = time.time()
    with sqlite3.connect(tmp_path / "test.db") as db:
        (table,) = [
            name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") if "run" in name
        ][:1]
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        assert {"created_at", "rank", "status"} <= columns, columns
        db.execute(f"UPDATE {table} SET created_at = ?, rank = ? WHERE id = 'old'", (now - 7200, now - 7200 + 1000))
        db.execute(f"UPDATE {table} SET status = 4 WHERE id = 'parked'")
        db.execute(f"UPDATE {table} SET created_at = ? WHERE id = 'new'", (now + 530,))
    db.close()
    result = stepwell("doctor", "-u", url, "--json")
    assert result.exit_code == 1
    found = findings(result)
    assert found["queue"] == ("warn", "a run has been ready for 2 h and nobody takes it")
    assert found["parked"][0] == "warn"
    assert found["clocks"][0] == "fail"
    assert "8 min" in found["clocks"][1]


def test_a_damaged_database(stepwell: Invoke, url: str, tmp_path: Path) -> None:
    (tmp_path / "test.db").write_bytes(b"this is no database " * 500)
    result = stepwell("doctor", "-u", url)
    assert result.exit_code == 1
    assert "✗ database" in result.stdout
    assert "Restore a backup" in result.stdout


def test_a_misspelt_variable_is_not_followed_by_there_are_none(
    stepwell: Invoke, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_NAMSPACE", "x")
    said = stepwell("doctor", "-u", filled).stdout
    assert "STEPWELL_NAMSPACE is no setting" in said
    assert "no STEPWELL_ variable is set" not in said


def test_every_variable_of_an_option_is_known(stepwell: Invoke, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOST", "127.0.0.1"), ("PORT", "9"), ("LOG_FORMAT", "json"), ("APP", "app.py")):
        monkeypatch.setenv(f"STEPWELL_{name}", value)
    found = findings(stepwell("doctor", "-u", filled, "--json"))
    assert found["environment"] == ("ok", "STEPWELL_APP, STEPWELL_HOST, STEPWELL_LOG_FORMAT, STEPWELL_PORT")
