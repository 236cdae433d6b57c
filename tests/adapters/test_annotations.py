from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Never, TypeVar

import msgspec
import pytest

from stepwell.adapters.annotations import awaited, facts_of, name_of, resolve, show, signature_of
from stepwell.errors import NotSerializable, TypeMismatch

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Item:
    sku: str


@dataclass
class Tree:
    kids: list[Tree]


@dataclass
class Other:
    at: datetime | None


@dataclass
class Mixed:
    either: Item | Other


class Unknown:
    pass


T = TypeVar("T")
SCALARS = frozenset({type(None), bool, int, float, str})


@pytest.mark.parametrize(
    ("annotation", "exact"),
    [
        (int, {int}),
        (str, {str}),
        (None, {type(None)}),
        (int | None, {int, type(None)}),
        (Any, SCALARS),
        (object, SCALARS),
        (T, SCALARS),
        (Never, {type(None)}),
        (Annotated[int, msgspec.Meta(gt=0)], set()),
        (Item, set()),
        (Item | None, set()),
        (datetime, set()),
    ],
)
def test_scalars_that_come_back_as_they_are(annotation: Any, exact: set[type]) -> None:
    assert facts_of(annotation, "result").exact == exact


def test_facts() -> None:
    closed = facts_of(list[Item], "result")
    assert (closed.open, closed.dates, closed.unordered, closed.deep) == (False, False, False, False)
    assert facts_of(dict[str, int], "result").unordered
    assert facts_of(tuple[int, Other], "result").dates
    assert facts_of(Tree, "result").deep
    anything = facts_of(list[Any], "result")
    assert (anything.open, anything.unordered, anything.deep) == (True, True, True)


@pytest.mark.parametrize(
    "annotation", [Unknown, list[Unknown], Callable[[], int], Mixed, type[Item], dict[str, Unknown | None]]
)
def test_what_has_no_stored_form(annotation: Any) -> None:
    with pytest.raises(NotSerializable, match="of result"):
        facts_of(annotation, "result")


def test_unions_and_iterables_are_made_decodable() -> None:
    for annotation in (Item | Other, list[Item | Other | None], dict[str, tuple[Item | Other, ...]]):
        assert facts_of(annotation, "result").form != annotation
    assert facts_of(Iterable[int], "result").form == list[int]
    assert facts_of(Annotated[Item | Other, "note"], "result").name == "Annotated[Item | Other, 'note']"


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (list[Item], "list[Item]"),
        (Item | None, "Item | None"),
        (dict[str, Any], "dict[str, Any]"),
    ],
)
def test_show(annotation: Any, shown: str) -> None:
    assert show(annotation) == shown


def test_text_is_resolved_where_the_function_is() -> None:
    @dataclass
    class Local:
        x: int

    def uses(item: Local, many: list[Item], plain: int) -> Local:
        return Local(plain)

    def only_names(item: list[Tree]) -> None: ...

    assert resolve(uses.__annotations__["return"], uses, "the result") is Local
    assert resolve("list[Item]", uses, "x") == list[Item]
    assert resolve("list[Tree]", functools.partial(only_names), "x") == list[Tree]
    assert resolve(signature_of(only_names).empty, only_names, "x") is Any
    assert resolve(None, only_names, "x") is type(None)


def test_a_name_that_is_not_there() -> None:
    def uses(amount: Decimal) -> None: ...

    with pytest.raises(TypeMismatch, match=r"'Decimal' of parameter 'amount' of uses\(\).*TYPE_CHECKING"):
        resolve(uses.__annotations__["amount"], uses, "parameter 'amount'")


class Machine:
    def __call__(self, item: Item) -> Item:
        return item


def test_anything_callable() -> None:
    assert name_of(Machine()) == "Machine"
    assert resolve("Item", Machine(), "x") is Item
    assert resolve("int", math.hypot, "x") is int
    assert list(signature_of(max).parameters) == ["args", "kwargs"]


def test_what_is_awaited() -> None:
    assert awaited(Awaitable[int]) is int
    assert awaited(Coroutine[Any, Any, list[int]]) == list[int]
    assert awaited(Sequence[int]) == Sequence[int]
