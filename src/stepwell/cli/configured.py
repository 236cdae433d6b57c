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

    rows = [*_remote(target), *_settings(target)]
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


def _settings(target: Target) -> list[Row]:
    from stepwell.cli.session import client_of
    from stepwell.client.app import App
    from stepwell.client.config import PREFIX
    from stepwell.client.stores import masked

    app = client_of(target._replace(local=True, server=None))
    assert isinstance(app, App)
    own = {"database_url": target.url, "namespace": target.namespace}
    rows: list[Row] = []
    for name in app.settings.__struct_fields__:
        if name == "origin" or (name == "mode" and target.app is None):
            continue
        value = getattr(app.settings, name)
        origin = app.settings.origin[name]
        if origin == "argument":
            origin = _given(own.get(name), target)
        rows.append((name, masked(value) if name == "database_url" else value, origin, PREFIX + name.upper()))
    return rows


def _given(option: str | None, target: Target) -> str:
    if option is not None:
        return "command line"
    return f"code ({target.app})" if target.profile is None else f"profile {target.profile}"
