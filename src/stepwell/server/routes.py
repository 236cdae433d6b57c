"""All routes, put together: the API under its base, what lies beside it, the guard before everything."""

import logging
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.router import Router

from stepwell.errors import StepwellError
from stepwell.server import (
    bulk,
    describing,
    figures,
    health,
    keys,
    live,
    metrics,
    parameters,
    reading,
    runs,
    sessions,
    shell,
    steering,
    workflows,
)
from stepwell.server.guard import guard
from stepwell.server.problems import response_of, translated
from stepwell.server.refusals import NoSuchRoute
from stepwell.server.routing import BASE, context

log = logging.getLogger("stepwell.server")
API: Final = (runs, figures, reading, live, steering, bulk, workflows, keys, sessions, describing)
BESIDE: Final = (health, metrics, shell)


def make(openapi: OpenAPIConfig | None = None) -> Litestar:
    """The routes as one ASGI app, to be called with a request's context in its scope."""
    handlers = [handler for module in API for handler in module.ROUTES]
    api = Router(BASE, route_handlers=handlers, before_request=parameters.check)
    return Litestar(
        route_handlers=[api, *(handler for module in BESIDE for handler in module.ROUTES)],
        guards=[guard],
        dependencies={name: Provide(fn, sync_to_thread=False) for name, fn in parameters.DEPENDENCIES.items()},
        exception_handlers={Exception: refused, HTTPException: refused},
        openapi_config=openapi,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
    )


def refused(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """An error as a problem; one that is nobody's fault but ours is logged, and not told."""
    if isinstance(error, RecursionError):
        return response_of(translated(HTTPException("the body is nested too deep", status_code=400)))
    known = translated(error, fields_of(request.scope.get("route_handler")), methods_at(request))
    if not isinstance(known, StepwellError):
        log.error("%s failed", request.scope.get("path_template", "a request"), exc_info=known)
    if isinstance(known, NoSuchRoute) and _is_page(request):
        return Response(shell.shell(context(request).base), status_code=404, media_type="text/html")
    return response_of(known)


def methods_at(request: Request[Any, Any, Any]) -> tuple[str, ...]:
    """The methods that a request's path is served with."""
    parts = request.scope["path"].strip("/").split("/")
    found: set[str] = set()
    for route in request.app.routes:
        own = route.path.strip("/").split("/")
        if own[-1].endswith(":path}"):  # as many parts as there are
            own += own[-1:] * (len(parts) - len(own))
        if len(own) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(own, parts, strict=True)):
            found |= {str(method) for method in getattr(route, "methods", ())}
    if "GET" in found and parts[-1] != "stream":
        found.add("HEAD")
    return tuple(sorted(found - {"OPTIONS"}))


def _is_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person has asked, by an address of no page: the dashboard says so itself."""
    path = request.scope["path"]
    wants = "text/html" in request.headers.get("accept", "")
    return wants and request.method == "GET" and not path.startswith((BASE, "/static/"))


def fields_of(handler: BaseRouteHandler | None) -> tuple[str, ...]:
    """The fields of the body that a route takes."""
    signature = getattr(handler, "parsed_fn_signature", None)
    body = signature.parameters.get("data") if signature is not None else None
    return tuple(getattr(body.annotation, "__struct_fields__", ())) if body is not None else ()
