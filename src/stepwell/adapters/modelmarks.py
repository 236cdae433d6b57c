"""Which fields below a pydantic model have msgspec's metadata: pydantic knows nothing of it, and leaves it out."""

import typing
from typing import Any, Final

from msgspec import Meta

Extra = dict[str, Any]
_ALIASES: Final = ("alias", "serialization_alias", "validation_alias")


def add_marks(cls: Any, schema: dict[str, Any]) -> None:
    """Add what the metadata of fields says to a model's JSON Schema, in place: to all fields of the same name.

    What stands inside of a field's annotation, or of a class whose values have no names in JSON, is said of the field.
    """
    named, extra = list[Any](), Extra()
    _apart(cls, extra, named, set())
    schema.update(extra)
    found, seen = dict[str, Extra](), set[Any]()
    while named:
        one = named.pop()
        if one in seen:
            continue
        seen.add(one)
        for names, annotation in _fields(one):
            inner = Extra()
            _apart(annotation, inner, named, set())
            if inner:
                found.update(dict.fromkeys(names, inner))
    if found:
        _mark(schema, found)


def _apart(annotation: Any, extra: Extra, named: list[Any], seen: set[Any]) -> None:
    """Take an annotation apart: what its metadata says into `extra`, classes with names for their values to `named`."""
    if isinstance(annotation, Meta):
        extra.update(annotation.extra_json_schema or {})
    inner = [*typing.get_args(annotation), *getattr(annotation, "__metadata__", ())]
    origin = typing.get_origin(annotation)
    inner += [made for of in (annotation, origin) for name in ("__value__", "__supertype__")
              if (made := getattr(of, name, None)) is not None]  # fmt: skip
    cls = annotation if isinstance(annotation, type) else origin
    if isinstance(cls, type) and cls not in seen:
        seen.add(cls)
        if hasattr(cls, "_fields") or getattr(cls, "__pydantic_root_model__", False):
            inner += [part for _, part in _fields(cls)]
        else:
            named.append(cls)
    for part in inner:
        _apart(part, extra, named, seen)


def _fields(cls: Any) -> list[tuple[list[str], Any]]:
    """The fields of a class, each with the names that it may have in JSON, and its annotation."""
    known = getattr(cls, "__pydantic_fields__", None)
    if isinstance(known, dict) and not hasattr(cls, "__dataclass_fields__"):
        return [([name, *(alias for kind in _ALIASES if isinstance(alias := getattr(field, kind), str))],
                 typing.Annotated[(field.annotation, None, *field.metadata)])
                for name, field in known.items()]  # fmt: skip
    if not any(hasattr(cls, name) for name in ("__dataclass_fields__", "__total__", "_fields")):
        return []
    return [([name], hint) for name, hint in typing.get_type_hints(cls, include_extras=True).items()]


def _mark(node: Any, found: dict[str, Extra]) -> None:
    if isinstance(node, dict):
        fields = node.get("properties")
        if isinstance(fields, dict):
            for name, field in fields.items():
                field.update(found.get(name, {}))
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _mark(inner, found)
