import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pydantic
import pytest

from stepwell.adapters import models
from stepwell.adapters.models import dump, fields_of, is_model, is_model_class, load, schema_of


class Line(pydantic.BaseModel):
    sku: str
    price: Decimal


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    order_id: UUID = pydantic.Field(alias="orderId")
    at: datetime
    raw: bytes
    lines: list[Line]

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def count(self) -> int:
        return len(self.lines)


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    at: datetime
    tags: set[str]


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")


@pytest.fixture(params=["chosen at run time", "before 2.11"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    models._by_name.cache_clear()
    if request.param == "before 2.11":
        monkeypatch.setattr(pydantic, "VERSION", "2.10.6")
    yield
    models._by_name.cache_clear()


LINE = Line(sku="a", price=Decimal("1.50"))
ORDER = Order(orderId=UUID(int=5), at=datetime(2026, 1, 1, tzinfo=UTC), raw=b"\xff", lines=[LINE])


@pytest.mark.usefixtures("_both_ways")
@pytest.mark.parametrize("model", [ORDER, Strict(at=datetime(2026, 1, 1, tzinfo=UTC), tags={"x"})])
def test_there_and_back(model: pydantic.BaseModel) -> None:
    assert load(type(model), bytes(dump(model))) == model


def test_aliases_are_read_too() -> None:
    data = bytes(dump(ORDER))
    assert b'"order_id"' in data
    assert load(Order, data.replace(b"order_id", b"orderId")) == ORDER


@pytest.mark.usefixtures("_both_ways")
def test_the_schema_is_of_what_is_written() -> None:
    (name,) = {"order_id", "orderId"} & set(schema_of(Order)["properties"])
    assert f'"{name}"'.encode() in bytes(dump(ORDER))


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(ValueError, match=r"decimal.* - at `lines\[0\]\.price`"):
        load(Order, bytes(dump(ORDER)).replace(b'"1.50"', b'"x"'))
    with pytest.raises(ValueError, match="Invalid JSON"):
        load(Order, b"{")


def test_what_is_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_model(ORDER)
    assert is_model_class(Order)
    assert not is_model(Order)
    assert not is_model_class(int)
    assert fields_of(Loose.model_validate({"a": 1})) == {"a": 1}
    schema: dict[str, Any] = schema_of(Order)
    assert "Line" in schema["$defs"]
    monkeypatch.delitem(sys.modules, "pydantic")
    assert not is_model(ORDER)
