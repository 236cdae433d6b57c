"""Who goes first: the order of a queue."""

AGEING = 10.0
"""Seconds of waiting that are worth one point of priority."""
RESUMED = 5.0
"""Head start, in seconds, of a run that goes on over a new one of equal priority and readiness."""


def rank_of(ready_at: float, priority: int, resumed: bool = False) -> float:
    """The sort key of a queued run, lowest first: when it became ready, shifted by its priority.

    Since waiting time and priority are on one scale, nothing starves: a run of priority p overtakes one of
    priority q < p that became ready more than (p - q) x `AGEING` seconds after it.
    """
    return ready_at + priority * AGEING - (RESUMED if resumed else 0.0)
