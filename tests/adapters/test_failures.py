import asyncio
import errno
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.adapters.failures import ErrorRegistry
from stepwell.errors import (
    EventTimeout,
    IllegalState,
    InvalidOption,
    NonRetryableError,
    PayloadTooLarge,
    RunFailed,
    StepError,
    StoreLocked,
)
from stepwell.model.failure import MAX_DEPTH, MAX_MEMBERS, MAX_TEXT, Failure
from stepwell.runtime.threads import call_body


class Declined(Exception):
    def __init__(self, order: str, reason: str, handle: object = None) -> None:
        super().__init__(f"{order}: {reason}")
        self.order = order
        self.reason = reason
        self.handle = handle


class Unregistered(Exception):
    pass


class Coded(StepError, code="shop.coded", retryable=False):
    pass


@dataclass
class Plain(Exception):
    number: int
    text: str = "t"


@pytest.fixture
def errors() -> ErrorRegistry:
    return ErrorRegistry()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def trip(errors: ErrorRegistry, error: BaseException) -> tuple[Failure, Exception]:
    failure = errors.to_failure(raised(error))
    stored = msgspec.json.decode(msgspec.json.encode(failure), type=Failure)
    assert stored == failure
    return stored, errors.to_exception(stored)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        KeyError("k"),
        TypeError(),
        ZeroDivisionError("division by zero"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        OSError("plain"),
        AssertionError("no", 5),
        TimeoutError("late"),
        UserWarning("careful"),
        ImportError("no module"),
        RuntimeError("a", ["b", {"c": None}]),
    ],
)
def test_built_in_exceptions_come_back(errors: ErrorRegistry, error: Exception) -> None:
    failure, back = trip(errors, error)
    assert type(back) is type(error)
    assert (str(back), back.args) == (str(error), error.args)
    assert failure.retryable
    assert "raise error" in failure.traceback


def test_os_errors_keep_their_file(errors: ErrorRegistry, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "gone").read_text()
    _, back = trip(errors, caught.value)
    assert isinstance(back, FileNotFoundError)
    assert (back.errno, back.filename) == (errno.ENOENT, str(tmp_path / "gone"))
    assert str(back) == str(caught.value)


def test_our_own_come_back_with_their_fields(errors: ErrorRegistry) -> None:
    _, back = trip(errors, IllegalState("no", state="failed", allowed=("restart",)))
    assert isinstance(back, IllegalState)
    assert (str(back), back.state, back.allowed) == ("no", "failed", ("restart",))
    _, back = trip(errors, EventTimeout("late"))
    assert isinstance(back, EventTimeout)
    assert isinstance(back, TimeoutError)
    failure, back = trip(errors, StoreLocked("held"))
    assert (failure.code, failure.retryable, type(back)) == ("store_locked", True, StoreLocked)
    _, back = trip(errors, PayloadTooLarge("big", size=9, limit=5))
    assert isinstance(back, PayloadTooLarge)
    assert back.fields() == {"size": 9, "limit": 5}


def test_step_errors_come_back_whole(errors: ErrorRegistry) -> None:
    error = StepError("busy", code="bank.busy", retryable=False, details={"a": (1, 2)}, retry_after="5s")
    failure, back = trip(errors, error)
    assert isinstance(back, StepError)
    assert (back.code, back.retryable, back.details) == ("bank.busy", False, {"a": [1, 2]})
    assert failure.retry_after == back.retry_after == 5.0
    assert back.type_name is None
    failure, back = trip(errors, NonRetryableError("never"))
    assert type(back) is NonRetryableError
    assert not failure.retryable


def test_an_unregistered_class_is_told_by_name(errors: ErrorRegistry) -> None:
    failure, back = trip(errors, Unregistered("odd", object()))
    assert type(back) is StepError
    assert back.type_name == "Unregistered"
    assert failure.type.endswith("test_failures.Unregistered")
    assert failure.args is None
    _, back = trip(errors, Coded("no", details=[1]))
    assert type(back) is StepError
    assert (back.code, back.retryable, back.details, back.type_name) == ("shop.coded", False, [1], "Coded")


