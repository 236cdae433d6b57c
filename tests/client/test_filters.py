"""From the words of a query to a filter."""

from typing import Any

import pytest

from stepwell.client.filters import Query, asked, cursor_of, filter_from, tag_of, when
from stepwell.errors import InvalidDuration, InvalidOption, NotFound
from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus


def test_all_words() -> None:
    query = Query(status=["failed,parked", "pending"], workflow="a,b", queue=["q"], tag=["n=1", "s=x"], id="o-",
                  text="late", error="ValueError", since="1h", until="2026-01-01T00:00:00Z")  # fmt: skip
    assert filter_from(query, 10_000.0, b"p") == RunFilter(
        status=(RunStatus.FAILED, RunStatus.PARKED, RunStatus.QUEUED), workflow=("a", "b"), queue=("q",),
        tags={"n": 1, "s": "x"}, id_prefix="o-", text="late", reason="ValueError", since=6_400.0,
        until=1_767_225_600.0, parent=b"p")  # fmt: skip
    assert filter_from(Query(), 0.0) == RunFilter()
    assert filter_from(Query(tag={"a": True}), 0.0).tags == {"a": True}
    assert asked(Query(status=["failed"], since="24h", text="")) == {"status": ["failed"], "since": "24h"}


@pytest.mark.parametrize(
    ("pair", "tag"),
    [("a=1", ("a", 1)), ("a=1.5", ("a", 1.5)), ("a=true", ("a", True)), ('a="1"', ("a", "1")), ("a=x=y", ("a", "x=y")),
     ("a=null", ("a", "null")), ("a=[1]", ("a", "[1]")), ("a=", ("a", ""))],
)  # fmt: skip
def test_tags(pair: str, tag: tuple[str, Any]) -> None:
    assert tag_of(pair) == tag


@pytest.mark.parametrize("pair", ["a", "=1", ""])
def test_what_is_no_tag(pair: str) -> None:
    with pytest.raises(InvalidOption):
        tag_of(pair)


@pytest.mark.parametrize(
    ("text", "at"),
    [("2h", 2_800.0), ("1970-01-01T00:01:00Z", 60.0), ("1970-01-01", 0.0), ("120", 120.0), (7.5, 7.5), ("", None),
     (None, None), ("1970-01-01T01:00:00+01:00", 0.0)],
)  # fmt: skip
def test_moments(text: str | float | None, at: float | None) -> None:
    assert when(text, 10_000.0, "since") == at


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e300", "soon", "5 parsecs"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises((InvalidOption, InvalidDuration)):
        when(text, 0.0, "since")


def test_bounds() -> None:
    with pytest.raises(InvalidOption, match="at most 100"):
        filter_from(Query(workflow=["x"] * 101), 0.0)
    assert cursor_of(None) is None
    assert cursor_of("0aff") == b"\n\xff"
    with pytest.raises(NotFound):
        cursor_of("zz")
