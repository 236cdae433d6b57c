"""The search for the place where a value could not be stored, or would come back changed.

Only runs after a fast check has failed, to say where and why.
"""

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import io
import math
import re
import reprlib
import types
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from stepwell.adapters.models import fields_of, is_model

MAX_DEPTH: Final = 200
"""How deep a stored value may be nested (P14)."""

_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*\Z")
_SAFE: Final = (dt.date, dt.time, dt.timedelta, uuid.UUID, bytes, bytearray, memoryview)
_BIG: Final = 10**4000
_STRINGS: Final = re.compile(rb'"[^"]*"')
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b'[]{}"'))


class Place(NamedTuple):
    """Where in a value, and what is wrong there: "is NaN". `naive`: it is a datetime without time zone."""

    path: str
    reason: str
    hint: str
    naive: bool = False


def too_deep(data: bytes) -> bool:
    """Whether JSON is nested deeper than `MAX_DEPTH`."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_ONE_KIND, _NOT_BRACKETS)
    # Two quotes in a row are an empty string, or the seam of two strings with no bracket between them.
    bare = bare.replace(b'""', b"")
    if b'"' in bare:
        bare = _STRINGS.sub(b"", bare)
    # Each round takes the innermost level of everything: as many rounds as levels, each at the speed of C.
    for _ in range(MAX_DEPTH):
        if not bare:
            return False
        bare = bare.replace(b"[]", b"")
    return bool(bare)


def unstorable(value: object, path: str) -> Place | None:
    """Return the first place in `value` that JSON cannot hold, None if there is none."""
    return _unstorable(value, path, 0, set())


def _unstorable(value: object, path: str, depth: int, above: set[int]) -> Place | None:
    leaf = _leaf(value)
    if leaf is not None:
        return Place(path, *leaf) if leaf[0] else None
    if id(value) in above:
        return Place(path, "contains itself", "Refer to it by an id instead.")
    if depth >= MAX_DEPTH:
        return Place(path, f"is nested deeper than {MAX_DEPTH} levels", "Flatten it, or store it elsewhere.")
    above.add(id(value))
    for key in value if isinstance(value, dict) else ():
        place = _unstorable_key(key, path)
        if place is not None:
            return place
    for step, child in _children(value):
        place = _unstorable(child, path + step, depth + 1, above)
        if place is not None:
            return place
    above.discard(id(value))
    return None


def _unstorable_key(key: object, path: str) -> Place | None:
    leaf = _leaf(key)
    if key is None or leaf is None:
        return Place(path, f"has the key {reprlib.repr(key)}", "Use text as keys of mappings.")
    return Place(path, f"has a key that {leaf[0]}", *leaf[1:]) if leaf[0] else None


def _leaf(value: object) -> tuple[str, str, bool] | None:
    """("", …) for a value without parts that can be stored; the reason if it cannot; None if it has parts."""
    fine = ("", "", False)
    if value is None or isinstance(value, bool | enum.Enum):
        return fine
    if isinstance(value, int):
        return ("is a number of thousands of digits", "Store it as text.", False) if abs(value) > _BIG else fine
    if isinstance(value, float):
        return fine if math.isfinite(value) else (f"is {value}, which JSON does not have", "Use None.", False)
    if isinstance(value, decimal.Decimal):
        return ("is a Decimal that is no number", "Use None.", False) if value.is_nan() else fine
    if isinstance(value, str):
        return _text(value) or fine
    if isinstance(value, dt.datetime):
        if value.utcoffset() is not None:
            return fine
        return (
            "is a datetime without time zone",
            "Write datetime(..., tzinfo=UTC) or datetime.now(UTC).",
            True,
        )
    if isinstance(value, _SAFE):
        return fine
    if _has_parts(value):
        return None
    return f"is {_kind(value)}", _advice(value), False


def _text(value: str) -> tuple[str, str, bool] | None:
    if "\0" in value:
        return "has a NUL character", "Remove it, or store bytes.", False
    try:
        value.encode()
    except UnicodeEncodeError:
        return (
            "has a lone surrogate, which is not text",
            "Store bytes, or decode with errors='replace'.",
            False,
        )
    return None


def _has_parts(value: object) -> bool:
    if isinstance(value, type):
        return False
    return (
        isinstance(value, dict | list | tuple | set | frozenset | msgspec.Struct)
        or dataclasses.is_dataclass(value)
        or hasattr(value, "__attrs_attrs__")
        or is_model(value)
    )


def attributes(value: Any) -> dict[str, Any] | None:
    """Return the stored attributes of an object by name; None if it is not an object of a known kind."""
    names: Iterable[str]
    kind: Any = type(value)
    if isinstance(value, msgspec.Struct):
        names = (name for name in value.__struct_fields__ if getattr(value, name) is not msgspec.UNSET)
    elif isinstance(value, tuple) and hasattr(kind, "_fields"):
        names = kind._fields
    elif dataclasses.is_dataclass(kind):
        names = (field.name for field in dataclasses.fields(kind))
    elif hasattr(kind, "__attrs_attrs__"):
        names = (field.name for field in kind.__attrs_attrs__)
    elif is_model(value):
        return fields_of(value)
    else:
        return None
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _children(value: Any) -> Iterator[tuple[str, object]]:
    """(step of the path, part) of each part."""
    if isinstance(value, dict):
        yield from ((step_of(key), child) for key, child in value.items())
        return
    named = attributes(value)
    if named is not None:
        yield from ((f".{name}", child) for name, child in named.items())
    elif isinstance(value, set | frozenset):
        yield from (("{}", child) for child in value)
    else:
        yield from ((f"[{number}]", child) for number, child in enumerate(value))


def step_of(key: object) -> str:
    """Return the step of a path that leads to a mapping's value."""
    if isinstance(key, str) and _IDENTIFIER.match(key):
        return f".{key}"
    return f"[{reprlib.repr(key)}]"


