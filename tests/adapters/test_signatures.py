import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.adapters.signatures import JsonSignaturePlan
from stepwell.errors import NaiveDatetime, NotSerializable, TypeMismatch


@dataclass
class Order:
    id: str
    amounts: list[float] = field(default_factory=list)


class Model(pydantic.BaseModel):
    tags: set[str]


class Injected:
    pass


def one(x: int) -> None: ...
def plain(order: Order, n: int = 1, *, key: str = "k", flag: bool = False) -> None: ...
def stars(first: int, /, second: int = 2, *rest: int, key: str = "k", **more: float) -> None: ...
def untyped(a, b=None): ...  # type: ignore[no-untyped-def]
def nothing() -> None: ...
def odd(
    __x: int,  # noqa: PYI063
    self: int,
    cls: int,
    args: int,
    kwargs: int,
) -> None: ...
def takes_sets(tags: set[str], table: dict[str, int]) -> None: ...
def takes_model(model: Model | None = None) -> None: ...


def injected(a: int, db: Injected = Injected(), b: int = 2, *, cache: Injected = Injected()) -> None: ...


ORDER = Order("o")
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "stored"),
    [
        (one, (5,), {}, b'{"x":5}'),
        (one, (), {"x": 5}, b'{"x":5}'),
        (nothing, (), {}, b"{}"),
        (plain, (Order("o"),), {}, b'{"order":{"id":"o","amounts":[]}}'),
        (plain, (ORDER, 5), {"flag": True}, b'{"order":{"id":"o","amounts":[]},"n":5,"flag":true}'),
        (plain, (), {"flag": True, "n": 5, "order": ORDER},
         b'{"order":{"id":"o","amounts":[]},"n":5,"flag":true}'),
        (stars, (1,), {}, b'{"first":1}'),
        (stars, (1, 2, 3), {"z": 1.0, "b": 2.0},
         b'{"first":1,"second":2,"*rest":[3],"**more":{"b":2.0,"z":1.0}}'),
        (stars, (1,), {"first": 0.5}, b'{"first":1,"**more":{"first":0.5}}'),
        (untyped, (1, [None]), {}, b'{"a":1,"b":[null]}'),
        (odd, (1, 2, 3), {"args": 4, "kwargs": 5}, b'{"__x":1,"self":2,"cls":3,"args":4,"kwargs":5}'),
        (max, (1, 2), {}, b'{"*args":[1,2]}'),
    ],
)  # fmt: skip
def test_one_form_however_passed(fn: Callable[..., object], args: Args, kwargs: Kwargs, stored: bytes) -> None:
    plan = JsonSignaturePlan(fn)
    data = plan.encode_args(args, kwargs)
    assert data == stored
    back = plan.decode_args(data)
    assert plan.encode_args(*back) == data
    assert plan.decode_args(msgspec.Raw(data)) == back
    assert plan.capture(args, kwargs) in ((data, *back), (data, args, kwargs))
    if fn is not max:
        fn(*back[0], **back[1])


def test_an_argument_left_out_stays_left_out() -> None:
    plan = JsonSignaturePlan(plain)
    assert plan.decode_args(b'{"order":{"id":"o"},"flag":true}') == ((Order("o"),), {"flag": True})
    assert JsonSignaturePlan(stars).decode_args(b'{"first":1,"key":"x"}') == ((1,), {"key": "x"})
    assert JsonSignaturePlan(untyped).decode_args(b'{"a":1}') == ((1,), {})

    def two(a: int = 1, b: int = 2) -> None: ...

    assert JsonSignaturePlan(two).decode_args(b'{"b":5}') == ((), {"b": 5})


