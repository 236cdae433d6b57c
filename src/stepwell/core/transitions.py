"""Every move a run can make between its states: one table, and the operators' decisions that follow from it.

House rules: whatever affects the states is in this file; nothing here reads a clock or a store. The diagram in the
docs is generated from `MOVES` and `VERBS`.
"""

from enum import StrEnum
from typing import Final

import msgspec

from stepwell.core.admission import rank_of
from stepwell.core.history import fold_history
from stepwell.core.rewind import ROLLBACK, rewind, undo_again
from stepwell.errors import IllegalState
from stepwell.model.change import Change, Expect, Patch, Post
from stepwell.model.entry import AnyEntry, ChildEnded, Continued, Finished, Started, encode_entries
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus as S

MOVES: Final[dict[S, dict[str, S]]] = {
    S.QUEUED: {
        "claim": S.RUNNING,
        "pause": S.PAUSED,
        "restart": S.QUEUED,
        "terminate": S.TERMINATED,
        "quarantine": S.PARKED,
    },
    S.RUNNING: {
        "suspend": S.WAITING,
        "hand back": S.QUEUED,
        "lease expires": S.QUEUED,
        "pause seen": S.PAUSED,
        "diverge": S.PARKED,
        "quarantine": S.PARKED,
        "return": S.SUCCEEDED,
        "raise": S.FAILED,
        "cancel seen": S.CANCELLED,
        "new generation": S.QUEUED,
        "restart": S.QUEUED,
        "terminate": S.TERMINATED,
    },
    S.WAITING: {"wake": S.QUEUED, "pause": S.PAUSED, "restart": S.QUEUED, "terminate": S.TERMINATED},
    S.PAUSED: {"resume": S.QUEUED, "cancel": S.QUEUED, "restart": S.QUEUED, "terminate": S.TERMINATED},
    S.PARKED: {"resume": S.QUEUED, "restart": S.QUEUED, "terminate": S.TERMINATED},
    S.SUCCEEDED: {"restart": S.QUEUED},
    S.FAILED: {"retry": S.QUEUED, "restart": S.QUEUED},
    S.CANCELLED: {"retry": S.QUEUED, "restart": S.QUEUED},
    S.TERMINATED: {"restart": S.QUEUED},
}
"""From a state, by what happens, to a state; what is not here is impossible."""