def changed(value: Any, decoded: Any, path: str, *, open: bool) -> Place | None:
    """Return the first place where `decoded` is not what `value` was, None if nothing was lost.

    Unless the annotation is `open`, a tuple may become a list or a list a tuple: the annotation asks for it.
    """
    if _equal(value, decoded):
        return None
    if isinstance(value, dict) and isinstance(decoded, dict):
        for key, child in value.items():
            if key not in decoded:
                reason = f"has the key {reprlib.repr(key)}, which would not come back as it is"
                return Place(path, reason, "Use text as keys, or annotate the mapping.")
            place = changed(child, decoded[key], path + step_of(key), open=open)
            if place is not None:
                return place
        return None
    sequences = isinstance(value, list | tuple) and isinstance(decoded, list | tuple)
    if sequences and len(value) == len(decoded) and (not open or isinstance(value, type(decoded))):
        return _first_change(
            ((f"[{number}]", left, right) for number, (left, right) in enumerate(zip(value, decoded, strict=True))),
            path,
            open,
        )
    if type(value) is type(decoded):
        before, after = attributes(value), attributes(decoded)
        if before is not None and after is not None and before.keys() == after.keys():
            return _first_change(((f".{name}", before[name], after[name]) for name in before), path, open)
    return Place(
        path,
        f"is {_brief(value)} and would come back as {_brief(decoded)}",
        "Annotate it as what it is, or make it plain JSON." if open else "Make it what its annotation says.",
    )


def _first_change(pairs: Iterator[tuple[str, Any, Any]], path: str, open: bool) -> Place | None:
    for step, before, after in pairs:
        place = changed(before, after, path + step, open=open)
        if place is not None:
            return place
    return None


def _equal(value: Any, decoded: Any) -> bool:
    if isinstance(value, dt.datetime) and isinstance(decoded, dt.datetime) and value.tzinfo and decoded.tzinfo:
        # Compared as they are, two zones are never equal in an hour that the clock repeats or leaves out (PEP 495).
        return value.astimezone(dt.UTC) == decoded.astimezone(dt.UTC)
    try:
        return bool(value == decoded)
    except Exception:  # noqa: BLE001 - users' classes define ==
        return False


def _brief(value: object) -> str:
    # Only numbers are shown: other values may be secret, and messages are logged.
    return f"{value} ({type(value).__name__})" if isinstance(value, int | float) else f"a {type(value).__name__}"


def _kind(value: object) -> str:
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return f"the function {value.__qualname__}"
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    return f"of type {type(value).__qualname__}"


def _advice(value: object) -> str:
    if inspect.iscoroutine(value) or inspect.isawaitable(value):
        return "Await it first."
    if callable(value):
        return "Store a name instead, and look the function up."
    if isinstance(value, io.IOBase):
        return "Store the path, or what is in the file."
    if isinstance(value, Iterator):
        return "Make a list of it first."
    return "Make it a dataclass, a msgspec Struct, a dict or text."
