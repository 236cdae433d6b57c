"""Signals in groups, and where an error came from."""

from typing import Any

import pytest

from stepwell.core.outcome import ContinueAsNew, RollbackFailed, mark, marks, signal_in


def test_a_signal_is_found_in_groups_and_the_graver_one_wins() -> None:
    again, failed = ContinueAsNew(b"{}"), RollbackFailed("a", ValueError(), [])
    assert signal_in(again) is again
    assert signal_in(ValueError()) is None
    group = BaseExceptionGroup("", [ValueError(), BaseExceptionGroup("", [again])])
    assert signal_in(group) is again
    assert signal_in(BaseExceptionGroup("", [group, failed])) is failed
    assert signal_in(ExceptionGroup("", [ValueError()])) is None


@pytest.mark.parametrize("signal", [ContinueAsNew, RollbackFailed])
def test_signals_pass_every_except_exception(signal: Any) -> None:
    assert not issubclass(signal, Exception)


def marked(call: str) -> ValueError:
    error = ValueError(call)
    mark(error, call)
    return error


def test_marks_are_found_in_causes_contexts_and_groups() -> None:
    direct = marked("direct")
    direct.__cause__ = marked("cause")
    try:
        try:
            raise marked("context")
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        wrapped = error
    group = ExceptionGroup("", [direct, wrapped, ValueError("unmarked")])
    assert marks(group) == {"direct", "cause", "context"}
    assert marks(ValueError()) == set()


def test_a_ring_of_causes_ends() -> None:
    one, two = marked("one"), marked("two")
    one.__context__, two.__context__ = two, one
    assert marks(one) == {"one", "two"}


def test_a_class_that_takes_no_attributes_is_left_alone() -> None:
    class Bare(Exception):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    mark(Bare(), "a")
