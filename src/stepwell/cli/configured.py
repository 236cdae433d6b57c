"""`stepwell config`: the settings in force, and where each comes from."""

from typing import Any

import click

from stepwell.cli.options import Target, Verbs, as_json, code, place


@click.group(cls=Verbs)
def command() -> None:
    """Show the settings, and where each comes from."""


@command.command()
@as_json
@code
@place
def show(target: Target, json: bool) -> None:
    """Show every setting: its value and its origin. Passwords are masked, keys are not shown.

    With --app these are the settings of the app: what its code gives goes before the environment.
    """
    from stepwell.cli.terminal import print_json, table

    rows = [*_remote(target), *_code(target), *_settings(target)]
    if json:
        print_json({name: {"value": value, "origin": origin} for name, value, origin, _ in rows})
        return
    table(["SETTING", "VALUE", "ORIGIN", "VARIABLE"],
          [[name, "" if value is None else str(value), (origin, "" if origin == "default" else "green"),
            (variable, "bright_black")] for name, value, origin, variable in rows])  # fmt: skip


Row = tuple[str, Any, str, str]
"""Name, value, origin, environment variable."""


def _remote(target: Target) -> list[Row]:
    """The server, if one is meant, the profile and the key; where a key is, and never which."""
    import os

    from stepwell.client.config import PROFILE
    from stepwell.client.places import API_URL, place_of
    from stepwell.client.profiles import KEY, KEY_FILE, KEYS

    found = place_of(target.url, target.server, namespace=target.namespace, profile=target.profile)
    profile = target.profile or os.environ.get(PROFILE)
    by = "command line" if target.profile is not None else PROFILE if profile else "default"
    origin = "command line" if found.origin == "argument" else found.origin
    layer = found.key_of
    named = layer is not None and any(name in layer.values for name in KEYS)
    key = layer.origin if layer is not None and named else next((v for v in (KEY, KEY_FILE) if os.environ.get(v)), None)
    return [
        ("server", found.server, origin if found.server is not None else "default", API_URL),
        ("profile", profile, by, PROFILE),
        ("api_key", None if key is None else "(set)", key or "default", KEY),
    ]


def _code(target: Target) -> list[Row]:
    """Where the definitions are."""
    from click.core import ParameterSource

    said = click.get_current_context().get_parameter_source("app")
    origin = {ParameterSource.COMMANDLINE: "command line", ParameterSource.ENVIRONMENT: "STEPWELL_APP"}
    return [("app", target.app, origin.get(said, "default") if said is not None else "default", "STEPWELL_APP")]


def _settings(target: Target) -> list[Row]:
    from stepwell.cli.session import client_of
    from stepwell.client.app import App
    from stepwell.client.config import PREFIX, settings
    from stepwell.client.stores import masked

    app = client_of(target._replace(local=True, server=None))
    assert isinstance(app, App)
    own = {"database_url": target.url, "namespace": target.namespace}
    first = app.registry.app  # who looks only talks to the database; this one may do more
    of_code = first._given if target.app is not None and isinstance(first, App) else {}
    mode = settings({"mode": of_code.get("mode")}, named=target.profile)
    rows: list[Row] = []
    for name in app.settings.__struct_fields__:
        if name == "origin":
            continue
        found = mode if name == "mode" else app.settings
        value, origin = getattr(found, name), found.origin[name]
        if origin == "argument":
            origin = _given(own.get(name), name in of_code and of_code[name] is not None, target, mode.origin[name])
        rows.append((name, masked(value) if name == "database_url" else value, origin, PREFIX + name.upper()))
    return rows


def _given(option: str | None, by_code: bool, target: Target, otherwise: str) -> str:
    """Who gave it: an option, the profile that an option names, or the code."""
    if option is not None:
        return "command line"
    if otherwise.startswith("profile ") and target.profile is not None:
        return otherwise
    return f"code ({target.app})" if by_code else otherwise
