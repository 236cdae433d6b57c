"""How times and lengths of time are written for people, and for programs."""

from datetime import UTC, datetime
from typing import Final

from stepwell.adapters.clock import SystemClock

CLOCK: Final = SystemClock()
_UNITS: Final = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))


def span(seconds: float) -> str:
    """A length of time in at most two units: "12 ms", "3.4 s", "5 min 20 s", "2 d 4 h"."""
    if seconds < 0.9995:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    for length, unit, part, smaller in _UNITS:
        if seconds >= length:
            whole, rest = divmod(round(seconds / part) * part, length)
            more = f" {int(rest // part)} {smaller}" if rest >= part else ""
            return f"{int(whole)} {unit}{more}"
    return "1 min"


def ago(at: float | None, now: float) -> str:
    """How long ago, or in how long."""
    if at is None:
        return ""
    if abs(now - at) < 1:
        return "now"
    length = span(float(round(abs(now - at)))).replace(".0 s", " s")
    return f"{length} ago" if at <= now else f"in {length}"


def local(at: float | None) -> str:
    """A moment in local time, to the second."""
    return "" if at is None else f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}"


def iso(at: float | None) -> str | None:
    """A moment for programs: ISO 8601, UTC, milliseconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
