"""How times, lengths of time and numbers of things are written."""

from datetime import UTC, datetime
from typing import Any, Final

from stepwell.adapters.clock import SystemClock

CLOCK: Final = SystemClock()
_UNITS: Final = ((1, 60, 3_600, "min", "s"), (60, 60, 1_440, "h", "min"), (3_600, 24, 0, "d", "h"))
"""Seconds of the smaller unit, how many of it make the larger one, and with how many the next row begins."""

_ROUGH: Final = ((1, "s", 60), (60, "min", 60), (3_600, "h", 24), (86_400, "d", None))
"""Seconds of each unit, and with how many of it the next one begins."""


def now_by(client: Any) -> float:
    """The present by the clock that leases go by: a shared database's own, where the machines' may differ."""
    from stepwell.client.app import App

    return float((client._engine().clock if isinstance(client, App) else CLOCK).now())


def span(seconds: float) -> str:
    """A length of time in at most two units: "12 ms", "3.4 s", "5 min 20 s", "2 d 4 h"."""
    if seconds < 0.9995:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    for part, many, end, unit, smaller in _UNITS:
        count = round(seconds / part)
        if count < end or not end:
            whole, rest = divmod(count, many)
            return f"{whole} {unit}" + (f" {rest} {smaller}" if rest else "")
    raise AssertionError


def ago(at: float | None, now: float) -> str:
    """How long ago, or in how long, in one unit, rounded as `span` does: "3 min ago", "in 2 h"."""
    if at is None:
        return ""
    distance = abs(now - at)
    if distance < 1:
        return "now"
    for length, unit, end in _ROUGH:
        count = round(distance / length)
        if end is None or count < end:
            return f"{count} {unit} ago" if at <= now else f"in {count} {unit}"
    raise AssertionError


def local(at: float | None) -> str:
    """A moment in local time, to the second."""
    return "" if at is None else f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"


def iso(at: float | None) -> str | None:
    """A moment for programs: ISO 8601, UTC, milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 run", "2 runs"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
