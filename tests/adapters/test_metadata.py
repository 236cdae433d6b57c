"""Metadata wherever an annotation may stand. What views make of it: tests/client/test_marks.py."""

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import msgspec
import pydantic
import pytest

from stepwell.adapters.typeplans import JsonTypePlan

T = TypeVar("T")
ALIAS = getattr(typing, "TypeAliasType", None)  # from Python 3.12 on
MARK = msgspec.Meta(extra_json_schema={"x-mark": True})


class Plain(msgspec.Struct):
    n: int = 0


class Left(msgspec.Struct, tag=True):
    n: int = 0


class Right(msgspec.Struct, tag="r"):
    n: int = 0


class Row(msgspec.Struct, array_like=True):
    n: int = 0


class Box(msgspec.Struct, Generic[T]):
    held: T


class Color(Enum):
    RED = "red"


@dataclass
class Card:
    number: int = 0


class Record(TypedDict):
    n: int


class Pair(NamedTuple):
    left: int
    right: str


class Model(pydantic.BaseModel):
    n: int = 0


Name = NewType("Name", str)
Marked = NewType("Marked", Annotated[str, MARK])  # type: ignore[valid-newtype]
WHOLE: list[Any] = [
    Annotated[str, MARK],
    Annotated[str, msgspec.Meta(max_length=3), MARK],
    Annotated[Plain, MARK],
    Annotated[Left | Right, MARK],
    Annotated[Card, MARK],
    Annotated[Record, MARK],
    Annotated[Pair, MARK],
    Annotated[Model, MARK],
    Annotated[Row, MARK],
    Annotated[Box[int], MARK],
    Annotated[Color, MARK],
    Annotated[Literal["a", "b"], MARK],
    Annotated[Any, MARK],
    Annotated[Name, MARK],
    Marked,
    *([ALIAS("Alias", Annotated[str, MARK])] if ALIAS is not None else []),
]
GENERIC: list[Any] = [list, set, frozenset, dict, tuple, Sequence, Box]
LIST, SET, FROZENSET, DICT, TUPLE, SEQUENCE, BOX = GENERIC
WITHIN: dict[str, Callable[[Any], Any]] = {
    "optional": lambda t: Optional[t],  # noqa: UP045
    "list": lambda t: LIST[t],
    "set": lambda t: SET[t],
    "frozenset": lambda t: FROZENSET[t],
    "dict": lambda t: DICT[str, t],
    "tuple": lambda t: TUPLE[int, t],
    "tuple of many": lambda t: TUPLE[t, ...],
    "sequence": lambda t: SEQUENCE[t],
    "nested": lambda t: LIST[DICT[str, LIST[Optional[t]]]],  # noqa: UP045
    "generic": lambda t: LIST[BOX[t]],
    "of several kinds": lambda t: Union[t, int],  # noqa: UP007
}


def marks_in(schema: Any) -> int:
    nodes = list(schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ())
    return (isinstance(schema, dict) and schema.get("x-mark") is True) + sum(map(marks_in, nodes))


@pytest.mark.parametrize("whole", WHOLE, ids=str)
@pytest.mark.parametrize("within", [None, *WITHIN])
def test_it_is_kept_wherever_it_stands(whole: Any, within: str | None) -> None:
    annotation = whole if within is None else WITHIN[within](whole)
    assert marks_in(JsonTypePlan(annotation).schema()) == 1