def test_an_array_is_positional() -> None:
    plan = JsonSignaturePlan(plain)
    assert plan.decode_args(b' [{"id":"o"},5]') == ((Order("o"), 5), {})
    assert JsonSignaturePlan(stars).decode_args(b"[1,2,3,4]") == ((1, 2, 3, 4), {})
    with pytest.raises(TypeMismatch, match="takes 1 positional arguments, not 2"):
        JsonSignaturePlan(one).decode_args(b"[1,2]")
    with pytest.raises(TypeMismatch):
        JsonSignaturePlan(one).decode_args(b"[1")


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "reason"),
    [
        (one, (), {}, "missing a required argument: 'x'"),
        (one, (1, 2), {}, "too many positional arguments"),
        (one, (1,), {"x": 2}, "multiple values for argument 'x'"),
        (one, (1,), {"y": 2}, "unexpected keyword argument 'y'"),
        (plain, (Order("o"), 1, "k"), {}, "too many positional arguments"),
        (stars, (), {"first": 1}, "(?i)positional.only|missing a? ?required"),
    ],
)
def test_wrong_arguments(fn: Callable[..., object], args: Args, kwargs: Kwargs, reason: str) -> None:
    with pytest.raises(TypeMismatch, match=reason) as caught:
        JsonSignaturePlan(fn).encode_args(args, kwargs)
    assert f"{fn.__name__}() cannot be called" in str(caught.value)
    assert f"expected {fn.__name__}(" in str(caught.value)


