"""Pages of what a run has logged, read from the records that are kept with it."""

from typing import Final

import msgspec

from stepwell.client.shapes import Moment, moment
from stepwell.errors import InvalidOption
from stepwell.model.logline import KIND, decode_batch
from stepwell.ports.store import Store

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
RECORDS: Final = 200


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was logged in a run; `call` is None for the body's own."""

    id: str
    at: Moment
    level: str
    call: str | None
    attempt: int | None
    text: str


class LogPage(msgspec.Struct, frozen=True):
    """Lines in order (the newest first, if asked for so); `after` is where the next page begins."""

    lines: list[LogLine]
    after: str | None


async def read_log(store: Store, key: bytes, *, limit: int, after: str | None = None, newest: bool = True,
                   level: str | None = None) -> LogPage:  # fmt: skip
    """Lines of a run's log beyond the line `after`. Raises InvalidOption for an unknown level or line."""
    if level is not None and level.lower() not in LEVELS:
        raise InvalidOption(f"level={level[:40]!r}", expected=f"one of {', '.join(LEVELS)}")
    wanted = set(LEVELS[LEVELS.index(level.lower()) :]) if level is not None else set(LEVELS)
    place, number = _place(after)
    lines: list[LogLine] = []
    cursor = _beside(place, newest)
    while len(lines) <= limit:
        records = await store.records(KIND, owner=key, after=cursor, limit=RECORDS, newest=newest)
        for record in records:
            batch = list(enumerate(decode_batch(record.data).lines))
            for n, line in reversed(batch) if newest else batch:
                if record.id == place and (n >= number if newest else n <= number):
                    continue
                if line.level.lower() in wanted or line.level.lower() not in LEVELS:
                    lines.append(LogLine(id=f"{record.id}.{n}", at=moment(line.at), level=line.level, text=line.text,
                                         call=line.call or None, attempt=line.attempt))  # fmt: skip
        if len(records) < RECORDS:
            break
        cursor = records[-1].id
    more = len(lines) > limit
    return LogPage(lines[:limit], lines[limit - 1].id if more else None)


def _place(after: str | None) -> tuple[str | None, int]:
    if after is None:
        return None, 0
    record, dot, number = after.rpartition(".")
    if not dot or not record or not number.isdecimal():
        raise InvalidOption(f"after={after[:80]!r}", expected="the id of a line")
    return record, int(number)


def _beside(place: str | None, newest: bool) -> str | None:
    """A cursor that lets the record of this id be read again: it may have more lines."""
    if place is None:
        return None
    return place + "\x01" if newest else place[:-1] + chr(max(ord(place[-1]) - 1, 1)) + "\U0010ffff"
