"""`ErrorRegistry`: exceptions to their stored form and back, by a registry and never by import (P14)."""

import builtins
import traceback
from types import TracebackType
from typing import Any, Final

import msgspec

from stepwell.adapters.annotations import name_of
from stepwell.adapters.lossless import unstorable
from stepwell.adapters.typeplans import JsonTypePlan, encode_json
from stepwell.core.retry import retry_after_of
from stepwell.errors import ERRORS, InvalidOption, StepError, StepwellError
from stepwell.model.failure import MAX_DEPTH, MAX_MEMBERS, MAX_TEXT, Failure

_ANY: Final = JsonTypePlan(Any)
_OURS: Final = "stepwell."
_ABOVE: Final = ("stepwell.runtime.", "stepwell.adapters.", "stepwell.core.", "asyncio.", "concurrent.")
"""Modules whose frames lie between the loop and a body: who looks for what went wrong has no use for them."""
_FRAMES: Final = -25
_NOTES: Final = 20
_MOST: Final = 256
"""How many exceptions one failure holds: its causes, its group, theirs."""

# StopIteration cannot pass through a coroutine; the Unicode errors need the bytes at which they failed.
_NOT_REBUILT: Final = (
    StopIteration,
    StopAsyncIteration,
    UnicodeDecodeError,
    UnicodeEncodeError,
    UnicodeTranslateError,
    ExceptionGroup,
    SyntaxError,
)
_BUILTINS: Final[dict[str, type[Exception]]] = {
    name: cls
    for name, cls in vars(builtins).items()
    if isinstance(cls, type) and issubclass(cls, Exception) and not issubclass(cls, _NOT_REBUILT)
}
_STAND_INS: Final[dict[type[BaseException], type[Exception]]] = {
    UnicodeDecodeError: UnicodeError,
    UnicodeEncodeError: UnicodeError,
    UnicodeTranslateError: UnicodeError,
}
_KEPT_APART: Final = frozenset(("message", "details", "code", "retryable", "retry_after", "type_name"))


class ErrorRegistry:
    """Implements `ports.definitions.Errors`.

    Rebuilt as themselves are Python's built-in exceptions, Stepwell's own, and registered classes; everything
    else comes back as a `StepError` that has the class's name as `type_name`. Of a registered class come back
    its arguments and attributes, as far as they are plain JSON; its `__init__` is not called.
    """

    def __init__(self) -> None:
        self._registered: dict[str, type[Exception]] = {}

    def register(self, cls: type[BaseException]) -> None:
        """Let exceptions of this class come back as such. Doing it again changes nothing.

        Raises: InvalidOption if it is no subclass of Exception.
        """
        if not issubclass(cls, Exception):
            raise InvalidOption(f"{cls!r} cannot be rebuilt", expected="a subclass of Exception")
        self._registered[_type_of(cls)] = cls

    def to_failure(self, error: BaseException) -> Failure:
        """Return the stored form of an exception: bounded, and always storable."""
        try:
            return self._failure(error, MAX_DEPTH, _Budget(_MOST))
        except Exception:  # noqa: BLE001 - whatever a user's exception does, its failure must be recorded
            return Failure(type=_text(type(error).__qualname__, 200), message=_text(_message(error)))

    def to_exception(self, failure: Failure) -> Exception:
        """Return the exception that a stored form stands for, with its cause, notes and group."""
        if failure.group:
            members = [self.to_exception(member) for member in failure.group]
            error: Exception = ExceptionGroup(failure.message, members)
        else:
            error = self._rebuilt(failure)
        for note in failure.notes or ():
            error.add_note(note)
        if failure.cause is not None:
            error.__cause__ = self.to_exception(failure.cause)
        return error

    def _failure(self, error: BaseException, depth: int, budget: "_Budget") -> Failure:
        budget.left -= 1
        cls = _STAND_INS.get(type(error), type(error))
        name = _type_of(cls)
        members = list(_members(error)) if depth > 0 else []
        kept = members[: min(MAX_MEMBERS, max(budget.left, 0))]
        group = [self._failure(member, depth - 1, budget) for member in kept]
        message = _text(error.message if isinstance(error, BaseExceptionGroup) else _message(error))
        known = self._class(name)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return Failure(
            type=name,
            message=message,
            code=_text(str(error.code)) if isinstance(error, StepwellError) else None,
            retryable=_retryable(error) and all(member.retryable for member in group),
            details=_plain(error.details) if isinstance(error, StepError) else None,
            args=_arguments(error, cls, message) if known is not None else None,
            fields=_fields(error) if known is not None and not name.startswith(_OURS) else _own_fields(error),
            retry_after=retry_after_of(error),
            traceback=_traceback(error, name, message),
            notes=_notes(error) or None,
            cause=self._failure(cause, depth - 1, budget) if cause and depth > 0 and budget.left > 0 else None,
            group=group or None,
            hidden=len(members) - len(kept),
        )

    def _class(self, name: str) -> type[Exception] | None:
        if name.startswith(_OURS):
            own = name.removeprefix(_OURS)
            return next((cls for cls in ERRORS.values() if cls.__name__ == own), None)
        return self._registered.get(name) or _BUILTINS.get(name)

    def _rebuilt(self, failure: Failure) -> Exception:
        cls = self._class(failure.type)
        error = None if cls is None else _make(cls, failure)
        if error is None:
            known_as = failure.type.rpartition(".")[2]
            error = _make(StepError, failure)
            assert isinstance(error, StepError)
            error.type_name = error.type_name or known_as
        return error


