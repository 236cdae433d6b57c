"""How a route is declared: its scope, its place in the audit, its errors, all that the API document says of it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from litestar import Request
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from stepwell.server.context import Context, context_of
from stepwell.server.front import SLASH
from stepwell.server.guard import ACTION, PUBLIC, SCOPE
from stepwell.server.problems import MEDIA, Problem

Method = Literal["GET", "POST", "DELETE"]
Asked = Request[Any, Any, Any]
F = TypeVar("F", bound=Callable[..., Any])
BASE: Final = "/api/v1"
SHAPES: Final = "shapes"
"""The shapes of the answers that are no problems, by status; None: what the handler returns."""

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
After = Annotated[str | None, QueryParameter(description="The `after` of the page before.", max_length=1000)]
RunId = Annotated[str, PathParameter(description="The run's id (a slash in it as %2F), or its key in hex.",
                                 max_length=2000)]  # fmt: skip
ABOUT: Final = {
    400: "The body is no JSON, or nested too deep.",
    401: "No key or session, or one that is unknown, expired or revoked.",
    403: "The key lacks the scope, or another origin's page sent this.",
    404: "There is no such thing, or retention has removed it.",
    409: "Not possible in the present state, or in conflict with what is there.",
    413: "The body, or a value in it, is too large.",
    415: "The body is not sent as application/json.",
    421: "The `Host` is another machine's than this open server's.",
    422: "A parameter or field does not fit; `errors` says where.",
    429: "Too many tries; `Retry-After` says when again.",
    503: "The database does not answer; `Retry-After` says when again.",
    504: "No answer within the server's own time.",
}
ALWAYS: Final = (421, 422, 503, 504)
GUARDED: Final = (401, 403)
WRITING: Final = (400, 413, 415)


def route(method: Method, path: str | Sequence[str], *, scope: str | tuple[str, ...], summary: str, status: int = 200,
          errors: Sequence[int] = (),
          action: str | None = None, also: dict[int, tuple[Any, str]] | None = None, hidden: bool = False,
          tag: str = "Runs", media: str = MediaType.JSON,
          answer: str = "") -> Callable[[F], HTTPRouteHandler]:  # fmt: skip
    """Declare a route. `scope`: what lets one use it, or several of which any does.

    `errors`: statuses of problems besides those of all; `also`: other answers, by status.
    `action` names it in the audit: every write has one.
    """
    scopes = (scope,) if isinstance(scope, str) else scope
    codes = {*ALWAYS, *errors, *(GUARDED if scope != PUBLIC else ()), *(() if method == "GET" else (403, *WRITING))}
    specs = {code: ResponseSpec(Problem, generate_examples=False, description=ABOUT[code], media_type=MEDIA)
             for code in sorted(codes)}  # fmt: skip
    for code, (shape, said) in (also or {}).items():
        specs[code] = ResponseSpec(shape, generate_examples=False, description=said)

    def made(fn: F) -> HTTPRouteHandler:
        return HTTPRouteHandler(
            path, http_method=method, status_code=status, summary=summary, description=fn.__doc__,
            operation_id=fn.__name__, responses=specs, tags=[tag],
            opt={SCOPE: scopes, ACTION: action, SHAPES: {status: None, **{n: s for n, (s, _) in (also or {}).items()}}},
            include_in_schema=not hidden, media_type=media, response_description=answer or summary,
            raises=None, sync_to_thread=None)(fn)  # fmt: skip

    return made


def context(request: Asked) -> Context:
    """The context of a request."""
    return context_of(request.scope)


def plain_id(given: str) -> str:
    """An id as its owner wrote it."""
    return given.replace(SLASH, "/")
