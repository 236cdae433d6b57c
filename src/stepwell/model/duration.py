"""Durations and moments as users write them, turned into seconds.

A duration is text ("30s", "1h 30m", "10 minutes"), a `timedelta`, or a number, which is always SECONDS.
"""

import math
import re
import sys
import warnings
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from stepwell.errors import DurationWarning, InvalidDuration, NaiveDatetime

Duration = str | int | float | timedelta

_DAY: Final = 86_400
LONGEST: Final = 36_525 * _DAY
"""The longest duration, in seconds: a hundred years. What is meant to have no end is left out instead."""

UNITS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "w": (7 * _DAY * 1000, ("week", "weeks")),
    "d": (_DAY * 1000, ("day", "days")),
    "h": (3_600_000, ("hr", "hrs", "hour", "hours")),
    "m": (60_000, ("min", "mins", "minute", "minutes")),
    "s": (1_000, ("sec", "secs", "second", "seconds")),
    "ms": (1, ("msec", "msecs", "millisecond", "milliseconds")),
}
"""Each unit by its short name: its length in milliseconds and its other names. Case does not matter."""

_FACTORS: Final = {name: factor for short, (factor, names) in UNITS.items() for name in (short, *names)}
_TERM: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]+)(?:\s*,\s*|\s*)", re.ASCII)
_EXPECTED: Final = "seconds as a number, a timedelta, or text such as '30s', '1h 30m', '2 weeks'"


def seconds(value: Duration, what: str = "duration") -> float:
    """Return `value` in seconds; `what` names it in messages ("timeout").

    A bare number above one day is accepted with a `DurationWarning`, because such numbers usually were meant
    as milliseconds.

    Raises: InvalidDuration for text that cannot be read, an unknown unit, a value of another type, and what
    is empty, negative, not finite or beyond a hundred years.
    """
    if isinstance(value, str):
        return _parse(value, what)
    if isinstance(value, timedelta):
        return _bounded(value.total_seconds(), value, what)
    if type(value) is bool or not isinstance(value, (int, float)):
        raise InvalidDuration(f"{what} {value!r} is of type {type(value).__name__}", expected=_EXPECTED)
    result = _bounded(value, value, what)
    if (doubt := doubtful(value, what)) is not None:
        _warn(doubt)
    return result


def doubtful(value: float, what: str) -> str | None:
    """What to warn of in a bare number of seconds, which may have been meant as milliseconds; None if nothing."""
    if not _DAY < value <= LONGEST:
        return None
    return (
        f"{what} {value!r} means {describe(value)}, since numbers are seconds; did you mean "
        f"'{value / 1000:g}s'? If not, write '{describe(value)}'."
    )


def instant(value: datetime) -> float:
    """Return the moment as seconds since the epoch (1970-01-01 UTC).

    Raises: NaiveDatetime if it has no time zone, since it could mean any of a day's worth of moments.
    """
    if value.tzinfo is None or value.utcoffset() is None:
        raise NaiveDatetime(
            f"datetime {value.isoformat()} has no time zone",
            expected="an aware datetime",
            hint="Write datetime(..., tzinfo=UTC) or datetime.now(UTC).",
        )
    return value.timestamp()


def describe(duration: float) -> str:
    """Return `duration` (seconds) in the short form that `seconds` reads: "1h 30m", "250ms", "0s".

    Rounded to milliseconds.
    """
    rest = round(abs(duration) * 1000)
    terms: list[str] = []
    for unit, (factor, _) in UNITS.items():
        count, rest = divmod(rest, factor)
        if count:
            terms.append(f"{count}{unit}")
    sign = "-" if duration < 0 and terms else ""
    return sign + (" ".join(terms) or "0s")


@lru_cache(maxsize=1024)
def _parse(text: str, what: str) -> float:
    stripped = text.strip()
    if not stripped:
        raise InvalidDuration(f"{what} is empty", expected=_EXPECTED)
    position, total = 0, 0.0
    while position < len(stripped):
        term = _TERM.match(stripped, position)
        if term is None:
            raise InvalidDuration(f"{what} {text!r} cannot be read from {stripped[position:]!r} on", expected=_EXPECTED)
        factor = _FACTORS.get(term[2].lower())
        if factor is None:
            raise InvalidDuration(
                f"{what} {text!r} has the unknown unit {term[2]!r}", expected=f"one of {', '.join(UNITS)}"
            )
        total += float(term[1]) * factor
        position = term.end()
    return _bounded(total / 1000, text, what)


def _bounded(number: float, value: Duration, what: str) -> float:
    # Compared before it is converted: an int may be too large for a float, and NaN fails every comparison.
    if 0 <= number <= LONGEST:
        return float(number)
    if type(number) is float and not math.isfinite(number):
        raise InvalidDuration(f"{what} {value!r} is not finite", expected=_EXPECTED)
    if number < 0:
        raise InvalidDuration(f"{what} {value!r} is negative", expected="zero or more")
    raise InvalidDuration(
        f"{what} is longer than a hundred years",
        expected=_EXPECTED,
        hint=f"Leave {what} out if it has no end.",
    )


def _warn(message: str) -> None:
    # Point at the line that wrote the number, which is the first one outside the package.
    level, frame = 2, sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("stepwell."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DurationWarning, stacklevel=level + 1)
