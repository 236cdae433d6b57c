"""Process-wide settings that a worker depends on, set once, and only where they are still the defaults."""

import gc
import sys

DEFAULT_THRESHOLD = 700
THRESHOLDS = (50_000, 20, 100)
DEFAULT_SWITCH_S = 0.005
SWITCH_S = 0.001


def tune_process() -> None:
    """Make the collector rarer and thread switches sooner.

    A worker holds thousands of small live objects per run in flight; with CPython's defaults (before 3.14) a young
    collection starts every 700 allocations. And whenever the database's thread wants the interpreter back, it waits
    for a whole switch interval while the loop computes: 5 ms by default, several times per commit.
    """
    if gc.get_threshold()[0] == DEFAULT_THRESHOLD:
        gc.collect()
        gc.freeze()  # what importing made is here to stay: full collections need not look at it
        gc.set_threshold(*THRESHOLDS)
    if sys.getswitchinterval() == DEFAULT_SWITCH_S:
        sys.setswitchinterval(SWITCH_S)
