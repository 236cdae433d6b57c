"""What a store keeps and tells beside runs: small records of the edges, and figures over many runs."""

import math
from typing import Final

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A small document of one kind ("key", "audit", "version", "log", …), JSON in `data`, made at `at`.

    (kind, owner, id) is unique. `owner` is the key of the run that it belongs to and goes with, or empty.
    """

    kind: str
    id: str
    at: float
    data: bytes
    owner: bytes = b""


class Tally(msgspec.Struct, frozen=True):
    """How many runs did the same in one bucket of time, beginning at `at` (epoch seconds).

    `what` is "created", or the status in which they ended. `band` is the band (see `band_of`) of the time that they
    waited for their first claim ("created"; -1 for those not claimed yet), or that they took from creation to end.
    """

    at: float
    workflow: str
    what: str
    band: int
    count: int


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """A queue at one moment. `ready` may start now, `delayed` later; `oldest` is when the oldest ready one was made."""

    queue: str
    ready: int = 0
    delayed: int = 0
    running: int = 0
    waiting: int = 0
    oldest: float | None = None


SHORTEST: Final = 1e-4
BANDS: Final = 8
"""Bands per doubling: a percentile read from bands is at most 9 % too high."""


def band_of(length: float) -> int:
    """The band of a duration in seconds: 0 up to `SHORTEST`, then `BANDS` for each doubling."""
    return max(0, math.floor(math.log2(max(length, SHORTEST) / SHORTEST) * BANDS + 1e-9))


def seconds_of(band: int) -> float:
    """The upper end of a band, in seconds."""
    return float(SHORTEST * 2.0 ** ((band + 1) / BANDS))
