"""From the words of a query ("24h", "amount=5", "failed,parked") to a filter over runs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

import msgspec

from stepwell.errors import InvalidOption, NotFound
from stepwell.model.duration import instant, seconds
from stepwell.model.run import RunFilter
from stepwell.model.status import status_of

MOST_VALUES: Final = 100
LISTS: Final = ("status", "workflow", "queue", "tag")
WORDS: Final = ("id", "text", "error", "since", "until", "parent")


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter as people write it. All given fields must hold; of the values of a list, one (of `tag`, all)."""

    status: list[str] | str | None = None
    workflow: list[str] | str | None = None
    queue: list[str] | str | None = None
    tag: list[str] | str | dict[str, str | int | float | bool] | None = None
    id: str | None = None
    text: str | None = None
    error: str | None = None
    since: str | float | None = None
    until: str | float | None = None
    parent: str | None = None


def filter_from(query: Query, now: float, parent: bytes | None = None) -> RunFilter:
    """The filter that a query means; `parent` is the key of the run that it names.

    Raises:
        InvalidOption, InvalidDuration: a value cannot be understood; the message says which.
    """
    return RunFilter(
        status=tuple(dict.fromkeys(status_of(word) for word in _many(query.status, "status"))),
        workflow=tuple(_many(query.workflow, "workflow")),
        queue=tuple(_many(query.queue, "queue")),
        tags=_tags(query.tag),
        id_prefix=query.id or None,
        text=query.text or None,
        reason=query.error or None,
        since=when(query.since, now, "since"),
        until=when(query.until, now, "until"),
        parent=parent,
    )


def _many(given: list[str] | str | None, name: str) -> list[str]:
    """Repeated, or separated by commas."""
    values = [given] if isinstance(given, str) else given or []
    found = [part for value in values for part in value.split(",") if part]
    if len(found) > MOST_VALUES:
        raise InvalidOption(f"{name} has {len(found)} values", expected=f"at most {MOST_VALUES}")
    return found


def _tags(given: list[str] | str | Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    values = [given] if isinstance(given, str) else given or []
    whole = [
        value for value in values if _is_json(value.partition("=")[2])
    ]  # a comma in a text in quotes separates nothing
    return dict(tag_of(pair) for pair in [*whole, *_many([value for value in values if value not in whole], "tag")])


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def tag_of(pair: str) -> tuple[str, str | int | float | bool]:
    """A tag from "name=value"; a value that reads as a JSON number, true, false or text in quotes is that.

    Raises:
        InvalidOption: it is no such pair.
    """
    name, equals, text = pair.partition("=")
    if not name or not equals:
        raise InvalidOption(f"tag {pair!r}", expected="name=value")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = text
    return name, value if isinstance(value, str | int | float | bool) else text


def when(given: str | float | None, now: float, name: str) -> float | None:
    """Epoch seconds from RFC 3339, from epoch seconds, or from how long ago ("24h").

    Raises:
        InvalidOption, InvalidDuration.
    """
    if given is None or given == "":
        return None
    try:
        number = float(given)
    except ValueError:
        return _read(str(given), now, name)
    if not isfinite(number) or abs(number) > 1e12:
        raise InvalidOption(f"{name}={given!r}", expected="a moment: RFC 3339, epoch seconds, or how long ago (24h)")
    return number


def _read(text: str, now: float, name: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        return instant(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return now - seconds(text, name)


def cursor_of(after: str | None) -> bytes | None:
    """The key below which a page begins. Raises NotFound for what no page ended with."""
    if after is None:
        return None
    try:
        return bytes.fromhex(after)
    except ValueError:
        raise NotFound(f"no page begins after {after[:80]!r}", expected="the `after` of a page") from None


def asked(query: Query) -> dict[str, Sequence[str] | str | float | Mapping[str, Any]]:
    """What a query says, without what it leaves open: for audit rows and links."""
    return {name: value for name in (*LISTS, *WORDS) if (value := getattr(query, name)) not in (None, "", [], {})}
