import datetime as dt
import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.adapters.typeplans import JsonTypePlan, encode_json
from stepwell.errors import NaiveDatetime, NotSerializable, StepwellError, TypeMismatch

T = TypeVar("T")
NOW = dt.datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)
NAIVE = NOW.replace(tzinfo=None)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Item:
    sku: str
    price: float = 0.0


@dataclass
class Order:
    id: str
    items: list[Item] = field(default_factory=list)
    note: Any = None


@dataclass
class Special(Item):
    extra: int = 0


@dataclass(eq=False)
class ByIdentity:
    item: Item


@dataclass
class Box(Generic[T]):
    content: T


@dataclass
class Restless:
    count: int

    def __post_init__(self) -> None:
        self.count += 1


class Packed(msgspec.Struct, tag=True):
    at: dt.datetime


class Other(msgspec.Struct, tag=True):
    n: int


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Row(TypedDict):
    id: int
    name: NotRequired[str]


class Model(pydantic.BaseModel):
    id: UUID
    when: dt.datetime | None = None
    kids: "list[Model]" = []


class Cat(pydantic.BaseModel):
    name: str
    lives: int = 9


class Dog(pydantic.BaseModel):
    name: str


UserId = NewType("UserId", int)
MODEL = Model(id=UUID(int=1), when=NOW, kids=[Model(id=UUID(int=2))])

SAMPLES: list[tuple[Any, Any]] = [
    (int, 5),
    (int, 2**70),
    (int, -(2**64)),
    (float, 1.5),
    (float, -0.0),
    (str, "naïve \\u0000 \U0001f600"),
    (bool, True),
    (None, None),
    (Any, {"a": [1, 2.5, "x", None, True, {"b": []}]}),
    (object, [1]),
    (bytes, b"\x00\xff"),
    (dt.datetime, NOW),
    (dt.datetime, NOW.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))),
    (dt.date, NOW.date()),
    (dt.time, NAIVE.time()),
    (dt.timedelta, dt.timedelta(days=1, microseconds=5)),
    (UUID, UUID(int=7)),
    (Decimal, Decimal("1.50")),
    (Decimal, Decimal("-Infinity")),
    (Color, Color.RED),
    (Level, Level.HIGH),
    (Literal["a", "b"], "b"),
    (UserId, 5),
    (Annotated[int, msgspec.Meta(gt=0)], 5),
    (set[int], {3, 1, 2}),
    (frozenset[str], frozenset({"a"})),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (dict[int, Item], {5: Item("a")}),
    (dict[UUID, int], {UUID(int=1): 2}),
    (list[Item] | None, [Item("a", 1.5)]),
    (Item | None, None),
    (int | str | None, "x"),
    (int | float, 5),
    (Order, Order("o", [Item("a", 2.0)], {"k": [1]})),
    (Box[Item], Box(Item("x"))),
    (ByIdentity, ByIdentity(Item("x"))),
    (Packed | Other, Other(5)),
    (list[Packed], [Packed(NOW)]),
    (Pair, Pair(1)),
    (Row, {"id": 1}),
    (Model, MODEL),
    (Model | None, None),
    (list[Model], [MODEL]),
    (dict[str, Model], {"m": MODEL}),
    (Box[Model], Box(MODEL)),
    (Cat | Dog, Dog(name="x")),
    (list[Cat | Dog], [Cat(name="x"), Dog(name="y")]),
    (Cat | int | None, 5),
    (dict[str, Item | Order], {"a": Order("x"), "b": Item("y")}),
    (dt.datetime | str, "plain"),
]


def test_samples_come_back_as_they_were() -> None:
    for annotation, value in SAMPLES:
        plan = JsonTypePlan(annotation)
        data, back = plan.deliver(value)
        assert type(back) is type(value), annotation
        assert back == value or isinstance(value, ByIdentity), annotation
        assert plan.encode(value) == data
        assert plan.encode(plan.decode(msgspec.Raw(data))) == data
        assert isinstance(plan.schema(), dict)


def test_what_is_delivered_is_a_copy() -> None:
    order = Order("o", [Item("a")])
    _, back = JsonTypePlan(Order).deliver(order)
    assert back.items is not order.items
    anything = [1]
    assert JsonTypePlan(Any).deliver(anything)[1] is not anything


