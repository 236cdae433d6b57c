"""How a body ends: its outcome, and the private signals by which it ends otherwise than by a result or an error."""

from contextlib import suppress
from typing import Any

import msgspec


class Outcome(msgspec.Struct, frozen=True):
    """How the body ended: exactly one of the three. `again` is the input of `continue_as_new`."""

    value: Any = None
    error: BaseException | None = None
    again: Any = None


class Evicted(BaseException):
    """The run leaves memory. Not an Exception, so that no `except Exception` can stop it."""


class ContinueAsNew(BaseException):
    """The body asked for a new generation with this input; passes every `except Exception`."""

    def __init__(self, signature: Any) -> None:
        super().__init__()
        self.input = signature


class RollbackFailed(BaseException):
    """An undo failed for good: a person must look. `left` names what was not undone."""

    def __init__(self, call: str, error: BaseException, left: list[str]) -> None:
        super().__init__(call)
        self.call = call
        self.error = error
        self.left = left


def signal_in(error: BaseException) -> BaseException | None:
    """The signal that an exception is, or that it holds when a task group has wrapped it; the graver one first."""
    for signal in (RollbackFailed, ContinueAsNew):
        if isinstance(error, signal):
            return error
        if isinstance(error, BaseExceptionGroup):
            found: BaseException | None = error.subgroup(signal)
            while isinstance(found, BaseExceptionGroup):
                found = found.exceptions[0]
            if found is not None:
                return found
    return None


def mark(error: BaseException, call: str) -> None:
    """Remember which call an exception came from, so that a retry knows where the run failed."""
    with suppress(AttributeError):  # a class with slots
        error.__stepwell_call__ = call  # type: ignore[attr-defined]


def marks(error: BaseException) -> set[str]:
    """The calls that an exception came from: its own, those of its group, of its causes and contexts."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        call = getattr(one, "__stepwell_call__", None)
        if isinstance(call, str):
            found.add(call)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
