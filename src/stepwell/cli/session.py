"""Opens a client of the database or server that the options name, for as long as a command needs it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from stepwell.cli.absent import how_to_create
from stepwell.cli.options import Target
from stepwell.cli.terminal import line
from stepwell.client.app import App
from stepwell.client.config import Settings
from stepwell.client.places import place_of
from stepwell.client.remote import RemoteClient
from stepwell.errors import InvalidOption, SchemaMissing

T = TypeVar("T")
RETRIES: Final = 2
"""A person waits for the answer, and sees more in an error than in a long silence."""
PATIENCE: Final = 5.0
"""Seconds for which a database that fails is tried, for the same reason."""


def client_of(target: Target, *, create: bool = False) -> App | RemoteClient:
    """A client, not yet open. Without code it knows runs by their names alone.

    `create`: make the database when there is none; commands that only read never do.

    Raises:
        AppNotFound, AppAmbiguous, AppBroken, InvalidOption.
    """
    like = None
    if target.app is not None:
        from stepwell.client.discover import load

        like = load(target.app)
    place = place_of(target.url, target.server, namespace=target.namespace, profile=target.profile)
    if place.server is not None and not target.local:
        named = None if place.settings.origin["namespace"] == "default" else place.settings.namespace
        remote = RemoteClient(place.server, key=place.key(), namespace=named, like=like, retries=RETRIES)
        remote.http.tell = _told
        return remote
    url, namespace = target.url, target.namespace
    if target.profile is not None:  # it goes before what the app's code says, as an option does
        url, namespace = (value if value is not None else _of_profile(place.settings, name)
                          for name, value in (("database_url", url), ("namespace", namespace)))  # fmt: skip
    app = App(url, namespace=namespace, mode="client", like=like)
    app.parts = msgspec.structs.replace(app.parts, create=create, patience=PATIENCE)
    return app


def _told(what: str) -> None:
    line(what, err=True)


def _of_profile(found: Settings, name: str) -> str | None:
    return str(getattr(found, name)) if found.origin[name].startswith("profile ") else None


def refuse_memory(url: str) -> None:
    """Raises InvalidOption for a database that ends with this process: nobody else would ever see what is in it."""
    if url.startswith("memory:"):
        raise InvalidOption("memory:// belongs to one process alone: nobody else would see what is in it",
                            hint="Use a file: --url sqlite:///stepwell.db")  # fmt: skip


@asynccontextmanager
async def opened(target: Target, *, create: bool = False) -> AsyncGenerator[App | RemoteClient]:
    """An open client. Raises as `client_of` and `open`."""
    client = client_of(target, create=create)
    if isinstance(client, App):
        refuse_memory(client.settings.database_url)
    try:
        async with client:
            yield client
    except SchemaMissing as error:
        settings = client.settings if isinstance(client, App) else None
        named = settings is not None and settings.origin["database_url"] == "argument"
        hint = how_to_create(error.hint or "", settings.database_url if settings is not None and named else None)
        raise SchemaMissing(error.what, hint=hint) from error


def talk(target: Target, work: Callable[[Any], Awaitable[T]], *, create: bool = False) -> T:
    """Do something with an open client, and return what it returns."""

    async def session() -> T:
        async with opened(target, create=create) as client:
            return await work(client)

    return asyncio.run(session())
