import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import stepwell.cli
from stepwell.cli.main import COMMANDS, Commands, cli
from stepwell.errors import ERRORS, StepwellError

Invoke = Callable[..., Result]
HEAVY = {"asyncio", "msgspec", "rich", "apsw", "greenlet", "logging", "subprocess", "watchfiles", "sqlite3"}
HEAVY |= {"httpx", "litestar", "uvicorn", "asyncpg"}

# `import stepwell` brings in what people use in their programs; the command line must not add to it.
ALONE = """
import importlib, json, sys, types
package = types.ModuleType("stepwell")
package.__path__ = [sys.argv[1]]
sys.modules["stepwell"] = package
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def imported(*modules: str) -> set[str]:
    package = Path(stepwell.cli.__file__).parents[1]
    command = [sys.executable, "-c", ALONE, str(package), *modules]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name.partition(".")[0] if not name.startswith("stepwell.") else name for name in found}


def test_help_imports_nothing_heavy() -> None:
    found = imported("stepwell.cli.main")
    assert not found & HEAVY
    assert {name for name in found if name.startswith("stepwell.")} == {
        "stepwell.cli",
        "stepwell.cli.main",
        "stepwell.cli.options",
    }


def test_the_help_of_a_command_imports_nothing_heavy() -> None:
    commands = [f"stepwell.cli.{entry.module}" for entry in COMMANDS.values()]
    assert not imported(*commands) & HEAVY


def test_help_lists_every_command_in_its_section(stepwell: Invoke) -> None:
    said = stepwell("--help").stdout
    for name, entry in COMMANDS.items():
        assert f"\n  {name} " in said
        assert f"{entry.section}:" in said
    assert "Exit codes" in said
    assert stepwell("-h").stdout == said


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += leaves(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


def test_every_command_has_help(stepwell: Invoke) -> None:
    assert isinstance(cli, Commands)
    paths = leaves(cli)
    assert ("runs", "list") in paths
    for path in paths:
        result = stepwell(*path, "--help")
        assert result.exit_code == 0, path
        assert "Usage: stepwell" in result.stdout
        assert "--debug" in result.stdout or path[0] in ("version", "completion")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "There is no command 'run'. Did you mean 'runs'?"),
        (["xyzzy"], "There is no command 'xyzzy'."),
        (["runs", "lists"], "No such command 'lists'"),
        (["runs", "show"], "Missing argument 'RUN'"),
        (["--nope"], "No such option"),
    ],
)
def test_usage_errors(stepwell: Invoke, arguments: list[str], said: str) -> None:
    result = stepwell(*arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error[usage]: ")
    assert said in line
    assert line.endswith(" --help")


def test_a_group_without_a_verb_shows_its_help(stepwell: Invoke) -> None:
    said = stepwell("runs").output
    assert "Usage: stepwell runs" in said
    assert "error[" not in said


def test_version(stepwell: Invoke) -> None:
    assert stepwell("--version").stdout.startswith("stepwell ")


def test_our_errors_leave_with_their_code_and_a_bug_as_it_is() -> None:
    class Failing(Commands):
        def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str, click.Command, list[str]]:
            return "fail", fail, args[1:]

    @click.group(cls=Failing)
    def group() -> None: ...

    @click.command()
    @click.argument("code")
    def fail(code: str) -> None:
        raise ERRORS[code]("it did\x1b not work") if code in ERRORS else RuntimeError(code)

    expected = {
        1: ["run_failed", "run_parked", "step_error"],
        2: ["usage", "invalid_option"],
        3: ["not_found", "unknown_workflow", "unknown_event"],
        4: ["conflict", "illegal_state", "stale"],
        5: ["store_unavailable", "schema_missing"],
    }
    runner = CliRunner()
    for exit_code, code in [(exit_code, code) for exit_code, codes in expected.items() for code in codes]:
        result = runner.invoke(group, ["fail", code])
        assert (result.exit_code, result.stderr) == (exit_code, f"error[{code}]: it did\\x1b not work\n")
    result = runner.invoke(group, ["fail", "bug"])
    assert isinstance(result.exception, RuntimeError)
    assert not isinstance(result.exception, StepwellError)


def test_debug_shows_the_traceback(stepwell: Invoke, url: str) -> None:
    for arguments in (["--debug", "runs", "list", "-u", url], ["runs", "list", "-u", url, "--debug"]):
        result = stepwell(*arguments)
        assert result.exit_code == 5
        assert "Traceback (most recent call last)" in result.stderr
        assert "error[schema_missing]" in result.stderr


def test_as_a_module(filled: str) -> None:
    """A pipe that closes early, and an output that cannot show everything."""
    command = [sys.executable, "-m", "stepwell", "runs", "list", "-u", filled]
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    shown = subprocess.run([*command[:-3], "show", "good", "-u", filled], capture_output=True, env=env, check=True)
    assert b"\\u2713 greet" in shown.stdout
    piped = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.close()
    assert piped.stderr is not None
    assert piped.stderr.read() == b""
    assert piped.wait(60) == 0
    piped.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_output_that_cannot_be_written_is_an_error_of_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "stepwell", "version"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error[output]: The output cannot be written: No space left on device.\n"
