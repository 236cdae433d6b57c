"""Errors as problems: the status says who can act."""

import pytest
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from stepwell.errors import (
    ERRORS,
    Conflict,
    Forbidden,
    IllegalState,
    InvalidOption,
    MissingExtra,
    NotFound,
    PayloadTooLarge,
    StepwellError,
    StoreLocked,
    TooManyRequests,
    TypeMismatch,
    Unauthenticated,
    UnknownWorkflow,
    UsageError,
    WorldError,
)
from stepwell.server.problems import headers_of, problem_of, response_of, status_of, translated
from stepwell.server.refusals import DeadlinePassed, InvalidRequest


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound("x"), 404), (UnknownWorkflow("x"), 404), (Conflict("x"), 409), (IllegalState("x"), 409),
     (PayloadTooLarge("x"), 413), (TypeMismatch("x"), 422), (InvalidOption("x"), 422), (StoreLocked("x"), 503),
     (MissingExtra("x"), 501), (TooManyRequests("x"), 429), (DeadlinePassed("x"), 504), (Unauthenticated("x"), 401),
     (Forbidden("x"), 403), (RuntimeError("x"), 500)],
)  # fmt: skip
def test_statuses(error: Exception, status: int) -> None:
    assert status_of(error) == status
    assert problem_of(error).status == status
    assert response_of(error).status_code == status


def test_every_error_of_ours_has_a_status() -> None:
    for kind in ERRORS.values():
        if issubclass(kind, UsageError | WorldError):
            error = StepwellError.__new__(kind)
            Exception.__init__(error)
            assert 400 <= status_of(error) < 600


def test_what_an_error_says_is_told_in_parts() -> None:
    told = problem_of(InvalidOption("limit=0", expected="1 to 1000", hint="Ask for less."))
    assert (told.detail, told.expected, told.hint) == ("limit=0", "1 to 1000", "Ask for less.")
    assert (told.code, told.title) == ("invalid_option", "Invalid option")
    plain = problem_of(NotFound("there is no run"))
    assert (plain.detail, plain.expected, plain.hint) == ("there is no run", None, None)
    assert problem_of(TypeMismatch("wrong", path="a.b")).errors[0].path == "a.b"  # type: ignore[index]


def test_what_is_not_ours_is_not_told() -> None:
    told = problem_of(RuntimeError("password=hunter2"))
    assert "hunter2" not in repr(told)
    assert told.code == "internal"


def test_what_goes_along() -> None:
    assert headers_of(StoreLocked("x")) == {"Retry-After": "2"}
    assert headers_of(TooManyRequests("x", retry_after=0.2)) == {"Retry-After": "1"}
    assert headers_of(Unauthenticated("x")) == {"WWW-Authenticate": "Bearer"}
    assert headers_of(NotFound("x")) == {}


def test_the_framework_s_errors_in_our_words() -> None:
    invalid = ValidationException("bad", extra=[{"key": "limit", "message": "Expected `int`", "source": "query"}])
    said = translated(invalid)
    assert isinstance(said, InvalidRequest)
    assert said.errors == (("query.limit", "Expected `int`"),)
    unknown = ValidationException("bad", extra=[{"key": "data", "message": "Object contains unknown field `x`"}])
    told = translated(unknown, ("a", "b"))
    assert isinstance(told, InvalidRequest)
    assert (told.expected, told.errors[0][0]) == ("of a, b", "")
    assert translated(ValidationException("all of it")).errors == (("", "all of it"),)  # type: ignore[attr-defined]
    assert status_of(translated(MethodNotAllowedException())) == 405
    assert status_of(translated(NotFoundException())) == 404
    assert status_of(translated(HTTPException("no", status_code=400))) == 400
    broken = HTTPException("no", status_code=500)
    assert translated(broken) is broken
