"""Puts into a JSON Schema what its author's metadata adds, where msgspec leaves it out: a mark there hides values."""

from typing import Any

from msgspec import inspect as shapes

from stepwell.adapters.parts import is_object, members_of, parts_of


def keep_metadata(shape: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Add that of Structs in unions and of mappings' keys, in place. `definitions` are those that references name."""
    for part, node in parts_of(shape, schema, definitions):
        if isinstance(part, shapes.UnionType):
            for member, own in members_of(part, node):
                if is_object(member):
                    _add(own, member)
        elif isinstance(part, shapes.DictType) and isinstance(part.key_type, shapes.Metadata):
            _add(node.setdefault("propertyNames", {}), part.key_type)


def _add(node: dict[str, Any], shape: Any) -> None:
    while isinstance(shape, shapes.Metadata):
        for name, value in (shape.extra_json_schema or {}).items():
            node.setdefault(name, value)
        shape = shape.type
