"""From a server's `application/problem+json` back to the error of its code."""

from typing import Any, Final

import msgspec

from stepwell.errors import ERRORS, EngineRefusal, StepwellError, UsageError, WorldError

_NO_KEY: Final = "unauthenticated"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem as RFC 9457 and our codes say it."""

    title: str = ""
    status: int = 0
    detail: str = ""
    code: str = ""
    expected: str | None = None
    hint: str | None = None
    errors: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}


def problem_of(status: int, kind: str, content: bytes) -> StepwellError | None:
    """The error that an answer stands for; None if it is no problem of ours."""
    if not kind.startswith("application/problem+json"):
        return None
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.MsgspecError:
        return None
    return error_of(problem, status)


def error_of(problem: Problem, status: int) -> StepwellError | None:
    """The error of a problem, as its class where this version knows its code."""
    if not problem.code:
        return None
    known = ERRORS.get(problem.code)
    kind = known or _kind_of(status)
    error = kind.__new__(kind)
    expected, hint = problem.expected, problem.hint
    if problem.code == _NO_KEY:  # a caller has no use for the name of a header
        expected, hint = None, f"Give a key: STEPWELL_API_KEY, or one in a profile. {hint or ''}".rstrip()
    StepwellError.__init__(error, _said(problem), expected=expected, hint=hint)
    for name in kind.own:
        if name in problem.fields:
            value = problem.fields[name]
            setattr(error, name, tuple(value) if isinstance(getattr(kind, name, None), tuple) else value)
    if known is None:
        error.code = problem.code
    return error


def _kind_of(status: int) -> type[StepwellError]:
    """Who can act, of a code that this version does not know."""
    if status >= 500:
        return WorldError
    return UsageError if status in (400, 413, 415, 422) else EngineRefusal


def _said(problem: Problem) -> str:
    """What happened; of a value that does not fit, also where, unless it says so."""
    said = problem.detail or problem.title
    places = [f"{at['path']}: {at['message']}" for at in problem.errors if "path" in at and "message" in at]
    more = [place for place in places if place.partition(": ")[2] not in said]
    return f"{said} ({'; '.join(more[:5])})" if more else said
