"""What could have stood where a value was refused: the values of a `Literal` and of an enum, in words."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect as shapes

MOST: Final = 10
"""How many values a message names."""
_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_OBJECTS: Final = (shapes.StructType, shapes.DataclassType, shapes.TypedDictType)


def allowed_at(form: Any, path: str, *, key: bool = False) -> str | None:
    """What completes "expected …" for an annotation's place: `path` as msgspec writes it, `$.items[3]`.

    `key`: of a mapping there, its keys. None where neither an enum nor a `Literal` is.
    """
    places: list[Any] = list(_members(shapes.type_info(form)))
    for step in _STEP.finditer(path):
        places = [member for place in places for part in _parts(place, step) for member in _members(part)]
    if key:
        keyed = [place.key_type for place in places if isinstance(place, shapes.DictType)]
        places = [member for place in keyed for member in _members(place)]
    values = list(dict.fromkeys(repr(value) for place in places for value in _values(place)))
    if not values:
        return None
    shown = ", ".join(values[:MOST]) + (", …" if len(values) > MOST else "")
    return shown if len(values) == 1 else f"one of {shown}"


def _members(shape: Any) -> Iterator[Any]:
    while isinstance(shape, shapes.Metadata):
        shape = shape.type
    if isinstance(shape, shapes.UnionType):
        for member in shape.types:
            yield from _members(member)
    else:
        yield shape


def _parts(shape: Any, step: re.Match[str]) -> list[Any]:
    """The shapes that a step of the path may lead to."""
    name, index = step["name"], step["index"]
    if name is not None:
        fields = shape.fields if isinstance(shape, _OBJECTS) else ()
        return [field.type for field in fields if field.encode_name == name]
    if isinstance(shape, shapes.DictType):
        return [shape.value_type]
    if isinstance(shape, shapes.TupleType):
        return _numbered(shape.item_types, index)
    if isinstance(shape, shapes.NamedTupleType):
        return _numbered([field.type for field in shape.fields], index)
    if isinstance(shape, shapes.StructType):  # one that is written as an array, which its tag begins
        types = [field.type for field in shape.fields]
        return _numbered(types if shape.tag is None else [None, *types], index)
    item = getattr(shape, "item_type", None)
    return [] if item is None else [item]


def _numbered(types: Any, index: str) -> list[Any]:
    return list(types[int(index) : int(index) + 1]) if index.isdigit() else []


def _values(shape: Any) -> list[Any]:
    if isinstance(shape, shapes.LiteralType):
        return list(shape.values)
    if isinstance(shape, shapes.EnumType):
        return [member.value for member in shape.cls]
    return []
