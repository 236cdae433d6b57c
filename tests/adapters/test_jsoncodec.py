import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.errors import NotSerializable, TypeMismatch
from stepwell.ports.codec import Codec, SignaturePlan, TypePlan


@dataclass
class Receipt:
    id: str


async def charge(amount: int) -> Receipt: ...  # type: ignore[empty-body]
def later(amount: int) -> Awaitable[Receipt]:
    return asyncio.ensure_future(charge(amount))


def loose(amount, other=None): ...  # type: ignore[no-untyped-def]
async def many() -> AsyncIterator[int]:
    yield 1


@pytest.fixture
def codec() -> JsonCodec:
    return JsonCodec()


def test_it_is_a_codec(codec: JsonCodec) -> None:
    port: Codec = codec
    plan: TypePlan = port.plan(int)
    signature: SignaturePlan = port.signature(charge)
    assert plan.encode(5) == b"5"
    assert signature.parameters == ("amount",)


def test_plans_are_made_once(codec: JsonCodec) -> None:
    assert codec.plan(list[int]) is codec.plan(list[int])
    assert codec.plan(list[int]) is not codec.plan(list[int], "payload")
    unhashable = Annotated[int, ["note"]]
    assert codec.plan(unhashable).encode(5) == b"5"


def test_a_missing_annotation_is_any_json(codec: JsonCodec) -> None:
    assert codec.plan(inspect.Parameter.empty).deliver({"a": [1]})[1] == {"a": [1]}
    assert codec.result(loose).deliver([None])[1] == [None]


def test_results(codec: JsonCodec) -> None:
    for fn in (charge, later, functools.partial(charge, 5)):
        assert codec.result(fn).decode(b'{"id":"r"}') == Receipt("r")
    with pytest.raises(TypeMismatch, match=r"result\.id of charge\(\)"):
        codec.result(charge).decode(b'{"id":5}')
    with pytest.raises(NotSerializable, match="AsyncIterator"):
        codec.result(many)


def test_signatures_without_what_is_injected(codec: JsonCodec) -> None:
    def step(amount: int, *, db: Any = object()) -> None: ...

    assert codec.signature(step, frozenset({"db"})).encode_args((5,), {}) == b'{"amount":5}'
