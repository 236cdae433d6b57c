import json as codec
from typing import Any

import click
import pytest
from click.testing import CliRunner

from stepwell.cli.options import DEBUG, Target, as_json, code, database, database_only, place
from stepwell.errors import InvalidOption, NeedsDatabase


@click.command()
@as_json
@code
@database
def show(url: str | None, namespace: str | None, app: str | None, json: bool) -> None:
    debug = click.get_current_context().find_root().meta.get(DEBUG, False)
    click.echo(codec.dumps([url, namespace, app, json, debug]))


@click.command()
@code
@place
def where(target: Target) -> None:
    click.echo(codec.dumps(target._asdict()))


@click.command("work")
@database_only
def work(url: str | None, namespace: str | None) -> None:
    click.echo(codec.dumps([url, namespace]))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_nothing_is_decided_here() -> None:
    assert codec.loads(CliRunner().invoke(show, []).stdout) == [None, None, None, False, False]


def test_given() -> None:
    arguments = ["-u", "sqlite:///x.db", "-n", "ns", "-a", "app.py", "--json", "--debug"]
    assert codec.loads(CliRunner().invoke(show, arguments).stdout) == ["sqlite:///x.db", "ns", "app.py", True, True]


def test_environment() -> None:
    env = {"STEPWELL_APP": "flows:app", "STEPWELL_DEBUG": "1"}
    assert codec.loads(CliRunner().invoke(show, [], env=env).stdout) == [None, None, "flows:app", False, True]


def test_a_place_is_one_argument() -> None:
    said = CliRunner().invoke(where, ["--server", "http://x", "--profile", "p", "-n", "ns", "-a", "app.py"]).stdout
    assert Target(**codec.loads(said)) == Target(None, "ns", "app.py", "http://x", "p")
    assert Target(**codec.loads(CliRunner().invoke(where, []).stdout)) == Target()


def test_a_command_for_databases_refuses_a_server() -> None:
    run = CliRunner().invoke
    assert codec.loads(run(work, ["-u", "sqlite:///x.db"]).stdout) == ["sqlite:///x.db", None]
    refused = run(work, ["--server", "http://x"]).exception
    assert isinstance(refused, NeedsDatabase)
    assert "http://x is a server (argument)" in str(refused)
    assert "--url" in str(refused)
    alone = run(work, [], env={"STEPWELL_API_URL": "http://x"}).exception
    assert isinstance(alone, NeedsDatabase)
    both = {"STEPWELL_API_URL": "http://x", "STEPWELL_DATABASE_URL": "sqlite:///y.db"}
    assert codec.loads(run(work, [], env=both).stdout) == [None, None]  # the environment says it to the app itself
    assert isinstance(run(work, ["--server", "http://x"], env=both).exception, NeedsDatabase)


def test_a_command_for_databases_takes_the_database_of_a_profile(tmp_path: Any) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.stepwell.profiles.a]\nurl = "sqlite:///a.db"\n[tool.stepwell.profiles.b]\nserver = "http://x"\n'
    )
    run = CliRunner().invoke
    assert codec.loads(run(work, ["--profile", "a"]).stdout) == ["sqlite:///a.db", None]
    assert isinstance(run(work, ["--profile", "b"]).exception, NeedsDatabase)
    assert isinstance(run(work, ["--profile", "c"]).exception, InvalidOption)
