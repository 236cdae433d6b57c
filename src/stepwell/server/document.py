"""The description of the API: OpenAPI 3.1, made from the routes themselves."""

from functools import cache
from typing import Any, Final

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server

from stepwell.client.version import VERSION
from stepwell.server.examples import EXAMPLES
from stepwell.server.guard import COOKIE, PUBLIC, SCOPE
from stepwell.server.routes import make
from stepwell.server.routing import SHAPES
from stepwell.server.schemas import Schemas, shapes_of

ABOUT: Final = """\
Start, watch and steer durable runs. Times are RFC 3339 in UTC, lengths of time are seconds.

Errors are `application/problem+json` (RFC 9457); their `code` is the same in Python and on the command line.
Pages follow each other by `after`. Any write may be repeated: the same id has no second effect (P6, P7).
"""


@cache
def encoded() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document())


def document() -> dict[str, Any]:
    """The document as data."""
    config = OpenAPIConfig(
        title="Stepwell", version=VERSION, description=ABOUT, servers=[Server("/")], render_plugins=[],
        components=Components(security_schemes={
            "key": SecurityScheme(type="http", scheme="bearer", bearer_format="swk_…",
                                  description="An API key: `stepwell keys create` makes one."),
            "session": SecurityScheme(type="apiKey", name=COOKIE, security_scheme_in="cookie",
                                      description="A browser's session; writes also send `X-CSRF-Token`."),
        }))  # fmt: skip
    app = make(config)
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    served = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    handlers = {handler.operation_id: handler for handler in served if SHAPES in handler.opt}
    schemas = Schemas([shape for handler in handlers.values() for shape in shapes_of(handler)])
    for methods in made["paths"].values():
        for operation in methods.values():
            handler = handlers[operation["operationId"]]
            schemas.put_into(operation, handler)
            scopes = [scope for scope in handler.opt[SCOPE] if scope != PUBLIC]
            operation["security"] = [{kind: [scope]} for scope in scopes for kind in ("key", "session")]
            if scopes:
                operation["x-scope"] = " or ".join(scopes)
    made["components"]["schemas"] = schemas.components
    for name, example in EXAMPLES.items():
        schemas.components[name]["examples"] = [example]
    return made
