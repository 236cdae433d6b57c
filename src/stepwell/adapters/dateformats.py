"""Says in a JSON Schema which texts are moments: msgspec leaves that open where it would read naive ones, too."""

from typing import Any, Final

from msgspec import inspect as shapes

MOMENT: Final = {"type": "string"}
FORMAT: Final = "date-time"


def mark_dates(shape: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Add the format to the schemas of datetimes, in place. `definitions` are those that references name."""
    _mark(shape, schema, definitions, set())


def _mark(shape: Any, schema: Any, definitions: dict[str, Any], seen: set[str]) -> None:
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        if name in seen or name not in definitions:
            return
        seen.add(name)
        schema = definitions[name]
    match shape:
        case shapes.Metadata():
            _mark(shape.type, schema, definitions, seen)
        case shapes.DateTimeType() if schema.get("type") == "string":
            schema["format"] = FORMAT
        case shapes.UnionType():
            _union(shape, schema, definitions, seen)
        case shapes.ListType() | shapes.SetType() | shapes.FrozenSetType() | shapes.VarTupleType():
            _mark(shape.item_type, schema.get("items"), definitions, seen)
        case shapes.TupleType():
            for inner, part in zip(shape.item_types, schema.get("prefixItems", ()), strict=False):
                _mark(inner, part, definitions, seen)
        case shapes.DictType():
            _mark(shape.value_type, schema.get("additionalProperties"), definitions, seen)
        case shapes.StructType() | shapes.DataclassType() | shapes.TypedDictType() | shapes.NamedTupleType():
            for field in shape.fields:
                _mark(field.type, schema.get("properties", {}).get(field.encode_name), definitions, seen)
        case _:
            pass


def _union(shape: shapes.UnionType, schema: dict[str, Any], definitions: dict[str, Any], seen: set[str]) -> None:
    parts = schema.get("anyOf", [schema])
    for inner in shape.types:
        for part in parts:
            if part == MOMENT and isinstance(inner, shapes.DateTimeType):  # of two kinds of text, no union is made
                part["format"] = FORMAT
            elif ("$ref" in part or part.get("type") in ("array", "object")) and _same_kind(inner, part):
                _mark(inner, part, definitions, seen)


def _same_kind(shape: Any, part: dict[str, Any]) -> bool:
    """Whether a member of a union can be what a part of its schema is of."""
    if "$ref" in part:
        cls = getattr(shape, "cls", None)
        return bool(getattr(cls, "__name__", None) == part["$ref"].rpartition("/")[2])
    arrays = shapes.ListType | shapes.SetType | shapes.FrozenSetType | shapes.VarTupleType | shapes.TupleType
    return isinstance(shape, arrays) if part["type"] == "array" else isinstance(shape, shapes.DictType)
