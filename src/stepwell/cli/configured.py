"""`stepwell config`: the settings in force, and where each comes from."""

import click

from stepwell.cli.options import Target, Verbs, as_json, code, database


@click.group(cls=Verbs)
def command() -> None:
    """Show the settings, and where each comes from."""


@command.command()
@as_json
@code
@database
def show(url: str | None, namespace: str | None, app: str | None, json: bool) -> None:
    """Show every setting: its value and its origin. Passwords are masked.

    With --app these are the settings of the app: what its code gives goes before the environment.
    """
    from stepwell.cli.session import client_of
    from stepwell.cli.terminal import print_json, table
    from stepwell.client.config import PREFIX
    from stepwell.client.stores import masked

    target = Target(url, namespace, app)
    settings = client_of(target).settings
    own = {"database_url": url, "namespace": namespace}
    rows = []
    for name in settings.__struct_fields__:
        if name == "origin" or (name == "mode" and app is None):
            continue
        value = getattr(settings, name)
        origin = settings.origin[name]
        if origin == "argument":
            origin = "command line" if own.get(name) is not None else f"code ({app})"
        shown = masked(value) if name == "database_url" else value
        rows.append((name, shown, origin, PREFIX + name.upper()))
    if json:
        print_json({name: {"value": value, "origin": origin} for name, value, origin, _ in rows})
        return
    table(["SETTING", "VALUE", "ORIGIN", "VARIABLE"],
          [[name, "" if value is None else str(value), (origin, "" if origin == "default" else "green"),
            (variable, "bright_black")] for name, value, origin, variable in rows])  # fmt: skip
