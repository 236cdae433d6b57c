"""Metadata of msgspec in pydantic models."""

import sys
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, NewType, NotRequired, TypeVar

import msgspec
import pydantic
import pytest
from typing_extensions import TypedDict

from stepwell.adapters import models
from stepwell.adapters.typeplans import JsonTypePlan

T = TypeVar("T")
MARK = msgspec.Meta(extra_json_schema={"x-mark": True})
if sys.version_info >= (3, 12):
    Alias = typing.TypeAliasType("Alias", Annotated[str, MARK])
else:
    Alias = Annotated[str, MARK]
New = NewType("New", Annotated[str, MARK])  # type: ignore[valid-newtype]


@dataclass
class Drawer:
    plain: str
    in_drawer: Annotated[str, MARK]


class Row(TypedDict):
    in_row: NotRequired[Annotated[str, MARK]]
    plain: str


class Pair(NamedTuple):
    left: int
    right: Annotated[str, MARK]


class Listed(pydantic.RootModel[list[Annotated[str, MARK]]]):
    pass


class Box(pydantic.BaseModel, Generic[T]):
    held: T


class Inner(pydantic.BaseModel):
    plain: int
    in_inner: Annotated[int, MARK]
    again: "Inner | None" = None


class Outer(pydantic.BaseModel):
    simple: Annotated[str, MARK]
    default: Annotated[str, MARK, pydantic.Field(max_length=9)] = "x"
    given: Annotated[str, MARK] = pydantic.Field(default="x", max_length=9)
    optional: Annotated[str, MARK] | None = None
    model: Annotated[Inner, MARK] | None = None
    many: list[Annotated[str, MARK]] = []
    by: dict[str, tuple[Annotated[int, MARK], ...]] = {}
    alias: Alias = "x"
    new: New = New("x")
    pairs: list[Pair] = []
    listed: Listed | None = None
    renamed: Annotated[str, MARK] = pydantic.Field(default="x", alias="calledThis")
    plain: Inner | None = None
    drawers: list[Drawer] = []
    row: Row | None = None
    box: Box[int] | None = None


SECRET = {"simple", "default", "given", "optional", "model", "many", "by", "alias", "new", "pairs", "listed", "renamed",
          "in_inner", "in_drawer", "in_row"}  # fmt: skip


def marked(schema: Any, seen: tuple[str, ...] = ()) -> set[str]:
    found: set[str] = set()
    if isinstance(schema, dict):
        fields = schema.get("properties")
        found |= {name for name, inner in fields.items() if inner.get("x-mark")} if isinstance(fields, dict) else set()
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        found |= marked(inner)
    return found


def test_fields_however_they_are_annotated() -> None:
    assert marked(models.schema_of(Outer)) == SECRET
    assert marked(JsonTypePlan(list[Outer]).schema()) == SECRET
    assert marked(models.schema_of(Box[int])) == set()
    assert marked(models.schema_of(Box[Annotated[str, MARK]])) == {"held"}


@pytest.mark.parametrize("cls", [Listed, pydantic.RootModel[Annotated[str, MARK]], pydantic.RootModel[Pair]])
def test_what_has_no_names_is_marked_itself(cls: Any) -> None:
    assert JsonTypePlan(cls).schema()["x-mark"] is True


def test_names_are_those_that_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    models._by_name.cache_clear()
    monkeypatch.setattr(pydantic, "VERSION", "2.10.6")
    assert "calledThis" in marked(models.schema_of(Outer))
    models._by_name.cache_clear()
