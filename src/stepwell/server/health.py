"""Routes outside of the API: is the process alive, does the database answer."""

from typing import Final, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from stepwell.server.guard import PUBLIC
from stepwell.server.routing import Asked, context, route


class Health(msgspec.Struct, frozen=True):
    """That the process answers."""

    status: Literal["ok"] = "ok"


@route("GET", "/health", scope=PUBLIC, summary="Is the process alive", tag="Health")
async def health(request: Asked) -> Health:
    """Answers as long as the process does; asks nothing of the database."""
    return Health()


@route("GET", "/ready", scope=PUBLIC, summary="Can it serve", tag="Health")
async def ready(request: Asked) -> Health:
    """Answers when the database does; else 503."""
    await context(request).services.engine.store.workers()
    return Health()


ROUTES: Final[list[HTTPRouteHandler]] = [health, ready]
