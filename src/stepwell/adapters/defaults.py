"""Dataclasses that were decoded without their defaults, made as Python makes them.

msgspec leaves a plain default in the class when the JSON did not have the field, and writes only what is in the
instance. Then an object that was decoded would be stored in another form than its equal that was made in Python.
"""

import dataclasses
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec

_LEAVES: Final = frozenset({str, int, float, bool, bytes, type(None)})


def complete(value: Any) -> None:
    """Put the defaults that an instance lacks into it, and into all below it; nobody can see the difference."""
    kind = type(value)
    parts: Iterable[Any] = ()
    if dataclasses.is_dataclass(kind):
        own: dict[str, Any] | None = getattr(value, "__dict__", None)
        for name in plain_defaults(kind):
            if own is not None and name not in own:
                object.__setattr__(value, name, getattr(value, name))  # the class may be frozen
        parts = [getattr(value, name, None) for name in _fields(kind)] if own is None else own.values()
    elif isinstance(value, msgspec.Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    for part in parts:
        if type(part) not in _LEAVES:
            complete(part)


@cache
def plain_defaults(cls: type) -> tuple[str, ...]:
    """The fields of a dataclass that an instance may lack."""
    if not dataclasses.is_dataclass(cls) or getattr(cls, "__dictoffset__", 0) == 0:
        return ()  # with slots there is no other place than the instance
    return tuple(field.name for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING)


@cache
def _fields(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))
