import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def test_values_and_origins(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEPWELL_DATABASE_URL", "postgresql://me:hush@host/db")
    monkeypatch.setenv("STEPWELL_LEASE", "20s")
    result = stepwell("config", "show", "--namespace", "mine")
    assert result.exit_code == 0
    assert "hush" not in result.output
    data = json.loads(stepwell("config", "show", "--namespace", "mine", "--json").stdout)
    assert data["database_url"] == {"value": "postgresql://me:***@host/db", "origin": "STEPWELL_DATABASE_URL"}
    assert data["lease"] == {"value": 20.0, "origin": "STEPWELL_LEASE"}
    assert data["namespace"] == {"value": "mine", "origin": "command line"}
    assert data["concurrency"] == {"value": 10, "origin": "default"}


def test_what_the_code_gives_goes_first(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEPWELL_LEASE", "20s")
    file = tmp_path / "configured_app.py"
    file.write_text("from stepwell import App\napp = App('sqlite:///code.db', lease=7)\n")
    data = json.loads(stepwell("config", "show", "--app", file, "--json").stdout)
    assert data["lease"] == {"value": 7.0, "origin": f"code ({file})"}
    assert data["database_url"]["value"] == "sqlite:///code.db"
    assert data["mode"]["value"] == "client"