class Verb(StrEnum):
    """What an operator can ask of a run."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    RESTART = "restart"
    RETRY = "retry"
    UNPIN = "unpin"


class Act(StrEnum):
    """How a verb is carried out in a state."""

    NOTHING = "nothing to do"
    POST = "told to the holder"
    SET = "set at once"
    OPEN = "a new generation"
    REWIND = "a rewind"
    FREE = "any code may go on"


VERBS: Final[dict[Verb, dict[S, Act]]] = {
    Verb.PAUSE: {S.QUEUED: Act.SET, S.WAITING: Act.SET, S.RUNNING: Act.POST, S.PAUSED: Act.NOTHING},
    Verb.RESUME: {
        S.PAUSED: Act.SET,
        S.PARKED: Act.SET,
        S.QUEUED: Act.NOTHING,
        S.WAITING: Act.NOTHING,
        S.RUNNING: Act.POST,
    },
    Verb.CANCEL: {
        S.QUEUED: Act.POST,
        S.WAITING: Act.POST,
        S.RUNNING: Act.POST,
        S.PAUSED: Act.POST,
        S.CANCELLED: Act.NOTHING,
    },
    Verb.TERMINATE: {
        S.QUEUED: Act.SET,
        S.RUNNING: Act.SET,
        S.WAITING: Act.SET,
        S.PAUSED: Act.SET,
        S.PARKED: Act.SET,
        S.TERMINATED: Act.NOTHING,
    },
    Verb.RESTART: dict.fromkeys(S, Act.OPEN),
    Verb.RETRY: {S.FAILED: Act.REWIND, S.CANCELLED: Act.REWIND},
    Verb.UNPIN: {state: Act.FREE for state in S if not state.terminal},
}
"""Which verbs are allowed in which states, and how they are carried out; what is not here is refused."""


def decide(row: RunRow, verb: Verb, entries: list[AnyEntry], now: float) -> Change | None:
    """What an operator's verb changes; None when it is so already. `entries`: the current generation's journal.

    Raises:
        IllegalState: the verb is not allowed in the run's state; the message names those that are.
    """
    act = VERBS[verb].get(row.status)
    if act is None:
        allowed = tuple(v.value for v in Verb if row.status in VERBS[v])
        raise IllegalState(
            f"run {row.id} is {row.status}: {verb.value} is not possible",
            hint=f"Possible now: {', '.join(allowed)}.",
            state=row.status.value,
            verb=verb.value,
            allowed=allowed,
        )
    if act is Act.NOTHING or (act is Act.FREE and row.pin is None):
        return None
    expect = Expect(row.epoch, row.status, row.generation, row.inbox)
    if act is Act.POST:
        item = InboxItem(n=0, kind=verb.value, at=now)
        patch = Patch(cancelling=True) if verb is Verb.CANCEL else None
        if verb is Verb.CANCEL and (row.status is S.PAUSED or row.due is not None) and row.status is not S.WAITING:
            patch = Patch(status=S.QUEUED, release=True, rank=rank_of(now, row.priority, True), cancelling=True)
        return Change(run=row.key, expect=expect, patch=patch, post=(Post(target=row.key, item=item),))
    if act is Act.FREE:
        return Change(run=row.key, expect=expect, patch=Patch(pin=""))  # whoever holds the run goes on with it
    if act is Act.REWIND:
        return _rewound(row, expect, entries, now)
    if act is Act.OPEN:
        return _restarted(row, expect, entries, now)
    return _set(row, expect, verb, entries, now)


def _set(row: RunRow, expect: Expect, verb: Verb, entries: list[AnyEntry], now: float) -> Change:
    if verb is Verb.PAUSE:
        return Change(run=row.key, expect=expect, patch=Patch(status=S.PAUSED, release=True, bump=True))
    if verb is Verb.RESUME:
        return _resumed(row, expect, entries, now)
    end = Finished(at=now, status=S.TERMINATED.value)
    patch = Patch(status=S.TERMINATED, release=True, bump=True, finished_at=now)
    return Change(run=row.key, expect=expect, patch=patch, generation=row.generation, seq=len(entries), count=1,
                  data=encode_entries([end]), closes=True, post=told_parent(row, end, now))  # fmt: skip


def _resumed(row: RunRow, expect: Expect, entries: list[AnyEntry], now: float) -> Change:
    patch = Patch(status=S.QUEUED, release=True, bump=True, rank=rank_of(now, row.priority, True), deaths=0, reason="")
    back = undo_again(entries, now) if row.status is S.PARKED and (row.reason or "").startswith(ROLLBACK) else None
    if back is None:
        return Change(run=row.key, expect=expect, patch=patch)
    return Change(run=row.key, expect=expect, patch=patch, generation=row.generation, seq=len(entries), count=1,
                  data=encode_entries([back]))  # fmt: skip


def _rewound(row: RunRow, expect: Expect, entries: list[AnyEntry], now: float) -> Change:
    back = rewind(entries, now)
    if back is None:
        raise IllegalState(f"run {row.id} has no failure to go back to", hint="Restart it.", verb="retry")
    patch = Patch(status=S.QUEUED, release=True, bump=True, reopen=True, rank=rank_of(now, row.priority, True),
                  deaths=0, cancelling=False, reason="")  # fmt: skip
    return Change(run=row.key, expect=expect, patch=patch, generation=row.generation, seq=len(entries), count=1,
                  data=encode_entries([back]))  # fmt: skip


def _restarted(row: RunRow, expect: Expect, entries: list[AnyEntry], now: float) -> Change:
    started = next(e for e in entries if isinstance(e, Started))
    again = msgspec.structs.replace(started, at=now, attempt=1, deadline=moved(started, now), code="")
    patch = Patch(status=S.QUEUED, release=True, bump=True, reopen=True, generation=row.generation + 1,
                  rank=rank_of(now, row.priority), deaths=0, cancelling=False, reason="",
                  pin="" if row.pin else None)  # fmt: skip
    note = Continued(at=now, reason="restart")
    return Change(run=row.key, expect=expect, patch=patch, generation=row.generation, seq=len(entries), count=1,
                  data=encode_entries([note]), opens=encode_entries([again]), closes=True,
                  post=_told_children(entries, now))  # fmt: skip


def _told_children(entries: list[AnyEntry], now: float) -> tuple[Post, ...]:
    """The posts that cancel the children of a generation that is given up: the next one starts its own."""
    item = InboxItem(n=0, kind="cancel", at=now)
    return tuple(Post(target=child, item=item) for child in fold_history(entries).children.values())


def moved(started: Started, now: float) -> float | None:
    """The deadline of a generation that begins anew: as long after its start as before."""
    return None if started.deadline is None else now + (started.deadline - started.at)


def told_parent(row: RunRow, end: Finished, now: float) -> tuple[Post, ...]:
    """The post that tells a parent how its child ended; none when nobody waits."""
    if row.parent is None or row.parent_call is None:
        return ()
    ended = ChildEnded(
        at=now, call=row.parent_call, run=row.key.hex(), status=end.status, value=end.value, error=end.error
    )
    item = InboxItem(n=0, kind="child", at=now, call=row.parent_call, data=msgspec.Raw(msgspec.json.encode(ended)))
    return (Post(target=row.parent, item=item),)
