"""Commits a group of changes: the hot ones in one statement, all others through an extract in one transaction.

A group means its changes applied one after another. The hot statement takes a group only when none of its changes can
see another; what it leaves (repeats, refusals, runs with waits) is then gone through one by one. Nobody waits for a
row that another transaction holds: the change that needs it is "busy".
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

from stepwell.errors import StoreLocked
from stepwell.model.change import Change, NewRun, Reply
from stepwell.model.status import RunStatus
from stepwell.store.postgres import bulk
from stepwell.store.postgres.changes import BUSY, apply, without_worker
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.loading import load
from stepwell.store.postgres.needs import Again, Needs
from stepwell.store.postgres.writeback import write

LOCK_TIMEOUT: Final = 0.05
"""Seconds for which an insert waits for an id or a mailbox that another transaction has made and not committed."""
SEARCH_TIMEOUT: Final = 0.02
"""The same for a single change, and while looking for the one that has to wait."""
ROUNDS: Final = 20
"""How often a group is begun anew because something more has to be locked."""
_OK: Final = Reply(True)


async def commit(db: Db, changes: Sequence[Change]) -> list[Reply]:
    """As `ports.store.Store.commit`. Raises the driver's errors, StoreLocked."""
    replies = await _commit(db, changes, LOCK_TIMEOUT) if changes else []
    if any(map(_concerns_others, changes)):
        db.home.tell()
    return replies


def _concerns_others(c: Change) -> bool:
    """Whether somebody else may wait for a change: work to claim, a message, an end."""
    if c.create is not None:
        return c.create.row.status is RunStatus.QUEUED
    return bool(c.epoch is None or c.post or c.start or c.put_back or (c.patch is not None and c.patch.release))


async def _commit(db: Db, changes: Sequence[Change], lock_timeout_s: float) -> list[Reply]:
    independent = _independent(changes)
    if len(changes) == 1:
        lock_timeout_s = SEARCH_TIMEOUT
    try:
        return await (_hot if independent else _carefully)(db, changes, lock_timeout_s)
    except asyncpg.LockNotAvailableError:
        if len(changes) == 1:
            return [BUSY]
    named = [n for n, c in enumerate(changes) if c.create is not None and c.create.named]
    if independent and 0 < len(named) < len(changes):  # it is one of these: all others first
        apart = frozenset(named)
        parts = [[n for n in range(len(changes)) if n not in apart], named]
    else:
        parts = [list(range(len(changes) // 2)), list(range(len(changes) // 2, len(changes)))]
    replies: dict[int, Reply] = {}
    for part in parts:
        answered = await _commit(db, [changes[n] for n in part], SEARCH_TIMEOUT)
        replies.update(zip(part, answered, strict=True))
    return [replies[n] for n in range(len(changes))]


def _independent(changes: Sequence[Change]) -> bool:
    """Whether all are hot, and of different runs and ids."""
    seen: set[bytes | str] = set()
    for c in changes:
        new = c.create
        if not (bulk.is_hot(c) if new is None else bulk.is_plain_start(c, new)):
            return False
        key = c.run if new is None else new.row.key
        if key in seen or (new is not None and new.named and new.row.id in seen):
            return False
        seen.add(key)
        if new is not None and new.named:
            seen.add(new.row.id)
    return True


async def _hot(db: Db, changes: Sequence[Change], lock_timeout_s: float) -> list[Reply]:
    starts = [(n, c.create) for n, c in enumerate(changes) if c.create is not None]
    holds = [(n, c) for n, c in enumerate(changes) if c.create is None]
    try:
        answer = await bulk.write(db, [new for _, new in starts], [c for _, c in holds], lock_timeout_s)
    except asyncpg.UniqueViolationError:  # some change is repeated
        return await _carefully(db, changes, lock_timeout_s, probing=True)
    replies: list[Reply | None] = [None] * len(changes)
    for n, new in starts:
        replies[n] = _started(new, answer)
    marks = answer.marks or [bulk.UNCLEAN] * len(holds)
    tried = marks.index(bulk.UNCLEAN) if bulk.UNCLEAN in marks else len(marks)
    for (n, c), mark in zip(holds[:tried], marks, strict=False):
        replies[n] = _held(c, mark)
    left = [n for n, reply in enumerate(replies) if reply is None]
    if left:
        others = await _carefully(db, [changes[n] for n in left], lock_timeout_s, probing=True)
        for n, reply in zip(left, others, strict=True):
            replies[n] = reply
    return [reply for reply in replies if reply is not None]


def _started(new: NewRun, answer: bulk.Answer) -> Reply | None:
    if answer.made is not None and new.row.key not in answer.made:
        return None
    if new.row.worker is None or new.row.worker in answer.alive:
        return _OK
    return Reply(True, row=without_worker(new.row))


def _held(c: Change, mark: int) -> Reply | None:
    if mark < 0:
        return BUSY if mark == bulk.BUSY else None
    p = c.patch
    released = p is None or not p.release or p.seen is None or mark <= p.seen
    return _OK if released and not mark else Reply(True, inbox=mark, released=released)


async def _carefully(db: Db, changes: Sequence[Change], lock_timeout_s: float, *, probing: bool = False) -> list[Reply]:
    needs = Needs(changes)
    needs.probing = probing
    for _ in range(ROUNDS):
        try:
            async with db.transaction(lock_timeout_s):
                replies, extract = apply(changes, needs, await load(db, needs))
                await write(db, extract)
        except Again:
            continue
        except asyncpg.UniqueViolationError:
            if needs.probing:
                raise
            needs.probing = True
        else:
            return replies
    raise StoreLocked("the rows that a change needs kept changing")
