"""What a message says that a `Literal` or an enum takes."""

import dataclasses
import enum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest

from stepwell.adapters.allowed import MOST, allowed_at


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Shirt:
    size: Size
    sleeves: Literal["long", "short"] = "long"


class Pair(NamedTuple):
    size: Size
    level: Level


class Row(TypedDict):
    level: Level


class Packed(msgspec.Struct, array_like=True, tag="packed"):
    number: int
    size: Size = msgspec.field(name="sz")


class Renamed(msgspec.Struct, rename="camel"):
    shirt_size: Size


SIZES, LEVELS = "one of 's', 'l'", "one of 1, 2"


@pytest.mark.parametrize(
    ("annotation", "data", "expected"),
    [
        (Literal["b", "a"], '"x"', "one of 'a', 'b'"),
        (Literal["only"], '"x"', "'only'"),
        (Literal["a"] | None, '"x"', "'a'"),
        (Size, '"x"', SIZES),
        (Size | None, '"x"', SIZES),
        (Annotated[Size, msgspec.Meta(description="of a shirt")], '"x"', SIZES),
        (Size | Level, "7", f"{SIZES}, 1, 2"),
        (list[Shirt], '[{"size":"s"},{"size":"x"}]', SIZES),
        (Shirt, '{"size":"s","sleeves":"x"}', "one of 'long', 'short'"),
        (dict[str, Level], '{"a":5}', LEVELS),
        (dict[str, Row], '{"a":{"level":5}}', LEVELS),
        (tuple[int, Size], '[1,"x"]', SIZES),
        (tuple[Size, ...], '["s","x"]', SIZES),
        (frozenset[Size], '["x"]', SIZES),
        (list[Pair], '[["s",5]]', LEVELS),
        (Packed, '["packed",1,"x"]', SIZES),
        (Renamed, '{"shirtSize":"x"}', SIZES),
    ],
)
def test_the_values_of_the_place_that_msgspec_names(annotation: Any, data: str, expected: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value") as caught:
        msgspec.json.decode(data.encode(), type=annotation)
    _, _, place = str(caught.value).partition(" - at `")
    assert allowed_at(annotation, place.rstrip("`") or "$") == expected


def test_keys() -> None:
    assert allowed_at(dict[Size, Level], "$", key=True) == SIZES
    assert allowed_at(list[dict[Size, Level]], "$[0]", key=True) == SIZES


def test_only_so_many_are_named() -> None:
    many = Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert MOST == 10
    assert allowed_at(many, "$") == "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …"


def test_a_place_without_such_values_has_none() -> None:
    for annotation, path in [
        (int, "$"),
        (Shirt, "$.other"),
        (tuple[Size], "$[4]"),
        (list[int], "$[0].a"),
        (int, "$.a"),
    ]:
        assert allowed_at(annotation, path) is None
