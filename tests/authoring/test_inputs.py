"""Inputs from outside: JSON by name, by position or bare, made what a call of the function would store."""

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import UNSET

from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.authoring.inputs import canonical, given_input, loosely
from stepwell.errors import TypeMismatch
from stepwell.ports.codec import SignaturePlan


@dataclass
class Order:
    id: str
    amount: int


def two(x: int, y: int = 1) -> None: ...


def an_order(order: Order) -> None: ...


def a_dict(data: dict[str, int]) -> None: ...


def a_list(items: list[int]) -> None: ...


def keywords(*, x: int) -> None: ...


def text(words: str) -> None: ...


def nothing() -> None: ...


def plan(fn: Any) -> SignaturePlan:
    return JsonCodec().signature(fn)


@pytest.mark.parametrize(
    ("fn", "data", "stored"),
    [
        (two, b'{"y":2,"x":1}', b'{"x":1,"y":2}'),
        (two, b'{"x":1}', b'{"x":1}'),
        (two, b"[1,2]", b'{"x":1,"y":2}'),
        (two, b"[1]", b'{"x":1}'),
        (two, b" 1 ", b'{"x":1}'),
        (an_order, b'{"order":{"amount":1,"id":"a"}}', b'{"order":{"id":"a","amount":1}}'),
        (an_order, b'{"id":"a","amount":3}', b'{"order":{"id":"a","amount":3}}'),
        (an_order, b'[{"id":"a","amount":1}]', b'{"order":{"id":"a","amount":1}}'),
        (a_dict, b'{"a":1}', b'{"data":{"a":1}}'),
        (a_dict, b'{"data":{"a":1}}', b'{"data":{"a":1}}'),
        (a_list, b"[1,2]", b'{"items":[1,2]}'),
        (a_list, b"[[1,2]]", b'{"items":[1,2]}'),
        (keywords, b'{"x":1}', b'{"x":1}'),
        (text, b'"hello"', b'{"words":"hello"}'),
        (nothing, b"null", b"{}"),
        (nothing, b'{"left":"over"}', b"{}"),
    ],
)
def test_one_stored_form_however_it_was_given(fn: Any, data: bytes, stored: bytes) -> None:
    assert canonical(plan(fn), data) == stored
    assert canonical(plan(fn), stored) == stored  # and that form is one of them


def test_values_have_their_types() -> None:
    assert loosely(plan(an_order), b'{"id":"a","amount":3}') == ((Order("a", 3),), {})
    assert loosely(plan(keywords), b'{"x":1}') == ((), {"x": 1})


@pytest.mark.parametrize(
    ("fn", "data"),
    [
        (two, b'"one"'),
        (two, b'{"x":"one"}'),
        (two, b'{"z":1}'),
        (two, b"[1,2,3]"),
        (two, b"null"),
        (an_order, b'{"id":5}'),
        (a_list, b'["a"]'),
        (keywords, b"1"),
    ],
)
def test_what_fits_in_no_way_is_refused(fn: Any, data: bytes) -> None:
    with pytest.raises(TypeMismatch):
        canonical(plan(fn), data)


@pytest.mark.parametrize("fn", [two, nothing])
@pytest.mark.parametrize("data", [b"", b"{", b"one", b"[1,]", b"\xff"])
def test_what_is_no_json_is_said_to_be_none(fn: Any, data: bytes) -> None:
    with pytest.raises(TypeMismatch, match="the input is no JSON"):
        canonical(plan(fn), data)


def test_what_is_left_out_is_no_argument() -> None:
    assert [given_input(value) for value in (UNSET, None, {}, [1])] == [b"{}", b"null", b"{}", b"[1]"]
