import json

import click
from click.testing import CliRunner

from stepwell.cli.options import DEBUG, Target, as_json, code, database


@click.command()
@as_json
@code
@database
def show(url: str | None, namespace: str | None, app: str | None, json: bool) -> None:
    debug = click.get_current_context().find_root().meta.get(DEBUG, False)
    click.echo(__import__("json").dumps([*Target(url, namespace, app), json, debug]))


def test_nothing_is_decided_here() -> None:
    assert json.loads(CliRunner().invoke(show, []).stdout) == [None, None, None, False, False]


def test_given() -> None:
    arguments = ["-u", "sqlite:///x.db", "-n", "ns", "-a", "app.py", "--json", "--debug"]
    assert json.loads(CliRunner().invoke(show, arguments).stdout) == ["sqlite:///x.db", "ns", "app.py", True, True]


def test_environment() -> None:
    env = {"STEPWELL_APP": "flows:app", "STEPWELL_DEBUG": "1"}
    assert json.loads(CliRunner().invoke(show, [], env=env).stdout) == [None, None, "flows:app", False, True]
