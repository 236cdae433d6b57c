"""A journal folded: what is recorded of each call, what is void, and where the run stands."""

import msgspec

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
    Started,
    Stepped,
)
from stepwell.model.failure import Failure


class CallHistory(msgspec.Struct):
    """What a step call has been through: attempts that failed, whether one began unseen, nested results."""

    failures: list[Failure] = []
    again: float = 0.0
    intended: int = 0
    unknown: bool = False


class History(msgspec.Struct):
    """The fold of a generation's entries.

    `open` are the calls that are known to be under way: waits, child runs, steps between two attempts. `rewound` is
    when the last rewind happened; `code` the fingerprint of the code by which it went on last, where that is known.
    """

    started: Started | None = None
    finished: Finished | None = None
    cancel: CancelSeen | None = None
    void: set[int] = set()
    folds: dict[str, Folded] = {}
    calls: dict[str, CallHistory] = {}
    nested: dict[str, Nested] = {}
    children: dict[str, bytes] = {}
    armed: set[str] = set()
    redo: int = 0
    rewound: float = 0.0
    redone: set[str] = set()
    stamp: float = 0.0
    open: dict[str, None] = {}
    code: str = ""


def voided(entries: list[AnyEntry]) -> set[int]:
    """The numbers of the entries that rewinds and closed folds have made void."""
    rewound = _rewound(entries)
    void = set(rewound)
    for number, entry in enumerate(entries):
        if isinstance(entry, Folded) and number not in rewound:  # one that went stands for its calls no longer
            void.update(entry.void)
    return void


def _rewound(entries: list[AnyEntry]) -> set[int]:
    return {number for entry in entries if isinstance(entry, Rewound) for number in entry.void}


def fold_history(entries: list[AnyEntry]) -> History:
    """Fold a generation's journal; entry n of the list is number n of the journal."""
    if len(entries) == 1 and isinstance(entries[0], Started):
        return History(started=entries[0], stamp=entries[0].at, code=entries[0].code)
    history, rewound = History(void=voided(entries)), _rewound(entries)
    for number, entry in enumerate(entries):
        history.stamp = max(history.stamp, entry.at)
        if isinstance(entry, Rewound):
            history.redo, history.rewound = entry.redo, entry.at
        elif isinstance(entry, Recoded):
            history.code = entry.code
        if number not in history.void:
            _fold_one(history, entry)
        elif number in rewound and isinstance(entry, Stepped) and entry.error is None:
            history.redone.add(entry.call)  # undone by a rollback: it happens again, under a key of its own
    return history


def _fold_one(history: History, entry: AnyEntry) -> None:
    match entry:
        case Started():
            history.started, history.code = entry, entry.code
        case Finished():
            history.finished = entry
        case CancelSeen():
            history.cancel = entry
        case Attempted():
            call = history.calls.setdefault(entry.call, CallHistory())
            call.failures.append(entry.error)
            call.again = entry.again
            call.unknown = entry.unknown
            history.open[entry.call] = None
        case Intended():
            history.calls.setdefault(entry.call, CallHistory()).intended = entry.attempt
        case Stepped():
            history.calls.pop(entry.call, None)
            history.open.pop(entry.call, None)
        case Nested():
            history.nested[entry.call] = entry
            history.open.pop(entry.call, None)
        case Folded():
            history.folds[entry.call] = entry
        case Armed():
            history.armed.add(entry.call)
            history.open[entry.call] = None
        case Received():
            history.armed.discard(entry.call)
            history.open.pop(entry.call, None)
        case Fired():
            history.open.pop(entry.call.removesuffix("/timeout"), None)
        case ChildStarted():
            if not entry.detached:
                history.children[entry.call] = bytes.fromhex(entry.run)
                history.open[entry.call] = None
        case ChildEnded():
            history.children.pop(entry.call, None)
            history.open.pop(entry.call, None)
        case _:
            pass
