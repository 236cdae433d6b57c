"""The states of a run and of its calls, by the names used everywhere."""

from enum import StrEnum

from stepwell.errors import InvalidOption


class RunStatus(StrEnum):
    """Where a run stands; `stepwell.core.transitions` decides every move between them."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    @property
    def terminal(self) -> bool:
        """True when the run has ended; only an operator's restart or retry opens it again."""
        return self in TERMINAL


TERMINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TERMINATED})

# Stored as small integers: the run's row is the hot row. Numbers are for ever.
CODE = {
    RunStatus.QUEUED: 0,
    RunStatus.RUNNING: 1,
    RunStatus.WAITING: 2,
    RunStatus.PAUSED: 3,
    RunStatus.PARKED: 4,
    RunStatus.SUCCEEDED: 10,
    RunStatus.FAILED: 11,
    RunStatus.CANCELLED: 12,
    RunStatus.TERMINATED: 13,
}
STATUS = {code: status for status, code in CODE.items()}

# Words of other systems, accepted as filters.
ALIASES = {
    "pending": RunStatus.QUEUED,
    "created": RunStatus.QUEUED,
    "scheduled": RunStatus.QUEUED,
    "processing": RunStatus.RUNNING,
    "active": RunStatus.RUNNING,
    "sleeping": RunStatus.WAITING,
    "suspended": RunStatus.WAITING,
    "complete": RunStatus.SUCCEEDED,
    "completed": RunStatus.SUCCEEDED,
    "success": RunStatus.SUCCEEDED,
    "errored": RunStatus.FAILED,
    "error": RunStatus.FAILED,
    "canceled": RunStatus.CANCELLED,
}


def status_of(word: str) -> RunStatus:
    """The status meant by a word, ours or another system's.

    Raises:
        InvalidOption: the word names no status; the message lists those that do.
    """
    alias = ALIASES.get(word.lower())
    if alias is not None:
        return alias
    try:
        return RunStatus(word.lower())
    except ValueError:
        raise InvalidOption(f"no run status is called {word!r}; use one of {', '.join(RunStatus)}") from None