class _Budget:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def _type_of(cls: type[BaseException]) -> str:
    if cls.__module__ == "builtins":
        return cls.__name__
    if ERRORS.get(getattr(cls, "code", "")) is cls:
        return _OURS + cls.__name__
    return _text(f"{cls.__module__}.{cls.__qualname__}", 200)


def _make(cls: type[Exception], failure: Failure) -> Exception | None:
    """An instance without calling its `__init__`; None if Python's own base refuses the arguments."""
    native: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    args = (failure.message,) if failure.args is None else tuple(failure.args)
    try:
        error: Any = native.__new__(cls, *args)
        native.__init__(error, *args)
    except Exception:  # noqa: BLE001 - then it is told as a StepError
        return None
    error.args = args
    for name, value in (failure.fields or {}).items():
        # Straight into the dictionary: a property's setter is the user's code.
        vars(error)[name] = tuple(value) if isinstance(getattr(cls, name, None), tuple) else value
    if isinstance(error, StepwellError):
        error.message = failure.message
        if failure.code is not None and failure.code != error.code:
            error.code = failure.code
        if failure.retryable != error.retryable:
            error.retryable = failure.retryable
    if isinstance(error, StepError):
        error.details = failure.details
        error.retry_after = failure.retry_after
        error.type_name = (failure.fields or {}).get("type_name")
    made: Exception = error
    return made


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's __str__
        return f"<no message: {name_of(type(error))}.__str__ failed>"


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    return [_text(note) for note in notes[:_NOTES] if isinstance(note, str)] if isinstance(notes, list) else []


def _text(text: str, most: int = MAX_TEXT) -> str:
    """Text that any store can hold, at most `most` characters."""
    if len(text) > most:
        text = f"{text[: most - 30]} … ({len(text)} characters)"
    text = text.replace("\0", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode()


def _retryable(error: BaseException) -> bool:
    return bool(error.retryable) if isinstance(error, StepwellError) else True


def _plain(value: object) -> Any:
    """What a user attached, as plain JSON; its repr, where JSON would change or not hold it."""
    if value is None:
        return None
    try:
        if unstorable(value, "") is None:
            data = encode_json(value)
            if len(data) <= MAX_TEXT:
                return msgspec.json.decode(data)
        return _text(repr(value))
    except Exception:  # noqa: BLE001 - a user's class
        return f"<{name_of(type(value))}>"


def _arguments(error: BaseException, cls: type[BaseException], message: str) -> list[Any] | None:
    """The arguments to rebuild from; None where the message alone must do."""
    if isinstance(error, StepwellError) or cls is not type(error):
        return None
    # An OSError keeps its file names apart from its args; reducing puts them together.
    reduced = error.__reduce__()[1] if isinstance(error, OSError) else error.args
    args = list(reduced) if isinstance(reduced, tuple) else list(error.args)
    copy: list[Any] | None = None if args == [message] else _exact(args)
    return copy


def _exact(value: Any) -> Any:
    """A copy if JSON holds the value as it is and in moderate size, None if not."""
    try:
        data, copy = _ANY.deliver(value)
    except StepwellError:
        return None
    return copy if len(data) <= MAX_TEXT else None


def _own_fields(error: BaseException) -> dict[str, Any] | None:
    if not isinstance(error, StepwellError):
        return None
    return {name: _plain(value) for name, value in error.fields().items() if value is not None} or None


def _fields(error: BaseException) -> dict[str, Any] | None:
    own = {name: value for name, value in vars(error).items() if not name.startswith("__")}
    kept = {name: _exact(value) for name, value in own.items() if name not in _KEPT_APART}
    kept = {name: value for name, value in kept.items() if value is not None or own[name] is None}
    return {**kept, **(_own_fields(error) or {})} or None


def _from_the_body_on(frames: TracebackType) -> TracebackType:
    """Without the first frames, which are ours; all of them if there are no others."""
    found: TracebackType | None = frames
    while found is not None and f"{found.tb_frame.f_globals.get('__name__')}.".startswith(_ABOVE):
        found = found.tb_next
    return found or frames


def _traceback(error: BaseException, name: str, message: str) -> str:
    if error.__traceback__ is None:
        return ""
    try:
        lines = traceback.format_tb(_from_the_body_on(error.__traceback__), _FRAMES)
    except Exception:  # noqa: BLE001 - source files and loaders of any kind
        return ""
    text = "".join(("Traceback (most recent call last):\n", *lines, f"{name}: {message[:500]}"))
    # The end tells where it happened.
    return _text(text if len(text) <= MAX_TEXT else "… " + text[2 - MAX_TEXT :])