@pytest.mark.parametrize(
    ("union", "marked"),
    [
        (Annotated[Left, MARK] | Right, ["Left"]),
        (Left | Annotated[Right, MARK], ["Right"]),
        (Annotated[Left, MARK] | Annotated[Right, MARK] | None, ["Left", "Right"]),
        (None | str | Left | Annotated[Right, MARK], ["Right"]),
        (Annotated[Left, MARK] | list[int] | Right | None, ["Left"]),
        (Annotated[Plain, MARK] | None, ["Plain"]),
        (Annotated[Plain, MARK] | list[str] | Annotated[int, MARK], ["Plain", ""]),
        (Annotated[Card, MARK] | Plain, ["Card"]),
        (Card | Annotated[Plain, MARK], ["Plain"]),
        (Annotated[Model, MARK] | Card, ["Model"]),
        (Annotated[Card | Plain, MARK], [""]),
    ],
    ids=str,
)
def test_in_a_union_the_member_has_it(union: Any, marked: list[str]) -> None:
    found: list[str] = []

    def look(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("x-mark"):
                found.append(node.get("title") or node.get("$ref", "").removeprefix("#/$defs/"))
            for inner in node.values():
                look(inner)
        elif isinstance(node, list):
            for inner in node:
                look(inner)

    look(JsonTypePlan(union).schema())
    assert sorted(found) == sorted(marked)


def test_keys_of_mappings() -> None:
    for key in (str, int, Color):
        schema = JsonTypePlan(dict[Annotated[key, MARK], str]).schema()  # type: ignore[valid-type]
        assert schema["propertyNames"]["x-mark"] is True, key


class One(msgspec.Struct):
    other: "Annotated[Two, MARK] | None" = None


class Two(msgspec.Struct):
    one: "list[One | None]"
    me: "Annotated[Two, MARK] | None" = None
    plain: Plain | None = None


class Odd(msgspec.Struct, rename="camel", array_like=False):
    some_part: Annotated[Plain, MARK] | None = None


class Listed(msgspec.Struct, array_like=True, tag="l"):
    n: int
    some: Annotated[Plain, MARK] | None = None


class Fields(TypedDict):
    there: NotRequired[Annotated[Plain, MARK] | None]
    plain: NotRequired[Plain | None]


@dataclass
class Kept:
    some: Annotated[Plain, MARK] | None = None
    more: list[Annotated[Left, MARK] | Right] = field(default_factory=list)
    plain: Plain | None = None


class Named(NamedTuple):
    plain: Plain | None
    some: Annotated[Plain, MARK] | None


def test_fields_of_classes_also_of_those_that_refer_to_each_other() -> None:
    found = JsonTypePlan(One).schema()["$defs"]
    assert marks_in(found["One"]["properties"]["other"]) == 1
    assert marks_in(found["Two"]["properties"]["me"]) == 1
    assert marks_in(found) == 2
    assert marks_in(JsonTypePlan(Odd).schema()["$defs"]["Odd"]["properties"]["somePart"]) == 1
    assert marks_in(JsonTypePlan(Fields).schema()["$defs"]["Fields"]["properties"]["there"]) == 1
    kept = JsonTypePlan(Kept).schema()["$defs"]["Kept"]["properties"]
    assert [marks_in(kept[name]) for name in ("some", "more", "plain")] == [1, 1, 0]
    for of, marked in ((Listed, [0, 0, 1]), (Named, [0, 1])):
        schema: Any = JsonTypePlan(list[of]).schema()["$defs"][of.__name__]  # type: ignore[valid-type]
        assert [marks_in(part) for part in schema["prefixItems"]] == marked


def test_what_is_called_the_same_is_kept_apart() -> None:
    def holder(kind: Any) -> Any:
        fields: dict[str, Any] = {"pin": (kind, ...), "more": ("list[Same]", [])}
        same = pydantic.create_model("Same", **fields)
        return pydantic.create_model("Holder", same=(same, ...))

    first, second = holder(Annotated[str, MARK]), holder(int)
    for parts in ((first, second), (second, first), (second, int, first)):
        schema = JsonTypePlan(TUPLE[parts]).schema()
        assert marks_in(schema) == 1
        assert set(schema["$defs"]) == {"Same", "Same_2"}
        for part in (node for node in schema["prefixItems"] if "properties" in node):
            name = part["properties"]["same"]["$ref"].removeprefix("#/$defs/")
            used = schema["$defs"][name]["properties"]
            assert used["more"]["items"]["$ref"] == f"#/$defs/{name}"
    assert set(JsonTypePlan(TUPLE[first, LIST[first]]).schema()["$defs"]) == {"Same"}
