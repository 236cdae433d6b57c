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


def test_a_length_with_its_unit_is_not_warned_of(
    stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.stepwell]\nretention = "90 days"\n')
    data = json.loads(stepwell("config", "show", "--json").stdout)
    assert data["retention"]["value"] == 90 * 86_400.0
    monkeypatch.setenv("STEPWELL_RETENTION", "91 days")
    assert json.loads(stepwell("config", "show", "--json").stdout)["retention"]["value"] == 91 * 86_400.0
    assert [str(one.message) for one in recwarn] == []


def test_a_bare_number_in_code_is_warned_of_where_it_stands(
    stepwell: Invoke, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    file = tmp_path / "bare_app.py"
    file.write_text("from stepwell import App\napp = App('sqlite:///code.db', grace=90_000)\n")
    assert json.loads(stepwell("config", "show", "--app", file, "--json").stdout)["grace"]["value"] == 90_000.0
    assert [(one.filename, one.lineno) for one in recwarn] == [(str(file), 2)]


def test_what_the_code_gives_goes_first(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEPWELL_LEASE", "20s")
    file = tmp_path / "configured_app.py"
    file.write_text("from stepwell import App\napp = App('sqlite:///code.db', lease=7)\n")
    data = json.loads(stepwell("config", "show", "--app", file, "--json").stdout)
    assert data["lease"] == {"value": 7.0, "origin": f"code ({file})"}
    assert data["database_url"]["value"] == "sqlite:///code.db"
    assert data["mode"] == {"value": "all", "origin": "default"}
    assert data["app"] == {"value": str(file), "origin": "command line"}


def test_the_mode_and_the_app_are_shown_with_who_says_so(
    stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "working_app.py"
    file.write_text("from stepwell import App\napp = App(mode='worker', namespace='shop')\n")
    monkeypatch.setenv("STEPWELL_MODE", "client")
    assert json.loads(stepwell("config", "show", "--json").stdout)["mode"] == {
        "value": "client", "origin": "STEPWELL_MODE",
    }  # fmt: skip
    monkeypatch.setenv("STEPWELL_APP", str(file))
    data = json.loads(stepwell("config", "show", "--json").stdout)
    assert data["mode"] == {"value": "worker", "origin": f"code ({file})"}
    assert data["app"] == {"value": str(file), "origin": "STEPWELL_APP"}


def test_a_profile_is_named_for_what_it_names(
    stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.stepwell.profiles.x]\nurl = "sqlite:///x.db"\n')
    data = json.loads(stepwell("config", "show", "--profile", "x", "--json").stdout)
    assert data["database_url"]["origin"] == f"profile x in {tmp_path / 'pyproject.toml'}"
    assert data["namespace"] == {"value": "default", "origin": "default"}
    file = tmp_path / "profiled_app.py"
    file.write_text("from stepwell import App\napp = App(namespace='shop')\n")
    data = json.loads(stepwell("config", "show", "--profile", "x", "--app", file, "--json").stdout)
    assert data["namespace"] == {"value": "shop", "origin": f"code ({file})"}
