"""What people type for values: JSON, tags, moments."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from stepwell.errors import InvalidDuration
from stepwell.model.duration import instant, seconds


def json_argument(text: str | None) -> Any:
    """JSON from an argument, from a file (`@file`) or from standard input (`-`); None when there is none."""
    if text is None:
        return None
    source, text = _read(text)
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise click.BadParameter(f"{source} is nested too deeply") from None
    except msgspec.MsgspecError as error:
        hint = " A string needs its quotes: '\"text\"'." if text.strip().isidentifier() else ""
        raise click.BadParameter(f"{source} is not JSON: {error}.{hint}") from None


def _read(text: str) -> tuple[str, str]:
    """What is meant, and where it comes from."""
    if text == "-":
        return "standard input", sys.stdin.read()
    if not text.startswith("@"):
        return "the JSON argument", text
    try:
        return text[1:], Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{text[1:]!r} cannot be read: {error}") from None


def tags(pairs: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    """Tags from `name=value`; a value that reads as a JSON number, true or false is that, else text."""
    found: dict[str, str | int | float | bool] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is no tag; write name=value")
        try:
            value = msgspec.json.decode(text)
        except msgspec.MsgspecError:
            value = text
        found[name] = value if isinstance(value, str | int | float | bool) else text
    return found


def moment(text: str | None, now: float) -> float | None:
    """Epoch seconds of "2h" (ago), or of an ISO 8601 moment; without a zone, it is local time."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now - _length(text)
    return instant(at if at.tzinfo is not None else at.astimezone(UTC))


def _length(text: str) -> float:
    try:
        return seconds(text)
    except InvalidDuration:
        raise InvalidDuration(
            f"{text!r} is no moment",
            expected="how long ago (2h, '3 days'), or a date: 2026-01-31, 2026-01-31T10:00, 2026-01-31T10:00Z",
        ) from None
