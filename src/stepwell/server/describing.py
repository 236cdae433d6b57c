"""The route of the API's own description."""

from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from stepwell.server.guard import PUBLIC
from stepwell.server.routing import Asked, context, route


@route("GET", "/openapi.json", scope=PUBLIC, summary="Describe the API", tag="Session")
async def show_document(request: Asked) -> Any:
    """This document."""
    return Response(context(request).services.describe(), media_type="application/json")


ROUTES: Final[list[HTTPRouteHandler]] = [show_document]
