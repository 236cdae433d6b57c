"""Options that several commands share, and what they mean together."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
DEBUG: Final = "stepwell.debug"


class Verbs(click.Group):
    """A noun: its verbs are listed in the order in which they are written, the common ones first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Target(NamedTuple):
    """Which database to talk to, and by whose definitions; None where the settings decide."""

    url: str | None = None
    namespace: str | None = None
    app: str | None = None


def debugging(command: F) -> F:
    """`--debug`: errors with their traceback."""

    def remember(ctx: click.Context, _: click.Parameter, given: bool) -> None:
        if given:
            ctx.find_root().meta[DEBUG] = True

    about = "Show tracebacks of errors.  [env: STEPWELL_DEBUG]"
    return click.option("--debug", is_flag=True, expose_value=False, callback=remember, envvar="STEPWELL_DEBUG",
                        help=about)(command)  # fmt: skip


def database(command: F) -> F:
    """`--url` and `--namespace`: where the runs are."""
    command = click.option("--namespace", "-n", metavar="NAME",
                           help="The namespace.  [env: STEPWELL_NAMESPACE; default: default]")(command)  # fmt: skip
    command = click.option("--url", "-u", metavar="URL",
                           help="The database.  [env: STEPWELL_DATABASE_URL; default: "
                           "sqlite:///stepwell.db]")(command)  # fmt: skip
    return debugging(command)


def code(command: F) -> F:
    """`--app`: where the definitions are, for a command that can do without them."""
    return click.option("--app", "-a", metavar="REF", envvar="STEPWELL_APP",
                        help="The code: module:app or file.py.  [env: STEPWELL_APP]")(command)  # fmt: skip


def as_json(command: F) -> F:
    """`--json`: the same as data."""
    return click.option("--json", "json", is_flag=True, help="Print JSON.")(command)