def test_the_annotation_decides() -> None:
    assert repr(JsonTypePlan(float).deliver(5)) == repr((b"5.0", 5.0))
    assert JsonTypePlan(Sequence[int]).deliver((1, 2))[1] == [1, 2]
    assert JsonTypePlan(Iterable[int]).deliver([1, 2])[1] == [1, 2]
    assert JsonTypePlan(tuple[int, ...]).deliver([1, 2])[1] == (1, 2)


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (float, math.nan, "result"),
        (float | None, math.inf, "result"),
        (Order, Order("x", [Item("a"), Item("b", math.nan)]), "result.items[1].price"),
        (Any, [{"a": math.nan}], "result[0].a"),
        (Any, (1, 2), "result"),
        (Any, {1, 2}, "result"),
        (Any, {1: 2}, "result"),
        (Any, {"k": NOW}, "result.k"),
        (Any, b"x", "result"),
        (Any, Item("x"), "result"),
        (Any, Color.RED, "result"),
        (Any, UUID(int=1), "result"),
        (Order, Order("x", note=(1,)), "result.note"),
        (str, "a\0b", "result"),
        (str, "\ud800", "result"),
        (dict[str, int], {"\ud800": 1}, "result"),
        (Any, print, "result"),
        (Any, [10**5_000], "result[0]"),
        (list[int], [10**5_000], "result[0]"),
        (Decimal, Decimal("NaN"), "result"),
        (list[Model], [MODEL, print], "result[1]"),
    ],
)
def test_what_cannot_be_stored(annotation: Any, value: object, path: str) -> None:
    with pytest.raises(NotSerializable) as caught:
        JsonTypePlan(annotation, "result").deliver(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (int, True, "result"),
        (int, 1.5, "result"),
        (int, None, "result"),
        (None, 5, "result"),
        (str, b"x", "result"),
        (str, UUID(int=1), "result"),
        (float, 2**60 + 1, "result"),
        (list[int], [1, "2"], "result[1]"),
        (dict[str, int], {1: 2}, "result"),
        (Item, Special("a", 1.0, 5), "result"),
        (Item, {"sku": "a", "price": 1.0}, "result"),
        (Order, Item("x"), "result"),
        (set[int], [1, 1], "result"),
        (Row, {"id": 1, "other": 2}, "result"),
        (Restless, Restless(1), "result.count"),
        (Literal["a"], "b", "result"),
        (Annotated[int, msgspec.Meta(gt=0)], -5, "result"),
        (Model, Cat(name="x"), "result"),
        (Cat | Dog, 5, "result"),
    ],
)
def test_what_does_not_fit(annotation: Any, value: object, path: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        JsonTypePlan(annotation, "result", "charge").deliver(value)
    assert caught.value.path == path
    assert "result" in str(caught.value)
    assert "of charge()" in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (dt.datetime, NAIVE),
        (list[dt.datetime | None], [None, NAIVE]),
        (Packed, Packed(NAIVE)),
        (Model, Model(id=UUID(int=1), kids=[Model(id=UUID(int=2), when=NAIVE)])),
        (dict[dt.datetime, int], {NAIVE: 1}),
    ],
)
def test_naive_datetimes(annotation: Any, value: object) -> None:
    plan = JsonTypePlan(annotation, "result")
    with pytest.raises(NaiveDatetime, match="time zone"):
        plan.deliver(value)
    with pytest.raises(NaiveDatetime):
        plan.decode(encode_json(value))


def test_text_that_looks_like_a_naive_datetime_is_text() -> None:
    assert JsonTypePlan(dict[str, dt.datetime | None]).deliver({"2026-01-01T00:00:00": None})[1]
    assert JsonTypePlan(Model | str).deliver("2026-01-01T00:00:00")[1] == "2026-01-01T00:00:00"


def test_a_seconds_offset_would_be_rounded() -> None:
    odd = NOW.astimezone(dt.timezone(dt.timedelta(seconds=3_661)))
    with pytest.raises(TypeMismatch):
        JsonTypePlan(dt.datetime).deliver(odd)


def test_depth() -> None:
    value: Any = []
    for _ in range(150):
        value = [value]
    assert JsonTypePlan(Any).deliver(value)[1] == value
    for _ in range(100):
        value = [value]
    with pytest.raises(NotSerializable, match="deeper than 200 levels"):
        JsonTypePlan(Any).deliver(value)
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotSerializable, match="deeper than 200 levels"):
        JsonTypePlan(Any).deliver(value)
    while value:  # or its removal would need as many frames
        value = value.pop()
    with pytest.raises(NotSerializable, match="nested too deep"):
        JsonTypePlan(Any).decode(b"[" * 100_000 + b"]" * 100_000)


