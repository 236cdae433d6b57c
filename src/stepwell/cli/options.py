"""Options that several commands share, and what they mean together."""

import functools
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
    """Which database or server to talk to, and by whose definitions; None where the settings decide.

    `local`: a database in any case.
    """

    url: str | None = None
    namespace: str | None = None
    app: str | None = None
    server: str | None = None
    profile: str | None = None
    local: bool = False


def debugging(command: F) -> F:
    """`--debug`: errors with their traceback."""

    def remember(ctx: click.Context, _: click.Parameter, given: bool) -> None:
        if given:
            ctx.find_root().meta[DEBUG] = True

    about = "Show tracebacks of errors.  [env: STEPWELL_DEBUG]"
    return click.option("--debug", is_flag=True, expose_value=False, callback=remember, envvar="STEPWELL_DEBUG",
                        help=about)(command)  # fmt: skip


def place(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, `--server`, `--profile` and `--namespace`: where the runs are, in a database or behind a server.

    The command gets them, and `--app` if it has that, as its `target`.
    """

    @functools.wraps(command)
    def placed(url: str | None, namespace: str | None, server: str | None, profile: str | None, **others: Any) -> Any:
        target = Target(url, namespace, others.pop("app", None), server, profile)
        return command(target=target, **others)

    return database(_remote(placed))


def database_only(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same options for a command that works on the database itself: it refuses a server.

    The command gets the `url` and `namespace` that are meant.

    Raises:
        NeedsDatabase: a server is named, and no database.
    """

    @functools.wraps(command)
    def placed(url: str | None, namespace: str | None, server: str | None, profile: str | None, **others: Any) -> Any:
        from stepwell.client.places import database_only as settings_of
        from stepwell.client.places import place_of

        found = place_of(url, server, namespace=namespace, profile=profile)
        verb = click.get_current_context().command_path.partition(" ")[2]
        settings = settings_of(verb, found, code="app" in others)
        if profile is not None:  # it goes before what the app's code says, as an option does
            url = settings.database_url if settings.origin["database_url"] != "default" else url
            namespace = settings.namespace if settings.origin["namespace"] != "default" else namespace
        return command(url=url, namespace=namespace, **others)

    return database(_remote(placed))


def _remote(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--profile", metavar="NAME", shell_complete=_profiles,
                           help="The settings of this profile.  [env: STEPWELL_PROFILE]")(command)  # fmt: skip
    return click.option("--server", metavar="URL",
                        help="A server instead of a database.  [env: STEPWELL_API_URL; "
                        "its key: STEPWELL_API_KEY]")(command)  # fmt: skip


def _profiles(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The profiles there are, for a shell that completes the option."""
    import os

    from stepwell.client.profiles import profiles
    from stepwell.errors import StepwellError

    try:
        return [name for name in sorted(profiles(os.environ)) if name.startswith(begun)]
    except StepwellError:
        return []  # whoever uses it is told


def database(command: F) -> F:
    """`--url` and `--namespace`: the database."""
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
