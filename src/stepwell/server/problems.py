"""Errors as `application/problem+json` (RFC 9457): our codes, with the status that says who can act."""

import math
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from stepwell import errors
from stepwell.errors import StepwellError
from stepwell.server import refusals

MEDIA: Final = "application/problem+json"
STATUS: Final[tuple[tuple[type[StepwellError], int], ...]] = (
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (refusals.ForeignOrigin, 403),
    (refusals.ForeignHost, 421),
    (errors.TooManyRequests, 429),
    (refusals.NoSuchRoute, 404),
    (refusals.MethodRefused, 405),
    (refusals.MalformedRequest, 400),
    (refusals.UnsupportedMedia, 415),
    (refusals.HeadersTooLarge, 431),
    (refusals.DeadlinePassed, 504),
    (errors.NotFound, 404),
    (errors.UnknownWorkflow, 404),
    (errors.UnknownEvent, 404),
    (errors.PayloadTooLarge, 413),
    (errors.AppClosed, 503),
    (errors.MissingExtra, 501),
    (errors.UsageError, 422),
    (errors.EngineRefusal, 409),
    (errors.WorldError, 503),
)
"""The first that fits decides; anything else is our fault: 500."""

RETRY_AFTER: Final = 2


class At(msgspec.Struct, frozen=True):
    """What is wrong at one place of the input."""

    path: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem: `code` is Stepwell's, the same in Python and on the command line; `detail` says what happened."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    expected: str | None = None
    hint: str | None = None
    errors: list[At] | None = None
    fields: dict[str, Any] | None = None


def status_of(error: BaseException) -> int:
    """The status that an error is answered with."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem_of(error: BaseException) -> Problem:
    """An error as the API says it; what is not ours is not told to anybody."""
    if not isinstance(error, StepwellError):
        return Problem(type="about:blank", title="Internal error", status=500, code="internal",
                       detail="the server failed; its log says more under the id of this request")  # fmt: skip
    places = [At(path, message) for path, message in getattr(error, "errors", ())
              ] if isinstance(error, refusals.InvalidRequest) else []  # fmt: skip
    path = getattr(error, "path", "")
    if isinstance(path, str) and path:
        places = [At(path, error.what or str(error))]
    return Problem(
        type=f"urn:stepwell:error:{error.code}",
        title=_title(type(error)),
        status=status_of(error),
        detail=error.what or str(error),
        code=error.code,
        expected=error.expected,
        hint=error.hint,
        errors=places or None,
        fields=_own(error),
    )


def _own(error: StepwellError) -> dict[str, Any] | None:
    """The error's own attributes that are plain, for clients that raise it again: state, verb, size, limit, …"""
    plain = (str, int, float, tuple)
    own = {name: value for name, value in error.fields().items() if isinstance(value, plain) and name != "errors"}
    return own or None


def _title(kind: type[StepwellError]) -> str:
    """The class's name as words: "Illegal state"."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in kind.__name__).strip()
    return words[:1].upper() + words[1:]


def response_of(error: BaseException) -> Response[Any]:
    """An error as a response."""
    problem = problem_of(error)
    return Response(problem, status_code=problem.status, media_type=MEDIA, headers=headers_of(error))


def headers_of(error: BaseException) -> dict[str, str]:
    """What goes along with an error."""
    if isinstance(error, errors.TooManyRequests):
        return {"Retry-After": str(math.ceil(max(error.retry_after, 1)))}
    if isinstance(error, errors.WorldError | errors.AppClosed):
        return {"Retry-After": str(RETRY_AFTER)}
    if isinstance(error, refusals.MethodRefused) and error.allow:
        return {"Allow": ", ".join(error.allow)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def translated(error: Exception, known: tuple[str, ...] = (), allow: tuple[str, ...] = ()) -> Exception:
    """What the framework raised, in our words; `known` are the fields of the body, `allow` the path's methods."""
    if isinstance(error, ValidationException):
        return _invalid(error, known)
    if isinstance(error, MethodNotAllowedException):
        return refusals.MethodRefused(
            "the path does not know this method", expected=", ".join(allow) or None, allow=allow
        )
    if isinstance(error, NotFoundException):
        return refusals.NoSuchRoute("nothing is served at this path", hint="/api/v1/openapi.json lists what is.")
    if isinstance(error, HTTPException) and error.status_code < 500:
        return refusals.MalformedRequest(str(error.detail))
    return error


def _invalid(error: ValidationException, known: tuple[str, ...]) -> StepwellError:
    found: list[tuple[str, str]] = []
    for item in error.extra if isinstance(error.extra, list) else []:
        if isinstance(item, dict):
            key, message = str(item.get("key", "")), str(item.get("message", ""))
            source = str(getattr(item.get("source"), "value", item.get("source") or "body"))
            path = key.removeprefix("data").lstrip(".") if source == "body" else f"{source}.{key}" if key else source
            found.append((path, message))
    if not found:
        found = [("", str(error.detail))]
    said = "; ".join(f"{path}: {message}" if path else message for path, message in found)
    unknown = any("unknown field" in message for _, message in found)
    expected = f"of {', '.join(known)}" if unknown and known else None
    return refusals.InvalidRequest(said, expected=expected, errors=tuple(found))