def test_circles() -> None:
    value: list[Any] = [1]
    value.append({"again": value})
    with pytest.raises(NotSerializable, match=r"\[1\]\.again contains itself"):
        JsonTypePlan(Any).deliver(value)


def test_decoding_names_the_place() -> None:
    plan = JsonTypePlan(Order, "result", "load")
    with pytest.raises(TypeMismatch, match=r"result\.items\[0\]\.price of load\(\).*expected `float`, got `str`"):
        plan.decode(b'{"id":"x","items":[{"sku":"a","price":"5"}]}')
    for broken in (b"", b"{", b'{"id":5}', b"\xff", b'"\\ud800"'):
        with pytest.raises(TypeMismatch):
            plan.decode(broken)
    with pytest.raises(TypeMismatch, match=r"result\[0\].*- at `id`"):
        JsonTypePlan(list[Model], "result").decode(b'[{"id":"x"}]')


def test_a_value_that_is_none_of_the_allowed_ones_is_told_which_there_are() -> None:
    with pytest.raises(TypeMismatch, match=r"\): invalid value 'zzz'; expected one of 'a', 'b', 'c'$"):
        JsonTypePlan(Literal["a", "b", "c"], "result", "charge").deliver("zzz")
    with pytest.raises(TypeMismatch, match=r"^result\[0\] .*: invalid value 'q', as a key; expected 'red'$"):
        JsonTypePlan(list[dict[Color, int]], "result").decode(b'[{"q":1}]')


def test_unions_prefer_what_writes_the_same() -> None:
    plan = JsonTypePlan(list[Cat | Dog])
    assert plan.decode(b'[{"name":"a"},{"name":"b","lives":2}]') == [Dog(name="a"), Cat(name="b", lives=2)]
    assert JsonTypePlan(Cat | int).decode(b'{"name":"a"}') == Cat(name="a")
    with pytest.raises(TypeMismatch, match="expected one of Cat, Dog"):
        plan.decode(b"[{}]")


def test_users_code_that_breaks_is_told_as_ours() -> None:
    class Broken(pydantic.BaseModel):
        n: int

        @pydantic.model_validator(mode="after")
        def check(self) -> "Broken":
            if self.n > 5:
                raise KeyError("x")
            return self

    broken = Broken(n=1)
    broken.n = 9
    with pytest.raises(NotSerializable, match="result cannot be stored"):
        JsonTypePlan(Broken, "result").deliver(broken)


def test_schemas_have_all_definitions_at_the_root() -> None:
    schema = JsonTypePlan(dict[str, list[Model | Cat]]).schema()
    assert set(schema["$defs"]) == {"Model"}
    assert "'$defs':" not in str(schema["additionalProperties"])
    assert JsonTypePlan(int).schema() == {"type": "integer"}
    assert JsonTypePlan(object).schema() == {}


# --- whatever the value -----------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=5)
    | st.datetimes() | st.uuids() | st.decimals()
    | st.sampled_from([Color.RED, Level.HIGH, Item("x"), Pair(1)]),
    lambda inner: st.lists(inner, max_size=4)
    | st.tuples(inner)
    | st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
PLANS = [JsonTypePlan(annotation) for annotation, _ in SAMPLES if annotation is not ByIdentity]


def as_plain(value: Any) -> Any:
    """Distinguishes what == does not: True from 1, and a tuple from a list."""
    if isinstance(value, dict):
        return {key: as_plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_plain(child) for child in value]
    return (type(value), value)


@settings(deadline=None)
@given(anything)
def test_untyped_values_are_refused_or_come_back_the_same(value: object) -> None:
    plan = JsonTypePlan(Any)
    try:
        data, back = plan.deliver(value)
    except StepwellError:
        return
    if not isinstance(value, Level):  # an int to everyone who asks
        assert repr(as_plain(back)) == repr(as_plain(value)) or "Level" in repr(value)
    assert plan.encode(back) == data


@settings(deadline=None)
@given(st.sampled_from(PLANS), anything)
def test_typed_values_are_refused_or_equal(plan: JsonTypePlan, value: object) -> None:
    try:
        data, back = plan.deliver(value)
    except StepwellError:
        return
    assert back == value or isinstance(value, list | tuple)
    assert plan.encode(back) == data
