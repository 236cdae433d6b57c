"""Types beside their schemas. What is done with them: test_metadata.py, test_dateformats.py."""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from msgspec import inspect as shapes

from stepwell.adapters.parts import bare, is_object, members_of, parts_of


class A(msgspec.Struct, tag=True):
    a: int
    more: "list[A]" = []


class B(msgspec.Struct, tag=True):
    b: str


class C(msgspec.Struct, array_like=True, tag="c"):
    first: int
    second: str


@dataclass
class D:
    pair: tuple[int, str]
    by: dict[str, bool]


class E(NamedTuple):
    one: int
    two: str


KINDS: dict[Any, str] = {
    shapes.IntType: "integer",
    shapes.StrType: "string",
    shapes.BoolType: "boolean",
    shapes.NoneType: "null",
}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, "integer"),
        (Annotated[int, msgspec.Meta(title="t")], "integer"),
        (list[int], "integer"),
        (tuple[str, int], "integer string"),
        (tuple[()], ""),
        (list[Any], ""),
        (dict[str, int], "integer"),
        (int | str | None, "integer string"),
        (A, "integer"),
        (A | B, "integer string"),
        (A | B | None, "integer string"),
        (bool | A | None | B, "boolean integer string"),
        (A | bool | None, "boolean integer"),
        (C, "integer string"),
        (D | None, "boolean integer string"),
        (list[E | None], "integer string"),
        (A | list[E], "integer integer string"),
        (Annotated[A | B, msgspec.Meta(title="t")] | None, "integer string"),
    ],
    ids=str,
)
def test_each_part_has_its_own_schema(annotation: Any, expected: str) -> None:
    schema = msgspec.json.schema(annotation)
    found = []
    for part, node in parts_of(shapes.type_info(annotation), schema, schema.get("$defs", {})):
        if (kind := KINDS.get(type(part))) is not None:
            assert node["type"] == kind
            found.append(kind)
    assert " ".join(sorted(found)) == expected


def test_members_of_a_union_that_are_structs_come_last() -> None:
    union: Any = shapes.type_info(A | Annotated[int, msgspec.Meta(title="t")] | None | B | list[int])
    members = members_of(union, msgspec.json.schema(A | Annotated[int, msgspec.Meta(title="t")] | None | B | list[int]))
    told = [
        (type(bare(member)).__name__, node.get("$ref") or node.get("title") or node["type"]) for member, node in members
    ]
    assert told == [("IntType", "t"), ("ListType", "array"), ("StructType", "#/$defs/A"),
                    ("StructType", "#/$defs/B")]  # fmt: skip
    assert [is_object(member) for member, _ in members] == [False, False, True, True]


def test_the_schema_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        list(parts_of(shapes.type_info(int | str), msgspec.json.schema(int | str | bool), {}))
