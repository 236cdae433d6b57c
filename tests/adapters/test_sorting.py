"""One text for equal values."""

import datetime as dt
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from stepwell.adapters.sorting import encode_sorted


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Box:
    content: Any


class Crate(msgspec.Struct):
    content: Any


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        ({10: "x", 9: "y"}, {9: "y", 10: "x"}),
        ({UUID(int=2): 1, UUID(int=1): 2}, {UUID(int=1): 2, UUID(int=2): 1}),
        ({Colour.RED: {2, 1}, Colour.BLUE: {3}}, {Colour.BLUE: {3}, Colour.RED: {1, 2}}),
        ({dt.date(2026, 1, 2): [{1: 2, 0: 1}], dt.date(2026, 1, 1): []},
         {dt.date(2026, 1, 1): [], dt.date(2026, 1, 2): [{0: 1, 1: 2}]}),
        ({Decimal("1.5"): Box({2: 0, 1: 0})}, {Decimal("1.5"): Box({1: 0, 2: 0})}),
        (Crate({2: {"x", "y"}, 1: None}), Crate({1: None, 2: {"y", "x"}})),
        ((1, {0.5: 1, 0.25: 2}), (1, {0.25: 2, 0.5: 1})),
    ],
)  # fmt: skip
def test_order_has_no_say(one: Any, other: Any) -> None:
    assert encode_sorted(one) == encode_sorted(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [({1: 2}, {1: 3}), ({1: 2}, {2: 2}), ({1: [1, 2]}, {1: [2, 1]}), ({1: Box(1)}, {1: Box(2)}), ({1: {1}}, {1: {2}})],
)
def test_other_values_have_other_texts(one: Any, other: Any) -> None:
    assert encode_sorted(one) != encode_sorted(other)
