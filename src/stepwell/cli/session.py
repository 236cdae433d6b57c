"""Opens a client of the database that the options name, for as long as a command needs it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from stepwell.cli.options import Target
from stepwell.client.app import App

T = TypeVar("T")


def client_of(target: Target, *, create: bool = False) -> App:
    """A client app, not yet open. Without code it knows runs by their names alone.

    `create`: make the database when there is none; commands that only read never do.

    Raises:
        AppNotFound, AppAmbiguous, AppBroken, InvalidOption.
    """
    like = None
    if target.app is not None:
        from stepwell.client.discover import load

        like = load(target.app)
    app = App(target.url, namespace=target.namespace, mode="client", like=like)
    app.parts = msgspec.structs.replace(app.parts, create=create)
    return app


@asynccontextmanager
async def opened(target: Target, *, create: bool = False) -> AsyncGenerator[App]:
    """An open client. Raises as `client_of` and `App.open`."""
    app = client_of(target, create=create)
    async with app:
        yield app


def talk(target: Target, work: Callable[[App], Awaitable[T]], *, create: bool = False) -> T:
    """Do something with an open client, and return what it returns."""

    async def session() -> T:
        async with opened(target, create=create) as app:
            return await work(app)

    return asyncio.run(session())
