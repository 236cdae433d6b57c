"""Opens a client of the database or server that the options name, for as long as a command needs it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from stepwell.cli.options import Target
from stepwell.client.app import App
from stepwell.client.places import place_of
from stepwell.client.remote import RemoteClient

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
        return RemoteClient(place.server, key=place.key(), namespace=named, like=like, retries=RETRIES)
    url, namespace = target.url, target.namespace
    if target.profile is not None:  # it goes before what the app's code says, as an option does
        url, namespace = place.settings.database_url, place.settings.namespace
    app = App(url, namespace=namespace, mode="client", like=like)
    app.parts = msgspec.structs.replace(app.parts, create=create, patience=PATIENCE)
    return app


@asynccontextmanager
async def opened(target: Target, *, create: bool = False) -> AsyncGenerator[App | RemoteClient]:
    """An open client. Raises as `client_of` and `open`."""
    client = client_of(target, create=create)
    async with client:
        yield client


def talk(target: Target, work: Callable[[Any], Awaitable[T]], *, create: bool = False) -> T:
    """Do something with an open client, and return what it returns."""

    async def session() -> T:
        async with opened(target, create=create) as client:
            return await work(client)

    return asyncio.run(session())
