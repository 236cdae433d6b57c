"""Which texts of a JSON Schema are moments."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypedDict

import msgspec
import pytest

from stepwell.adapters.typeplans import schema_of

AT = {"type": "string", "format": "date-time"}
TEXT = {"type": "string"}


class Pair(TypedDict):
    first: datetime
    text: str


class Point(NamedTuple):
    at: datetime


@dataclass
class Tree:
    at: datetime
    name: str
    maybe: datetime | None = None
    below: list["Tree"] = field(default_factory=list)
    by: dict[str, datetime] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (datetime, AT),
        (str, TEXT),
        (Annotated[datetime, msgspec.Meta(description="d")], AT | {"description": "d"}),
        (list[datetime], {"type": "array", "items": AT}),
        (dict[str, datetime], {"type": "object", "additionalProperties": AT}),
        (dict[str, datetime] | list[datetime] | None, None),
    ],
)
def test_plain_annotations(annotation: Any, schema: dict[str, Any] | None) -> None:
    told = schema_of(annotation)
    if schema is None:
        assert {"type": "array", "items": AT} in told["anyOf"]
        assert {"type": "object", "additionalProperties": AT} in told["anyOf"]
    else:
        assert told == schema


def test_in_classes_also_in_those_that_contain_themselves() -> None:
    told = schema_of(Tree | None)["$defs"]["Tree"]["properties"]
    assert told["at"] == AT
    assert told["name"] == TEXT
    assert AT in told["maybe"]["anyOf"]
    assert told["by"]["additionalProperties"] == AT
    assert schema_of(Pair)["$defs"]["Pair"]["properties"] == {"first": AT, "text": TEXT}
    assert schema_of(tuple[datetime, str])["prefixItems"] == [AT, TEXT]
    assert schema_of(list[Point])
