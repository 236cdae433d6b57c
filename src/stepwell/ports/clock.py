"""What the engine needs of a clock, so that a virtual one can take its place."""

from typing import Protocol


class Clock(Protocol):
    """The present, twice: for people and for measuring."""

    def now(self) -> float:
        """Seconds since the epoch (1970-01-01 UTC), as the wall clock has it: may be set while it runs."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, never decreasing: for how long something took."""
        ...
