"""How many runs of a filter were created when: a picture of the list, made within a bounded time."""

import math
from collections import OrderedDict
from typing import Final

import msgspec

from stepwell.client.shapes import Moment, moment
from stepwell.errors import InvalidOption
from stepwell.model.run import RunFilter
from stepwell.model.status import TERMINAL
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store

DAY: Final = 86_400.0
BUDGET: Final = 0.12
"""Seconds that one answer takes; what is not counted by then is counted for the next."""
MOMENT: Final = 0.001
"""The end of a range is not in it: what is created now is, so."""
KEPT: Final = 20_000
LASTS: Final = 600.0
MOVES: Final = 5.0
SHARE: Final = 20.0
"""A count is good for at least so many times as long as it took."""
STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)


class Bar(msgspec.Struct, frozen=True):
    """One bucket; what is not counted yet is None."""

    at: Moment
    total: int | None
    failed: int | None


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """`complete`: false while some bars are still missing; ask again."""

    since: Moment
    until: Moment
    step: float
    buckets: list[Bar]
    complete: bool


class Histograms:
    """Counts per filter and bucket, kept while they can be trusted."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, int, int]] = OrderedDict()

    async def view(self, which: RunFilter, buckets: int) -> Histogram:
        """The histogram of a filter; without a beginning, of the last day. Raises InvalidOption for an empty range."""
        now = self._clock.now()
        until = min(which.until or math.inf, now + MOMENT)
        since = until - DAY if which.since is None else which.since
        if not since < until:
            raise InvalidOption("the range of the histogram is empty", expected="`since` before `until`")
        step = step_of(until - MOMENT - since, buckets)
        first, last = math.floor(since / step), math.ceil(until / step)
        began, bars, complete = self._clock.monotonic(), list[Bar](), True
        for number in range(last - 1, first - 1, -1):
            at = number * step
            bounds = msgspec.structs.replace(which, since=max(at, since), until=min(at + step, until))
            late = self._clock.monotonic() - began > BUDGET
            # Named by its place, not by its bounds, which move with the present at both ends of the range.
            name = msgspec.json.encode((msgspec.structs.replace(which, since=None, until=None), step, at))
            counted = await self._count(name, bounds, now, late)
            complete = complete and counted is not None
            bars.append(Bar(moment(at), *(counted or (None, None))))
        return Histogram(since=moment(since), until=moment(until), step=step, buckets=bars[::-1], complete=complete)

    async def _count(self, name: bytes, which: RunFilter, now: float, late: bool) -> tuple[int, int] | None:
        known = self._kept.get(name)
        if known is not None and now < known[0]:
            return known[1:]
        if late:
            return None if known is None else known[1:]
        began = self._clock.monotonic()
        counts = await self._store.count(which)
        moves = max(MOVES, (self._clock.monotonic() - began) * SHARE)
        total, failed = sum(counts.values()), counts.get("failed", 0)
        settled = all(status in TERMINAL for status in counts) and which.until is not None and which.until + 60 < now
        self._kept[name] = (now + (LASTS if settled else moves), total, failed)
        self._kept.move_to_end(name)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return total, failed


def step_of(length: float, buckets: int) -> float:
    """The shortest round step that fills a length with at most so many buckets."""
    least = length / buckets
    for step in STEPS:
        if step >= least:
            return float(step)
    return math.ceil(least / DAY) * DAY
