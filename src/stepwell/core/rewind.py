"""From where a failed run goes on: which entries a retry makes void."""

from stepwell.core.history import voided
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    Attempted,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Finished,
    Fired,
    Folded,
    Intended,
    Nested,
    Received,
    Recoded,
    Rewound,
    Stepped,
)

ROLLBACK = "rollback: "
"""How the reason begins of a run that was parked since an undo failed."""


def rewind(entries: list[AnyEntry], now: float) -> Rewound | None:
    """The entry that sends an ended run back to before its failure; None when it has not ended.

    Void become: the end itself; the failure of the call that it ended with, or the cancellation; what happened in
    consequence, that is every entry of a call made after that was delivered (handlers, rollbacks), and every other
    failure since; waits and children that the end let go. If rollbacks ran, the calls they undid run again too,
    and so does everything made after the first of them. A call that runs again has all its attempts before it.
    What succeeded before, or beside it, stays (P2).
    """
    void = voided(entries)
    live = [n for n in range(len(entries)) if n not in void]
    end = next((n for n in reversed(live) if isinstance(entries[n], Finished)), None)
    if end is None:
        return None
    finished = entries[end]
    assert isinstance(finished, Finished)
    roots = {n for n in live if _is_root(entries[n], finished)}
    cut = min(roots, default=end)
    gone = roots | {end}
    for n in sorted(set(live) | _inside(entries, live, cut)):
        entry = entries[n]
        if n > cut and (_is_broken(entry, gone) if isinstance(entry, Folded) else _is_consequence(entry, cut)):
            gone.add(n)
    left = voided([*entries, Rewound(void=sorted(gone))])
    kept = [n for n in range(len(entries)) if n not in left]
    settled = {e.call for n in kept if isinstance(e := entries[n], Stepped | Received | ChildEnded)}
    again = {e.call: e for n in sorted(gone) if isinstance(e := entries[n], Stepped)}
    gone |= {n for n in kept if _let_go(entries[n], settled) or _begins_anew(entries[n], again, settled)}
    redo = 1 + sum(isinstance(e, Rewound) for e in entries)
    return Rewound(at=now, void=sorted(gone), redo=redo)


def _inside(entries: list[AnyEntry], live: list[int], cut: int) -> set[int]:
    """What is void for now, since a folded part that ended after the cut stands for it."""
    return {n for m in live if m > cut and isinstance(e := entries[m], Folded) for n in e.void}


def undo_again(entries: list[AnyEntry], now: float) -> Rewound | None:
    """The entry that lets a rollback go on whose undo failed for good: that undo has all its attempts before it.

    The run was parked by that failure, so it is the last outcome of the journal.
    """
    void = voided(entries)
    live = [n for n in range(len(entries)) if n not in void]
    failed = next((n for n in reversed(live) if isinstance(entries[n], Stepped)), None)
    if failed is None:
        return None
    undo = entries[failed]
    assert isinstance(undo, Stepped)
    if undo.error is None:
        return None
    again = {undo.call: undo}
    gone = [n for n in live if n == failed or (_names(entries[n], undo) and _begins_anew(entries[n], again, set()))]
    return Rewound(at=now, void=gone, redo=1 + sum(isinstance(e, Rewound) for e in entries))


def _names(entry: AnyEntry, undo: Stepped) -> bool:
    call = getattr(entry, "call", "")
    return bool(call == undo.call or call.startswith(undo.call + "/"))


def _is_root(entry: AnyEntry, finished: Finished) -> bool:
    """Whether an entry is what a retry is to undo: what the run ended with, or what was rolled back."""
    if isinstance(entry, Stepped):
        return entry.call in finished.undone or (entry.error is not None and entry.call == finished.cause)
    if isinstance(entry, ChildEnded):
        return entry.call == finished.cause
    return isinstance(entry, CancelSeen)


def _is_consequence(entry: AnyEntry, cut: int) -> bool:
    """Whether an entry after the cut goes with it."""
    match entry:
        case Stepped():
            return entry.error is not None or entry.opened > cut
        case ChildEnded():
            return entry.status != "succeeded" or entry.opened > cut
        case Received() | Fired():
            return entry.opened > cut
        case Attempted() | Intended() | Nested() | Folded():
            return False  # as their calls do
        case Recoded():
            return False
        case _:
            return True


def _is_broken(folded: Folded, gone: set[int]) -> bool:
    """Whether a folded part has lost a call: its value goes too, and the calls left stand for themselves."""
    return not folded.void or not gone.isdisjoint(folded.void)


def _let_go(entry: AnyEntry, settled: set[str]) -> bool:
    if isinstance(entry, ChildStarted):
        return not entry.detached and entry.call not in settled
    return isinstance(entry, Armed) and entry.call not in settled


def _begins_anew(entry: AnyEntry, again: dict[str, Stepped], settled: set[str]) -> bool:
    """Whether what is known of a call's attempts is to be forgotten, since the call runs again from the first.

    Of a call without an outcome the intent stays: whether it happened is unknown, and it must not happen twice.
    """
    if isinstance(entry, Attempted):
        return entry.call not in settled
    if isinstance(entry, Intended):
        return entry.call in again and entry.call not in settled
    if isinstance(entry, Nested):
        parent = next((outcome for call, outcome in again.items() if entry.call.startswith(call + "/")), None)
        return parent is not None and (parent.error is None or entry.error is not None)
    return False
