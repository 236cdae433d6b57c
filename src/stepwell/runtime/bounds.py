"""How long one run's journal may become: a word of warning first, then a person has to look."""

from stepwell.errors import LimitExceeded

WARN_ENTRIES = 10_000
MOST_ENTRIES = 50_000
MOST_BYTES = 50 * 1024 * 1024
ADVICE = "Let the workflow `continue_as_new(...)` every few thousand entries; this run can be restarted or terminated."


class Bounds:
    """Counts one run's entries, without those that closed folds and rewinds made void, and all bytes kept for it."""

    __slots__ = ("_warned", "entries", "size")

    def __init__(self, entries: int, size: int) -> None:
        self.entries = entries
        self.size = size
        self._warned = entries >= WARN_ENTRIES

    @property
    def warning(self) -> str | None:
        """A word of warning, once, when the first bound has been reached."""
        if self._warned or self.entries < WARN_ENTRIES:
            return None
        self._warned = True
        return f"the run's journal has {self.entries:,} entries; at {MOST_ENTRIES:,} it is parked. {ADVICE}"

    @property
    def exceeded(self) -> LimitExceeded | None:
        """Why the run may not go on, if it may not."""
        if self.entries >= MOST_ENTRIES:
            what, most = f"the run's journal has {self.entries:,} entries", f"fewer than {MOST_ENTRIES:,}"
        elif self.size >= MOST_BYTES:
            what, most = f"the run's journal has {self.size:,} bytes", f"fewer than {MOST_BYTES:,}"
        else:
            return None
        return LimitExceeded(what, expected=most, hint=ADVICE)
