"""From where a failed run goes on: which entries a retry makes void."""

from stepwell.core.history import voided
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Finished,
    Received,
    Rewound,
    Stepped,
)


def rewind(entries: list[AnyEntry], now: float) -> Rewound | None:
    """The entry that sends an ended run back to before its failure; None when it has not ended.

    Void become: the end itself; the failure of the call that it ended with; what happened in consequence, that is
    every entry of a call made after that failure was delivered (handlers, rollbacks); waits and children that
    the end let go. If rollbacks ran, the calls they undid run again too, and so does everything made after the
    first of them. What succeeded before, or beside it, stays (P2).
    """
    void = voided(entries)
    live = [n for n in range(len(entries)) if n not in void]
    end = next((n for n in reversed(live) if isinstance(entries[n], Finished)), None)
    if end is None:
        return None
    finished = entries[end]
    assert isinstance(finished, Finished)
    failed = next((n for n in reversed(live) if _failed(entries[n], finished.cause)), end)
    undone = set(finished.undone)
    first_undone = next((n for n in live if _is_step(entries[n], undone)), end)
    cut = min(failed, first_undone)
    settled = {e.call for n, e in enumerate(entries) if n in live and isinstance(e, Received | ChildEnded)}
    gone = [n for n in live if n in (failed, end) or _consequence(entries[n], n, cut) or _let_go(entries[n], settled)]
    redo = 1 + sum(isinstance(e, Rewound) for e in entries)
    return Rewound(at=now, void=gone, redo=redo)


def _failed(entry: AnyEntry, cause: str | None) -> bool:
    return (
        cause is not None
        and isinstance(entry, Stepped | ChildEnded)
        and entry.call == cause
        and not (isinstance(entry, Stepped) and entry.error is None)
    )


def _is_step(entry: AnyEntry, calls: set[str]) -> bool:
    return isinstance(entry, Stepped) and entry.call in calls


def _consequence(entry: AnyEntry, number: int, cut: int) -> bool:
    if number < cut:
        return False
    if isinstance(entry, Stepped) and entry.error is None and number != cut:
        return entry.opened > cut
    opened = getattr(entry, "opened", None)
    return number == cut or isinstance(entry, CancelSeen) or opened is None or opened > cut


def _let_go(entry: AnyEntry, settled: set[str]) -> bool:
    if isinstance(entry, ChildStarted):
        return not entry.detached and entry.call not in settled
    return isinstance(entry, Armed) and entry.call not in settled
