"""Problems become the errors that they were made of."""

import msgspec
import pytest

from stepwell.client.problems import Problem, error_of, problem_of
from stepwell.errors import (
    ERRORS,
    EngineRefusal,
    Forbidden,
    IllegalState,
    NotFound,
    PayloadTooLarge,
    StepwellError,
    TooManyRequests,
    TypeMismatch,
    Unauthenticated,
    UsageError,
    WorldError,
)

KIND = "application/problem+json"


def of(status: int = 409, **fields: object) -> StepwellError:
    error = problem_of(status, KIND, msgspec.json.encode({"type": "x", "title": "T", "status": status, **fields}))
    assert error is not None
    return error


def test_the_message_is_put_together_as_it_was() -> None:
    error = NotFound("there is no run 'a'", expected="one that there is", hint="Look for it.")
    back = of(404, code="not_found", detail=error.what, expected=error.expected, hint=error.hint)
    assert type(back) is NotFound
    assert str(back) == str(error)


def test_the_class_s_own_attributes_come_back() -> None:
    back = of(code="illegal_state", detail="no", fields={"state": "failed", "allowed": ["retry", "restart"], "x": 1})
    assert isinstance(back, IllegalState)
    assert (back.state, back.verb, back.allowed) == ("failed", None, ("retry", "restart"))
    large = of(413, code="payload_too_large", detail="no", fields={"size": 5, "limit": 4})
    assert isinstance(large, PayloadTooLarge)
    assert (large.size, large.limit) == (5, 4)


def test_a_server_s_own_refusals() -> None:
    assert type(of(401, code="unauthenticated", detail="no")) is Unauthenticated
    assert type(of(403, code="forbidden", detail="no")) is Forbidden
    busy = of(429, code="too_many_requests", detail="too many wrong keys", fields={"retry_after": 7.5})
    assert isinstance(busy, TooManyRequests)
    assert busy.retry_after == 7.5


def test_places_are_told_once() -> None:
    back = of(422, code="type_mismatch", detail="it does not fit", errors=[{"path": "order.id", "message": "a number"}])
    assert isinstance(back, TypeMismatch)
    assert str(back) == "it does not fit (order.id: a number)"
    said = of(422, code="type_mismatch", detail="order.id is a number", errors=[
        {"path": "order.id", "message": "order.id is a number"}])  # fmt: skip
    assert str(said) == "order.id is a number"


@pytest.mark.parametrize(("status", "kind"), [(400, UsageError), (422, UsageError), (409, EngineRefusal),
                                              (401, EngineRefusal), (500, WorldError)])  # fmt: skip
def test_a_code_of_a_newer_version_keeps_its_name(status: int, kind: type[StepwellError]) -> None:
    back = of(status, code="of_tomorrow", detail="no")
    assert (type(back), back.code) == (kind, "of_tomorrow")
    assert kind.code != "of_tomorrow"


def test_what_helps_is_said_where_the_server_does_not() -> None:
    bare = of(401, code="unauthenticated", detail="this needs a key", expected="a header")
    assert str(bare) == "this needs a key. Give a key: STEPWELL_API_KEY, or one in a profile."
    assert str(of(401, code="unauthenticated", detail="no", hint="Make one.")).endswith("in a profile. Make one.")
    assert str(of(403, code="forbidden", detail="it needs operate", hint="It has read.")).endswith("It has read.")


def test_every_code_of_ours_comes_back_as_its_class() -> None:
    for code, kind in ERRORS.items():
        if kind.__module__ == "stepwell.errors":
            back = of(code=code, detail="what")
            assert type(back) is kind
            assert str(back).startswith("what")


@pytest.mark.parametrize(("kind", "content"), [("text/html", b"<html>"), (KIND, b"not json"), (KIND, b'{"code": 5}'),
                                               (KIND, b"[]"), (KIND, b"{}")])  # fmt: skip
def test_what_is_no_problem_of_ours(kind: str, content: bytes) -> None:
    assert problem_of(500, kind, content) is None


def test_of_a_batch() -> None:
    assert isinstance(error_of(Problem(code="not_found", title="Not found"), 404), NotFound)
    assert error_of(Problem(title="?"), 500) is None
