"""What runs did per bucket of time, kept: finished buckets are read once, only the newest are read again.

A long window of a large database is filled in slices in the background, the newest first.
"""

import asyncio
import logging
import math
from collections import defaultdict
from typing import Final

import msgspec

from stepwell.errors import WorldError
from stepwell.model.record import Tally, seconds_of
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store

log = logging.getLogger("stepwell.client")
SETTLES: Final = 10
"""So many buckets back, what has not been claimed yet is taken as it is."""
QUICK: Final = 0.03
PATIENCE: Final = 0.1
"""How long a view waits for a window to be filled."""
AGAIN: Final = 1.0
MOST: Final = 1000


class Bucket(msgspec.Struct):
    """One bucket: how many were created, how many ended how, how long they waited and took (bands → counts).

    `by`: how many ended how of each workflow.
    """

    at: float
    created: int = 0
    unclaimed: int = 0
    ended: dict[str, int] = {}
    starts: dict[int, int] = {}
    runs: dict[int, int] = {}
    by: dict[str, dict[str, int]] = {}

    def add(self, tally: Tally) -> None:
        """Count a tally in."""
        if tally.what != "created":
            self.ended[tally.what] = self.ended.get(tally.what, 0) + tally.count
            self.runs[tally.band] = self.runs.get(tally.band, 0) + tally.count
            own = self.by.setdefault(tally.workflow, {})
            own[tally.what] = own.get(tally.what, 0) + tally.count
            return
        self.created += tally.count
        if tally.band < 0:
            self.unclaimed += tally.count
        else:
            self.starts[tally.band] = self.starts.get(tally.band, 0) + tally.count


class Buckets:
    """The buckets of one step (seconds)."""

    def __init__(self, store: Store, clock: Clock, step: float) -> None:
        self._store = store
        self._clock = clock
        self._step = step
        self._kept: dict[float, Bucket] = {}
        self._final: set[float] = set()
        self._filling: asyncio.Task[None] | None = None
        self._next_read = float("-inf")

    async def window(self, since: float, until: float) -> tuple[list[Bucket], bool]:
        """The buckets that begin from `since` (a multiple of the step) up to `until`, and whether all are there."""
        wanted = self._ats(since, until)
        missing = [at for at in wanted if at not in self._final]
        if missing and self._filling is None and (self._clock.monotonic() >= self._next_read or self._lacks(wanted)):
            self._filling = asyncio.get_running_loop().create_task(self._fill(missing))
        if self._filling is not None:
            await asyncio.wait([self._filling], timeout=PATIENCE)
        return [self._kept.get(at) or Bucket(at) for at in wanted], not self._lacks(wanted)

    def _lacks(self, wanted: list[float]) -> bool:
        return any(at not in self._kept for at in wanted)

    def _ats(self, since: float, until: float) -> list[float]:
        first = math.floor(since / self._step)
        return [n * self._step for n in range(first, math.ceil(until / self._step))][-MOST:]

    async def _fill(self, missing: list[float]) -> None:
        """Read what is missing, the newest first, in slices that take a moment each."""
        began, size, end = self._clock.monotonic(), 1, len(missing)
        try:
            while end:
                first = max(0, end - size)
                since = self._clock.monotonic()
                await self._read(missing[first], missing[end - 1] + self._step)
                spent = self._clock.monotonic() - since
                size = min(size * 2, 256) if spent < QUICK else max(1, size // 2)
                end = first
        except WorldError as error:
            log.warning("reading what runs did failed: %s", error)
        except Exception:
            log.exception("reading what runs did failed")
        finally:
            now = self._clock.monotonic()
            self._next_read = now + max(AGAIN, (now - began) * 4)
            self._filling = None
            if len(self._kept) > 4 * MOST:
                for at in sorted(self._kept)[: 2 * MOST]:
                    del self._kept[at]
                    self._final.discard(at)

    async def _read(self, since: float, until: float) -> None:
        now = self._clock.now()
        found: dict[float, Bucket] = {at: Bucket(at) for at in self._ats(since, until)}
        for tally in await self._store.tally(since, until, self._step):
            bucket = found.get(tally.at)
            if bucket is not None:
                bucket.add(tally)
        for at, bucket in found.items():
            self._kept[at] = bucket
            age = now - (at + self._step)
            if age > self._step * SETTLES or (age > 2.0 and not bucket.unclaimed):
                self._final.add(at)

    def close(self) -> None:
        """Stop reading."""
        if self._filling is not None:
            self._filling.cancel()


def percentiles(bands: dict[int, int], *shares: float) -> list[float | None]:
    """The lengths (seconds) that these shares of the counted ones are within; None where nothing was counted."""
    total = sum(bands.values())
    if not total:
        return [None for _ in shares]
    found: list[float | None] = []
    for share in shares:
        left = share * total
        at = max(bands)
        for band in sorted(bands):
            left -= bands[band]
            if left <= 1e-9:
                at = band
                break
        found.append(round(seconds_of(at), 6))
    return found


def by_workflow(buckets: list[Bucket]) -> dict[str, dict[str, int]]:
    """How many ended how in all of them, by workflow."""
    found: dict[str, dict[str, int]] = {}
    for bucket in buckets:
        for workflow, ended in bucket.by.items():
            own = found.setdefault(workflow, {})
            for status, count in ended.items():
                own[status] = own.get(status, 0) + count
    return found


def merged(buckets: list[Bucket]) -> dict[str, int]:
    """How many ended how in all of them."""
    ended: dict[str, int] = defaultdict(int)
    for bucket in buckets:
        for status, count in bucket.ended.items():
            ended[status] += count
    return dict(ended)
