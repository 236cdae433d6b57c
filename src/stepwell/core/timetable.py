"""`Cron`: at which moments a cron expression comes due in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from stepwell.errors import InvalidCron

_FIELDS: Final = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EXPECTED: Final = "five fields (minute hour day-of-month month day-of-week), six with seconds first, or @daily"
_ALL_HOURS: Final = set(range(24))
_DAY: Final = 86_400
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in a time zone, as Debian's cron reads it (the library is cronsim).

    Daylight saving: an expression for certain hours follows the calendar. A time that a spring gap leaves out
    comes once, at the first valid minute after the gap; a time that an autumn overlap has twice comes once,
    the first time. An expression for every hour (`*/15 * * * *`) follows the clock: it skips what does not
    exist and comes in both passes of an overlap, so that its rhythm is kept.

    Raises: InvalidCron, naming the field and the place.
    """

    expression: str
    zone: str = "UTC"
    _fields: str = field(init=False, repr=False, compare=False)
    _info: ZoneInfo = field(init=False, repr=False, compare=False)
    _every_hour: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = _MACROS.get(self.expression.strip().lower(), self.expression)
        every_hour = _read(fields, self.expression).hours == _ALL_HOURS
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_info", _zone(self.zone))
        object.__setattr__(self, "_every_hour", every_hour)
        next(self._times(datetime(2000, 1, 1)))  # noqa: DTZ001 - a calendar time, in no zone

    def next(self, after: float) -> float:
        """Return the first moment later than `after`, both in seconds since the epoch.

        Pure: the present is the argument. Nominal times are whole seconds and never repeat, so that
        (schedule, moment) can be a unique key (P9).

        Raises: InvalidCron if there is none within fifty years.
        """
        return self._next_by_clock(after) if self._every_hour else self._next_by_calendar(after)

    def _next_by_calendar(self, after: float) -> float:
        for time in self._times(self._local(after)):
            moment = self._moment(time)
            if moment > after:
                return moment
        raise AssertionError("_times ends by raising")

    def _next_by_clock(self, after: float) -> float:
        start = after
        while True:
            # As long as the offset from UTC stays, local time runs like the clock.
            offset = self._offset(start)
            time = next(self._times(_naive(start, offset)))
            moment = time.replace(tzinfo=UTC).timestamp() - offset
            changed = self._first_change(start, moment)
            if changed is None:
                return moment
            # The moment of the change itself is a candidate, by the new offset.
            time = next(self._times(_naive(changed, self._offset(changed)) - _SECOND))
            if time == _naive(changed, self._offset(changed)):
                return changed
            start = changed

    def _times(self, after: datetime) -> Iterator[datetime]:
        """The calendar's times later than `after`, without regard to any zone."""
        yield from CronSim(self._fields, after)
        raise InvalidCron(
            f"cron expression {self.expression!r} never comes due", hint="Check day-of-month against month."
        )

    def _moment(self, time: datetime) -> float:
        """When a local time is: the first of two, or the end of the gap that leaves it out."""
        moment = time.replace(tzinfo=self._info, fold=0).timestamp()
        if self._local(moment) == time:
            return moment
        before = time.replace(tzinfo=self._info, fold=1).timestamp()
        changed = self._first_change(before, moment)
        return moment if changed is None else changed

    def _first_change(self, start: float, end: float) -> float | None:
        """The first moment in (start, end], in whole seconds, whose offset is not the one at `start`."""
        offset, low = self._offset(start), int(start)
        while low < end:
            high = min(low + _DAY, int(end))
            if self._offset(high) != offset:
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
                return float(high)
            if high == low:
                break
            low = high
        return None

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self._info).replace(tzinfo=None, fold=0)

    def _offset(self, moment: float) -> float:
        offset = datetime.fromtimestamp(moment, self._info).utcoffset()
        return 0.0 if offset is None else offset.total_seconds()


def _naive(moment: float, offset: float) -> datetime:
    return datetime.fromtimestamp(moment + offset, UTC).replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise InvalidCron(
            f"time zone {name!r} is unknown",
            expected="a name of the IANA database such as 'Europe/Berlin'",
            hint="On systems without that database, install the package tzdata.",
        ) from None


def _read(fields: str, expression: str) -> CronSim:
    epoch = datetime(2000, 1, 1)  # noqa: DTZ001
    try:
        return CronSim(fields, epoch)
    except CronSimError as error:
        raise InvalidCron(_complaint(fields, expression, str(error)), expected=_EXPECTED) from None


def _complaint(fields: str, expression: str, error: str) -> str:
    parts = list(re.finditer(r"\S+", fields))
    name = error.removeprefix("Bad ")
    if len(parts) not in (5, 6) or name not in _FIELDS:
        return f"cron expression {expression!r} has {len(parts)} fields"
    number = _FIELDS.index(name)
    part = parts[number - (6 - len(parts))]
    bad = next((term for term in part[0].split(",") if term and not _is_valid(term, number)), part[0])
    column = part.start() + part[0].find(bad) + 1
    return f"cron expression {expression!r} has a wrong {name} {bad!r} at character {column}"


def _is_valid(term: str, number: int) -> bool:
    alone = ["*"] * len(_FIELDS)
    alone[number] = term
    try:
        CronSim(" ".join(alone), datetime(2000, 1, 1))  # noqa: DTZ001
    except CronSimError:
        return False
    return True