def test_a_registered_class_comes_back_without_its_constructor(errors: ErrorRegistry) -> None:
    errors.register(Declined)
    errors.register(Declined)
    _, back = trip(errors, Declined("o-1", "funds", handle=object()))
    assert isinstance(back, Declined)
    assert (str(back), back.order, back.reason) == ("o-1: funds", "o-1", "funds")
    assert not hasattr(back, "handle")  # not JSON


def test_other_registered_classes(errors: ErrorRegistry) -> None:
    errors.register(Coded)
    errors.register(Plain)
    _, back = trip(errors, Coded("no", details=[1]))
    assert isinstance(back, Coded)
    assert (str(back), back.code, back.retryable, back.details) == ("no", "shop.coded", False, [1])
    _, back = trip(errors, Plain(5, "x"))
    assert back == Plain(5, "x")
    assert back.args == (5, "x")


def test_a_class_that_cannot_be_made_is_told_by_name(errors: ErrorRegistry) -> None:
    class Twisted(ValueError, OSError):
        pass

    errors.register(Twisted)
    _, back = trip(errors, Twisted("x"))
    assert isinstance(back, StepError)
    assert back.type_name == "Twisted"


def test_only_exceptions_can_be_registered(errors: ErrorRegistry) -> None:
    for cls in (int, KeyboardInterrupt):
        with pytest.raises(InvalidOption):
            errors.register(cls)  # type: ignore[arg-type]


def test_nothing_stored_names_code_to_import(errors: ErrorRegistry) -> None:
    back = errors.to_exception(Failure(type="subprocess.CalledProcessError", message="x", args=[1, "rm"]))
    assert type(back) is StepError
    back = errors.to_exception(Failure(type="print", message="x"))
    assert type(back) is StepError
    back = errors.to_exception(Failure(type="stepwell.ErrorRegistry", message="x"))
    assert type(back) is StepError


@pytest.mark.parametrize("make", [b"\xff".decode, "\ud800".encode])
def test_unicode_errors_stay_unicode_errors(errors: ErrorRegistry, make: Callable[[], object]) -> None:
    with pytest.raises(UnicodeError) as caught:
        make()
    _, back = trip(errors, caught.value)
    assert type(back) is UnicodeError
    assert isinstance(back, ValueError)


@pytest.mark.parametrize("error", [StopIteration(1), asyncio.CancelledError(), KeyboardInterrupt(), SyntaxError("x")])
def test_what_must_not_be_raised_again(errors: ErrorRegistry, error: BaseException) -> None:
    _, back = trip(errors, error)
    assert type(back) is StepError
    assert back.type_name == type(error).__name__


def test_causes_and_contexts(errors: ErrorRegistry) -> None:
    cause = KeyError("k")
    error = RunFailed("failed", run_id="r", workflow="w")
    error.__cause__ = cause
    _, back = trip(errors, error)
    assert isinstance(back.__cause__, KeyError)
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer")  # noqa: B904
    except ValueError as caught:
        failure = errors.to_failure(caught)
    assert failure.cause is not None
    assert failure.cause.type == "KeyError"
    hidden = ValueError("x")
    hidden.__context__, hidden.__suppress_context__ = cause, True
    assert errors.to_failure(hidden).cause is None


def test_causes_in_a_circle_end(errors: ErrorRegistry) -> None:
    one, two = ValueError("1"), ValueError("2")
    one.__cause__, two.__cause__ = two, one
    failure, depth = errors.to_failure(one), 0
    while failure.cause is not None:
        failure, depth = failure.cause, depth + 1
    assert depth == MAX_DEPTH