@pytest.mark.parametrize(
    ("fn", "args", "error", "path"),
    [
        (one, ("5",), TypeMismatch, "x"),
        (plain, (Order("o", [1.0, math.nan]),), NotSerializable, "order.amounts[1]"),
        (plain, (Order("o"), True), TypeMismatch, "n"),
        (untyped, (math.inf,), NotSerializable, "a"),
        (untyped, ("a\0b",), NotSerializable, "a"),
        (untyped, ("\ud800",), NotSerializable, "a"),
        (untyped, (10**5_000,), NotSerializable, "a"),
        (untyped, ((1, 2),), NotSerializable, "a"),
        (stars, (1, 2, 3, "4"), TypeMismatch, "*rest[1]"),
        (stars, (1, 2, 3, math.nan), NotSerializable, "rest[1]"),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else None,
)
def test_wrong_values(fn: Callable[..., object], args: Args, error: type[TypeMismatch], path: str) -> None:
    with pytest.raises(error) as caught:
        JsonSignaturePlan(fn).encode_args(args, {})
    assert caught.value.path == path
    assert f"of {fn.__name__}()" in str(caught.value)


def test_wrong_data() -> None:
    plan = JsonSignaturePlan(plain)
    with pytest.raises(TypeMismatch, match=r"order\.amounts\[0\] of plain\(\)"):
        plan.decode_args(b'{"order":{"id":"o","amounts":["x"]}}')
    with pytest.raises(TypeMismatch, match="unknown field `oder`"):
        plan.decode_args(b'{"oder":{}}')
    with pytest.raises(TypeMismatch, match="missing required field `order`"):
        plan.decode_args(b"{}")

    def when(at: datetime) -> None: ...

    with pytest.raises(NaiveDatetime):
        JsonSignaturePlan(when).decode_args(b'{"at":"2026-01-01T00:00:00"}')


def test_numbers_become_what_the_annotation_says() -> None:
    def share(fraction: float) -> None: ...

    plan = JsonSignaturePlan(share)
    assert repr(plan.capture((5,), {})[1:]) == repr(((5.0,), {}))


def test_mutable_arguments_are_copied() -> None:
    plan = JsonSignaturePlan(plain)
    order = Order("o", [1.0])
    _, args, kwargs = plan.capture((order,), {"n": 2})
    assert args == (order, 2)
    assert args[0] is not order
    assert kwargs == {}


def test_injected_parameters_are_no_part_of_it() -> None:
    plan = JsonSignaturePlan(injected, frozenset({"db", "cache"}))
    assert plan.parameters == ("a", "b")
    data = plan.encode_args((1,), {"b": 5})
    assert (data, plan.decode_args(data)) == (b'{"a":1,"b":5}', ((1,), {"b": 5}))
    with pytest.raises(TypeMismatch, match="too many positional"):
        plan.encode_args((1, 5), {})
    with pytest.raises(TypeMismatch, match="db is injected; leave it out"):
        plan.encode_args((1,), {"db": Injected()})
    with pytest.raises(NotSerializable, match=r"'db' of injected\(\)"):
        JsonSignaturePlan(injected)


def test_digests_do_not_depend_on_order() -> None:
    plan = JsonSignaturePlan(takes_sets)
    one_way = plan.encode_args(({"a", "b"}, {"x": 1, "y": 2}), {})
    other = plan.encode_args((), {"table": {"y": 2, "x": 1}, "tags": {"b", "a"}})
    assert one_way != other
    assert plan.digest(one_way) == plan.digest(other) == plan.digest(msgspec.Raw(other))
    assert plan.digest(one_way) != plan.digest(one_way.replace(b"1", b"3"))
    free = JsonSignaturePlan(untyped)
    assert free.digest(b'{"a":{"x":1,"y":2}}') == free.digest(b'{"a":{"y":2,"x":1}}')
    assert free.digest(b'{"a":[1,2]}') != free.digest(b'{"a":[2,1]}')
    assert len(free.digest(b"{}")) == 16


def test_digests_are_the_same_in_every_process() -> None:
    program = (
        "import pydantic\n"
        "from stepwell.adapters.signatures import JsonSignaturePlan\n"
        "class Model(pydantic.BaseModel):\n    tags: set[str]\n"
        "def fn(tags: set[str], model: Model): ...\n"
        "plan, tags = JsonSignaturePlan(fn), set('abcdefgh')\n"
        "print(plan.digest(plan.encode_args((tags, Model(tags=tags)), {})))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_schema() -> None:
    schema = JsonSignaturePlan(plain).schema()
    assert schema["title"] == "plain"
    assert list(schema["properties"]) == ["order", "n", "key", "flag"]
    assert schema["required"] == ["order"]
    assert set(schema["$defs"]) == {"Order"}
    assert "$defs" not in JsonSignaturePlan(one).schema()


def test_models_as_optional_arguments() -> None:
    plan = JsonSignaturePlan(takes_model)
    model = Model(tags={"a"})
    assert plan.decode_args(plan.encode_args((model,), {})) == ((model,), {})
    assert plan.decode_args(plan.encode_args((None,), {})) == ((None,), {})
    assert plan.decode_args(b"{}") == ((), {})


values = st.none() | st.booleans() | st.integers() | st.text(max_size=3)


@given(st.lists(values, max_size=4), st.dictionaries(st.sampled_from(["key", "b", "z"]), values))
def test_any_call_comes_back(args: list[Any], kwargs: dict[str, Any]) -> None:
    def fn(a: Any, b: Any = 1, *rest: Any, key: Any = None, **more: Any) -> Any:
        return a, b, rest, key, more

    plan = JsonSignaturePlan(fn)
    try:
        expected = fn(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeMismatch):
            plan.encode_args(tuple(args), kwargs)
        return
    try:
        data = plan.encode_args(tuple(args), kwargs)
    except NotSerializable:
        assert "\0" in repr(args) or "\\x00" in repr((args, kwargs)) or "\\ud" in repr((args, kwargs))
        return
    back_args, back_kwargs = plan.decode_args(data)
    assert fn(*back_args, **back_kwargs) == expected


def test_the_digest_of_mappings_by_other_keys_than_text() -> None:
    def priced(prices: dict[int, set[str]]) -> None: ...

    plan = JsonSignaturePlan(priced)
    one, other = ({2: {"b", "a"}, 10: set()}, {10: set(), 2: {"a", "b"}})
    assert plan.digest(plan.encode_args((one,), {})) == plan.digest(plan.encode_args((other,), {}))
    assert plan.digest(plan.encode_args(({2: {"a"}},), {})) != plan.digest(plan.encode_args((one,), {}))
