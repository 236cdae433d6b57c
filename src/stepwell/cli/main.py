"""The `stepwell` command: knows its subcommands by name, and imports only the one that is used."""

import difflib
import errno
import importlib
import io
import os
import sys
from typing import Any, Final, NamedTuple

import click

from stepwell.cli.options import debugging


class Entry(NamedTuple):
    """A command before it is imported: its section in the help, its module, its one line of help."""

    section: str
    module: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    "demo": Entry("Begin", "demo", "Watch a run survive the killing of its worker."),
    "dev": Entry("Begin", "dev", "Work on an app's runs, and reload it when a file changes."),
    "worker": Entry("Begin", "worker", "Work on an app's runs, in one or more processes."),
    "server": Entry("Begin", "server", "Serve the REST API and the dashboard."),
    "open": Entry("Begin", "open", "Open the dashboard in the browser."),
    "start": Entry("Runs", "start", "Start a run."),
    "runs": Entry("Runs", "runs", "List, show, watch and steer runs."),
    "events": Entry("Runs", "events", "Send events to runs, or publish them."),
    "check": Entry("Operate", "check", "Replay the runs in flight against the code, before it is deployed."),
    "doctor": Entry("Operate", "doctor", "Look at everything that could be wrong, and say what to do."),
    "workers": Entry("Operate", "workers", "List workers."),
    "versions": Entry("Operate", "codeversions", "List the versions of workflows and steps, and what changed."),
    "keys": Entry("Operate", "keys", "Make, list and revoke API keys."),
    "db": Entry("Operate", "db", "Create and upgrade the database."),
    "move": Entry("Operate", "move", "Move to another database, with runs in flight."),
    "config": Entry("Settings", "configured", "Show the settings, and where each comes from."),
    "openapi": Entry("Settings", "openapi", "Print the description of the REST API."),
    "completion": Entry("Settings", "completion", "Print the completion script of a shell."),
    "version": Entry("Settings", "versions", "Show the versions of Stepwell and of what it stands on."),
}
EPILOG: Final = """\b
Exit codes: 0 done, 1 the thing asked about failed, 2 wrong usage, 3 not found,
4 refused in the present state or without the right, 5 the database or server cannot be used."""


class Commands(click.Group):
    """The top of the command line; every error that reaches it leaves with its code and its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(f"stepwell.cli.{entry.module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl([(n, e.help) for n, e in COMMANDS.items() if e.section == section])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            raise _in_our_form(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except click.UsageError as error:
            raise _in_our_form(error) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # `stepwell runs list | head`: whoever reads has seen enough
            _say_no_more()
            ctx.exit(0)
        except KeyboardInterrupt:  # the usual way to leave `runs watch`
            ctx.exit(130)
        except Exception as error:
            from stepwell.cli.failures import FAILED, Shown, shown

            if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
                _say_no_more()
                raise Shown("output", f"The output cannot be written: {error.strerror}.", FAILED) from None
            raise shown(error) from error


def _say_no_more() -> None:
    """What is still to be written would fail when the program ends, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_our_form(error: click.UsageError) -> click.ClickException:
    """Wrong usage as every other error is shown, with the way to the help; who says nothing gets the help itself."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        return error
    from stepwell.cli.failures import USAGE, Shown

    said = error.format_message().rstrip()
    path = error.ctx.command_path if error.ctx is not None else "stepwell"
    return Shown("usage", f"{said}{'' if said.endswith(('.', '!', '?')) else '.'} See: {path} --help", USAGE)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, help="Show the version.",
              callback=lambda ctx, _, given: _version(ctx) if given else None)  # fmt: skip
@debugging
def cli() -> None:
    """Durable workflows for Python.

    Commands talk to the database directly (--url, STEPWELL_DATABASE_URL, sqlite:///stepwell.db), or to a server
    (--server, STEPWELL_API_URL). Only `dev`, `worker` and `check` need the code of your workflows.
    """


def _version(ctx: click.Context) -> None:
    from stepwell.client.version import VERSION

    click.echo(f"stepwell {VERSION}")
    ctx.exit()


def main() -> None:
    """Run the command line of this process, and exit."""
    from stepwell.cli.warned import plain_warnings

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no ✓ shows an escape instead
    plain_warnings()
    cli(prog_name="stepwell")
