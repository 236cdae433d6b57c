"""Where the runs are that a command or client is about: on which server, or in which database."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from stepwell.client.config import PREFIX, Settings, layers, settings
from stepwell.client.profiles import Layer, key_from
from stepwell.errors import InvalidOption, NeedsDatabase

API_URL: Final = "STEPWELL_API_URL"
DATABASE: Final = PREFIX + "DATABASE_URL"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The place: `server` is its URL, None for a database, which `settings` name. `origin`: what said so.

    `explicit`: an option named it. `key_of`: the file that names the server may name its key as well.
    """

    server: str | None
    origin: str
    settings: Settings
    explicit: bool = False
    key_of: Layer | None = None
    environment: Mapping[str, str] = {}

    def key(self) -> str | None:
        """The API key for the server: of the profile that names the server, else of the environment; None without one.

        Raises:
            InvalidOption: there is none where it should be.
        """
        own = None if self.key_of is None else self.key_of.key(self.environment)
        return own if own is not None else key_from(self.environment)


def place_of(url: str | None = None, server: str | None = None, *, namespace: str | None = None,
             profile: str | None = None, environment: Mapping[str, str] | None = None,
             folder: Path | None = None) -> Place:  # fmt: skip
    """The place that options, a profile, the environment and the project name, in this order.

    Of a database and a server in the environment, the server is meant.

    Raises:
        InvalidOption: two of them are named at once, or a file cannot be read.
    """
    environment = os.environ if environment is None else environment
    given = {"database_url": url, "namespace": namespace}
    found = settings(given, environment, named=profile, folder=folder)
    if url is not None and server is not None:
        raise InvalidOption("a database and a server", expected="one of --url and --server")
    if server is not None:
        return Place(server=server, origin="argument", explicit=True, settings=found, environment=environment)
    if url is not None:
        return Place(server=None, origin="argument", explicit=True, settings=found, environment=environment)
    before, after = layers(environment, profile, folder)
    for layer in before:
        if (place := _in(layer, found, environment)) is not None:
            return msgspec.structs.replace(place, explicit=True)
    if environment.get(API_URL):
        return Place(server=environment[API_URL], origin=API_URL, settings=found, environment=environment)
    if DATABASE in environment:
        return Place(server=None, origin=DATABASE, settings=found, environment=environment)
    for layer in after:
        if (place := _in(layer, found, environment)) is not None:
            return place
    return Place(server=None, origin="default", settings=found, environment=environment)


def _in(layer: Layer, found: Settings, environment: Mapping[str, str]) -> Place | None:
    server = layer.text("server")
    if server is not None and "database_url" in layer.values:
        raise InvalidOption(f"{layer.origin} names a database and a server", expected="one of url and server")
    if server is not None:
        return Place(server=server, origin=layer.origin, settings=found, key_of=layer, environment=environment)
    if "database_url" in layer.values:
        return Place(server=None, origin=layer.origin, settings=found, environment=environment)
    return None


def database_only(verb: str, place: Place, *, code: bool = False) -> Settings:
    """The settings of a verb that works on the database itself. `code`: it loads an app, which may name its own.

    Raises:
        NeedsDatabase: a server is named, and no database is beside it.
    """
    named = code or place.settings.origin["database_url"] != "default"
    if place.server is not None and (place.explicit or not named):
        raise NeedsDatabase(
            f"`stepwell {verb}` works on a database itself, and {place.server} is a server ({place.origin})",
            hint="Run it where the database can be reached, and name that: --url, or STEPWELL_DATABASE_URL.",
        )
    return place.settings
