import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.adapters.lossless import MAX_DEPTH, changed, step_of, too_deep, unstorable
from stepwell.adapters.typeplans import JsonTypePlan


@dataclass
class Item:
    sku: str
    price: Any = 0


class Pair(NamedTuple):
    left: Any
    right: Any = None


class Packed(msgspec.Struct):
    load: Any = msgspec.UNSET


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth - 1):
        value = [value]
    return value


def circle() -> object:
    value: list[object] = [1]
    value.append({"again": value})
    return value


async def later() -> None: ...


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (float("nan"), "result", "is nan"),
        ([1.0, float("-inf")], "result[1]", "is -inf"),
        ({"a": Item("x", float("inf"))}, "result.a.price", "is inf"),
        ({"two words": Decimal("NaN")}, "result['two words']", "no number"),
        (Pair(1, "a\0b"), "result.right", "NUL"),
        (Packed(["\ud800"]), "result.load[0]", "surrogate"),
        ({"\ud800": 1}, "result", "has a key that has a lone surrogate"),
        ({None: 1}, "result", "has the key None"),
        ({(1, 2): 1}, "result", "has the key (1, 2)"),
        ({dt.datetime(2026, 1, 1): 1}, "result", "has a key that is a datetime without time zone"),  # noqa: DTZ001
        ({dt.datetime(2026, 1, 1)}, "result{}", "is a datetime without time zone"),  # noqa: DTZ001
        ([10**5_000], "result[0]", "thousands of digits"),
        (circle(), "result[1].again", "contains itself"),
        (print, "result", "is the function print"),
        (Item, "result", "is the class Item"),
        (Item("x", lambda: 1), "result.price", "is the function"),
        (io.StringIO(), "result", "is of type StringIO"),
        ((n for n in "ab"), "result", "is of type generator"),
        (object(), "result", "is of type object"),
        (1j, "result", "is of type complex"),
    ],
)
def test_what_cannot_be_stored(value: object, path: str, reason: str) -> None:
    place = unstorable(value, "result")
    assert place is not None
    assert place.path == path
    assert reason in place.reason
    assert place.hint.endswith(".")


def test_advice() -> None:
    coroutine = later()
    place = unstorable([coroutine], "result")
    coroutine.close()
    assert place is not None
    assert place.hint == "Await it first."


def test_what_can_be_stored() -> None:
    shared = [1, 2]
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    value = {"a": [None, True, 5, 1.5, "x", b"y", moment, moment.date(), dt.timedelta(1), Decimal("1.5")],
             "b": {1: Item("x"), 2: Pair(1), 3: Packed()}, "c": [shared, shared], "d": {3, 4}}  # fmt: skip
    assert unstorable(value, "result") is None


def test_the_depth() -> None:
    assert unstorable(nested(MAX_DEPTH), "result") is None
    place = unstorable(nested(MAX_DEPTH + 1), "result")
    assert place is not None
    assert "deeper than 200" in place.reason
    assert not too_deep(json.dumps(nested(MAX_DEPTH)).encode())
    assert too_deep(json.dumps(nested(MAX_DEPTH + 1)).encode())


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


brackets = st.text(alphabet='[]{}"\\/,:u0 ', max_size=8)


@settings(deadline=None)
@given(
    st.recursive(
        brackets | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(brackets, inner, max_size=4),
        max_leaves=20,
    ),
    st.integers(0, MAX_DEPTH + 2),
    st.integers(0, MAX_DEPTH * 2),
)
def test_depth_is_exact_whatever_the_strings(value: object, wraps: int, width: int) -> None:
    wrapped: object = [value] + [[]] * width
    for number in range(wraps):
        wrapped = {"[[{": wrapped} if number % 2 else [wrapped]
    for dumped in (json.dumps(wrapped).encode(), msgspec.json.encode(wrapped)):
        assert too_deep(dumped) is (depth_of(wrapped) > MAX_DEPTH)


@pytest.mark.parametrize(
    ("value", "decoded", "path"),
    [
        ({1: 2}, {"1": 2}, "result"),
        ([{"a": (1,)}], [{"a": [1]}], "result[0].a"),
        (Item("a"), {"sku": "a", "price": 0}, "result"),
        (Item("a", {1}), Item("a", [1]), "result.price"),
        ([1, 2], [1], "result"),
        ({"a": 1, "b": 2}, {"a": 1}, "result"),
        (b"x", "eA==", "result"),
        (2**60 + 1, float(2**60), "result"),
    ],
)
def test_what_changes(value: object, decoded: object, path: str) -> None:
    place = changed(value, decoded, "result", open=True)
    assert place is not None
    assert place.path == path


def test_messages_show_numbers_but_no_texts() -> None:
    place = changed(b"secret", "c2VjcmV0", "result", open=False)
    assert place is not None
    assert place.reason == "is a bytes and would come back as a str"
    place = changed(5, 6.5, "result", open=False)
    assert place is not None
    assert place.reason == "is 5 (int) and would come back as 6.5 (float)"


@dataclass(eq=False)
class ByIdentity:
    name: str
    parts: list[Any] = field(default_factory=list)


class Unfriendly:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


def test_equality_is_asked_of_the_parts() -> None:
    assert changed(ByIdentity("x", [1]), ByIdentity("x", [1]), "result", open=True) is None
    place = changed(ByIdentity("x", [1]), ByIdentity("x", [2]), "result", open=True)
    assert place is not None
    assert place.path == "result.parts[0]"
    assert changed(Unfriendly(), Unfriendly(), "result", open=True) is not None


@pytest.mark.parametrize("convert", [tuple, list])
def test_an_annotation_may_ask_for_another_sequence(convert: Callable[[list[int]], object]) -> None:
    other = [1, 2] if convert is tuple else (1, 2)
    assert changed(convert([1, 2]), other, "result", open=False) is None
    assert changed(convert([1, 2]), other, "result", open=True) is not None


def test_steps_of_a_path() -> None:
    assert [step_of(key) for key in ("a_1", "", "two words", 5)] == [".a_1", "['']", "['two words']", "[5]"]


@pytest.mark.parametrize("fold", [0, 1])
def test_a_moment_in_an_hour_that_the_clock_repeats(fold: int) -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))
    data, decoded = JsonTypePlan(dt.datetime).deliver(moment)
    assert data == (b'"2026-10-25T02:30:00+02:00"', b'"2026-10-25T02:30:00+01:00"')[fold]
    assert decoded.timestamp() == moment.timestamp()
