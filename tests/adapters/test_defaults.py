"""An object that was decoded is stored as its equal that was made in Python."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from stepwell.adapters.defaults import complete, plain_defaults
from stepwell.adapters.signatures import JsonSignaturePlan
from stepwell.authoring.inputs import canonical
from stepwell.errors import NotSerializable


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    note: str = "none"
    lines: list[Line] = field(default_factory=list)
    by_name: dict[str, Line] = field(default_factory=dict)


@dataclass(frozen=True)
class Frozen:
    id: str
    note: str | None = None


@dataclass(slots=True)
class Slotted:
    id: str
    note: str = "none"


class Holder(msgspec.Struct):
    order: Order
    more: tuple[Frozen, ...] = ()


@dataclass
class Loop:
    inner: Any = None
    name: str = "loop"


def order(order: Order) -> None: ...
def frozen(value: Frozen | None = None) -> None: ...
def slotted(value: Slotted) -> None: ...
def holder(value: Holder) -> None: ...
def loop(value: Loop) -> None: ...
def plain(x: int, y: str = "y") -> None: ...
def number(value: float) -> None: ...
def exact(value: Decimal) -> None: ...
def maybe(value: float | None = None) -> None: ...
def either(value: int | float) -> None: ...  # noqa: PYI041


@pytest.mark.parametrize(
    ("fn", "value", "bare"),
    [
        (order, Order("a"), {"id": "a"}),
        (order, Order("a", lines=[Line("b")]), {"id": "a", "lines": [{"sku": "b"}]}),
        (order, Order("a", by_name={"x": Line("b", 1)}), {"id": "a", "by_name": {"x": {"sku": "b"}}}),
        (order, Order("a", note="none"), {"id": "a", "note": "none"}),
        (frozen, Frozen("a"), {"id": "a"}),
        (slotted, Slotted("a"), {"id": "a"}),
        (holder, Holder(Order("a"), (Frozen("b"),)), {"order": {"id": "a"}, "more": [{"id": "b"}]}),
    ],
)
def test_what_is_left_out_is_stored_as_if_it_were_given(fn: Any, value: Any, bare: dict[str, Any]) -> None:
    plan = JsonSignaturePlan(fn)
    stored = plan.encode_args((value,), {})
    data = msgspec.json.encode(bare)
    assert canonical(plan, data) == stored
    assert canonical(plan, b'{"%s":%s}' % (plan.parameters[0].encode(), data)) == stored
    assert canonical(plan, stored) == stored
    decoded, _ = plan.decode_args(stored)
    assert plan.encode_args(decoded, {}) == stored


@pytest.mark.parametrize(
    ("fn", "value", "stored"),
    [
        (number, 1, b'{"value":1.0}'),
        (maybe, 1, b'{"value":1.0}'),
        (exact, 1, b'{"value":"1"}'),
        (either, 1, b'{"value":1}'),
    ],
)
def test_a_number_is_stored_as_it_comes_back(fn: Any, value: Any, stored: bytes) -> None:
    plan = JsonSignaturePlan(fn)
    assert plan.encode_args((value,), {}) == plan.encode_args((), {"value": value}) == stored
    assert canonical(plan, b"1") == canonical(plan, b'{"value":1}') == canonical(plan, stored) == stored


def test_an_instance_gets_only_what_it_lacks() -> None:
    made = msgspec.json.decode(b'{"id": "a"}', type=Frozen)
    assert "note" not in vars(made)
    complete(made)
    assert vars(made) == {"id": "a", "note": None}
    own = Order("a", note="mine")
    complete([own, {"x": (own,)}])
    assert own.note == "mine"


def test_only_annotations_that_can_lack_something_are_looked_through() -> None:
    lacking = {fn: JsonSignaturePlan(fn)._plan.facts.lacking for fn in (order, frozen, slotted, holder, plain)}
    assert lacking == {order: True, frozen: True, slotted: False, holder: True, plain: False}
    assert plain_defaults(Order) == ("note",)
    assert plain_defaults(int) == ()


def test_what_contains_itself_is_refused_as_before() -> None:
    value = Loop()
    value.inner = value
    with pytest.raises(NotSerializable, match="contains itself"):
        JsonSignaturePlan(loop).encode_args((value,), {})
