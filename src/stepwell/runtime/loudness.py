"""How loudly a failure is told that comes again and again, such as that of a database that is away for hours."""

import logging
from typing import Final

EARLY: Final = (1, 10)
EVERY: Final = 60


def level_of(times: int) -> int:
    """The level at which to log the same failure for the `times`-th time in a row: nobody's log is to be flooded."""
    return logging.WARNING if times in EARLY or times % EVERY == 0 else logging.DEBUG
