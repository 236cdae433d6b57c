"""Which part of a JSON Schema describes which part of a type, as msgspec writes schemas."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect as shapes

Part = tuple[Any, dict[str, Any]]


def parts_of(shape: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[Part]:
    """All parts of a type with the schemas of each, those of classes once; `definitions`: what references name.

    What has metadata comes with it, and without it, with the same schema. Nothing comes from inside of what msgspec
    does not know itself. Raises ValueError if the schema is not of this type.
    """
    seen: set[str] = set()
    stack: list[Part] = [(shape, schema)]
    while stack:
        kind, node = stack.pop()
        yield kind, node
        if isinstance(kind, shapes.Metadata):
            stack.append((kind.type, node))
            continue
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if not name:
            stack.extend(_inside(kind, node))
        elif name not in seen and name in definitions:
            seen.add(name)
            stack.extend(_inside(kind, definitions[name]))


def bare(shape: Any) -> Any:
    """A type without its metadata."""
    while isinstance(shape, shapes.Metadata):
        shape = shape.type
    return shape


def is_object(shape: Any) -> bool:
    """Whether a type is a Struct that is an object in JSON, perhaps with metadata."""
    return isinstance(known := bare(shape), shapes.StructType) and not known.array_like


def members_of(union: shapes.UnionType, node: dict[str, Any]) -> list[Part]:
    """The members of a union, except None, with their schemas: Structs come last, several of them in a group."""
    some = [member for member in union.types if not isinstance(bare(member), shapes.NoneType)]
    structs = [member for member in some if is_object(member)]
    others = [member for member in some if not is_object(member)]
    if "discriminator" in node:
        return list(zip(structs, node["anyOf"], strict=True))
    nodes = [part for part in node["anyOf"] if part.get("type") != "null"]
    grouped = nodes[len(others)]["anyOf"] if len(structs) > 1 else nodes[len(others) :]
    return [*zip(others, nodes[: len(others)], strict=True), *zip(structs, grouped, strict=True)]


def _inside(shape: Any, node: dict[str, Any]) -> list[Part]:
    match shape:
        case shapes.UnionType():
            return members_of(shape, node)
        case shapes.ListType() | shapes.SetType() | shapes.FrozenSetType() | shapes.VarTupleType():
            return [(shape.item_type, node["items"])] if "items" in node else []
        case shapes.TupleType():
            return list(zip(shape.item_types, node.get("prefixItems", ()), strict=True))
        case shapes.DictType():
            return [(shape.value_type, node["additionalProperties"])] if "additionalProperties" in node else []
        case shapes.StructType() | shapes.DataclassType() | shapes.TypedDictType() | shapes.NamedTupleType():
            if "prefixItems" in node:  # behind a tag, if there is one
                nodes = node["prefixItems"][-len(shape.fields) :] if shape.fields else []
                return [(field.type, part) for field, part in zip(shape.fields, nodes, strict=True)]
            return [(field.type, node["properties"][field.encode_name]) for field in shape.fields]
        case _:
            return []
