"""Query parameters that a route does not know: refused, since a misspelt filter would show everything."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from stepwell.server.queries import query
from stepwell.server.refusals import InvalidRequest
from stepwell.server.routing import SHAPES, Asked

DEPENDENCIES: Final[dict[str, Callable[..., Any]]] = {"which": query}
"""What makes an argument of several routes out of parameters of its own, by the argument's name."""


async def check(request: Asked) -> None:
    """Before a request's handler: that it has all parameters in mind. Raises InvalidRequest."""
    handler = request.scope["route_handler"]
    if SHAPES not in handler.opt or not request.scope["query_string"]:
        return
    known = known_to(handler)
    for name in request.query_params.dict():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise InvalidRequest(
                f"there is no parameter {name[:80]!r} here",
                expected=", ".join(sorted(known)) or "none",
                hint=f"Is {near[0]!r} meant?" if near else None,
                errors=((name[:80], "unknown"),),
            )


@cache
def known_to(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters of a route."""
    fn = handler.fn
    names = _names(fn)
    for argument in fn.__annotations__:
        if argument in DEPENDENCIES:
            names |= _names(DEPENDENCIES[argument])
    return frozenset(names)


def _names(fn: Callable[..., Any]) -> set[str]:
    found = set()
    for argument, hint in get_type_hints(fn, include_extras=True).items():
        for said in _said(hint):
            if isinstance(said, QueryParameter):
                found.add(said.name or argument)
    return found


def _said(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()