def test_groups(errors: ErrorRegistry) -> None:
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("in", [Unregistered("b")])])
    failure, back = trip(errors, group)
    assert isinstance(back, ExceptionGroup)
    assert back.message == "two"
    assert isinstance(back.exceptions[0], ValueError)
    inner = back.exceptions[1]
    assert isinstance(inner, ExceptionGroup)
    assert isinstance(inner.exceptions[0], StepError)
    assert failure.retryable
    assert not errors.to_failure(ExceptionGroup("x", [ValueError(), NonRetryableError("n")])).retryable
    _, back = trip(errors, BaseExceptionGroup("base", [KeyboardInterrupt()]))
    assert isinstance(back, ExceptionGroup)


def test_groups_are_bounded(errors: ErrorRegistry) -> None:
    failure = errors.to_failure(ExceptionGroup("many", [ValueError(str(n)) for n in range(1_000)]))
    assert failure.group is not None
    assert len(failure.group) == MAX_MEMBERS
    assert failure.hidden == 1_000 - MAX_MEMBERS
    nested: Exception = ValueError("x")
    for _ in range(20):
        nested = ExceptionGroup("deep", [nested] * 20)
    assert len(msgspec.json.encode(errors.to_failure(nested))) < 200_000
    errors.to_exception(errors.to_failure(nested))


def test_texts_are_bounded_and_storable(errors: ErrorRegistry) -> None:
    error = raised(ValueError("\ud800\0" + "x" * 100_000))
    error.add_note("\udfff")
    failure, back = trip(errors, error)
    assert len(failure.message) <= MAX_TEXT + 10
    assert "(100002 characters)" in failure.message
    assert len(failure.traceback) <= MAX_TEXT + 10
    assert back.__notes__ == ["\\udfff"]
    assert "\0" not in str(back)


def test_frames_between_the_loop_and_a_body_are_left_out(errors: ErrorRegistry) -> None:
    def body() -> None:
        raise ValueError("mine")

    called: list[Any] = [body, 7]
    with ThreadPoolExecutor(1) as pool:
        mine, ours = (pool.submit(call_body, fn, (), {}).exception() for fn in called)
    assert mine is not None
    assert ours is not None
    (frame,) = [line for line in errors.to_failure(mine).traceback.splitlines() if "File" in line]
    assert frame.endswith("in body")
    assert "in call_body" in errors.to_failure(ours).traceback, "there are no others"


def test_a_deep_traceback_keeps_its_end(errors: ErrorRegistry) -> None:
    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("here" * 10)
        fall(depth - 1)

    with pytest.raises(ValueError, match="here") as caught:
        fall(200)
    failure = errors.to_failure(caught.value)
    assert len(failure.traceback) <= MAX_TEXT
    assert failure.traceback.endswith("here")


def test_details_that_json_cannot_hold_become_text(errors: ErrorRegistry) -> None:
    for details in (object(), float("nan"), {1, 2}, "x" * 20_000, [10**5_000]):
        failure, back = trip(errors, StepError("x", details=details))
        assert isinstance(back, StepError)
        json.dumps(failure.details, allow_nan=False)
        assert len(json.dumps(failure.details)) < MAX_TEXT + 100


class Hostile(Exception):
    @property
    def retry_after(self) -> float:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


class HostileStep(StepError):
    def __init__(self) -> None:
        self.__notes__ = 5  # type: ignore[assignment]

    def fields(self) -> dict[str, object]:
        raise RuntimeError


@pytest.mark.parametrize("make", [Hostile, HostileStep])
def test_hostile_exceptions_are_recorded_all_the_same(errors: ErrorRegistry, make: type[Exception]) -> None:
    _, back = trip(errors, make())
    assert isinstance(back, StepError)
    assert back.type_name in ("Hostile", "HostileStep")
    errors.register(make)
    trip(errors, make())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(json_values | st.binary() | st.tuples(st.integers()), max_size=4), json_values)
def test_whatever_the_arguments(args: list[object], details: object) -> None:
    errors = ErrorRegistry()
    errors.register(Unregistered)
    failure, back = trip(errors, Unregistered(*args))
    assert type(back) is Unregistered
    if failure.args is not None:
        assert list(back.args) == args
    trip(errors, StepError("x", details=details))
