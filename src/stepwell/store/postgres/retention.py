"""Which ended runs may go, and their going: the oldest first, a bounded number at a time, in short transactions."""

from collections.abc import AsyncIterator
from typing import Final

from stepwell.model.status import CODE, TERMINAL, RunStatus
from stepwell.ports.store import LINGER, Retire
from stepwell.store.postgres.connection import Db

BATCH: Final = 200
"""Runs that one transaction deletes: nobody waits long for what it locks."""
OTHERS: Final = 2000
"""Rows of each other kind that one call deletes."""
_ENDED: Final = sorted(status.value for status in TERMINAL)
_OF_RUN: Final = ("journal", "inbox", "blobs", "tags")
_EXPIRED: Final = (
    "SELECT key FROM {runs} WHERE ns = $1 AND expires_at <= $2 AND expires_at IS NOT NULL AND status >= 10"
    " ORDER BY expires_at, key LIMIT $3"
)
_GROUP: Final = "FROM {runs} WHERE ns = $1 AND workflow = $2 AND status = $3 AND status >= 10 AND expires_at IS NULL"
_BY_AGE: Final = f"SELECT key {_GROUP} AND finished_at <= $4 ORDER BY finished_at, key LIMIT $5"
# The first one too many, counted from the newest: a look at as many rows as are kept, not at all there are.
_TOO_MANY: Final = (
    f"SELECT finished_at, key {_GROUP} AND finished_at IS NOT NULL"
    " ORDER BY finished_at DESC, key DESC LIMIT 1 OFFSET $4"
)
_BY_COUNT: Final = f"SELECT key {_GROUP} AND (finished_at, key) <= ($4, $5) ORDER BY finished_at, key LIMIT $6"
# Distinct workflows by skipping along the index: one step each, however many runs they have.
WORKFLOW_NAMES: Final = """w(name) AS (
    (SELECT workflow FROM {runs} WHERE ns = $1 AND status >= 10 ORDER BY workflow LIMIT 1)
    UNION ALL
    SELECT (SELECT r.workflow FROM {runs} r WHERE r.ns = $1 AND r.status >= 10 AND r.workflow > w.name
            ORDER BY r.workflow LIMIT 1)
    FROM w WHERE w.name IS NOT NULL)"""
_WORKFLOWS: Final = f"WITH RECURSIVE {WORKFLOW_NAMES} SELECT name FROM w WHERE name IS NOT NULL"
# Locked and looked at again: a run that an operator has opened meanwhile stays, one that is locked is for next time.
_LOCK: Final = (
    "SELECT l.key FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT r.key FROM {runs} r"
    " WHERE r.ns = $1 AND r.key = v.key AND r.status + 0 >= 10 FOR UPDATE SKIP LOCKED) l"
)
_FORGET: Final = (
    "DELETE FROM {sent} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {sent} WHERE ns = $1 AND at > '-infinity' AND at <= $2"
    " ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED))"
)
_BURIED: Final = "DELETE FROM {workers} WHERE ns = $1 AND dead AND NOT bereft AND expires_at <= $2"
_RECORDS: Final = (
    "DELETE FROM {records} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {records}"
    " WHERE ns = $1 AND kind = $2 AND owner = '' AND at <= $3 ORDER BY at LIMIT $4 FOR UPDATE SKIP LOCKED))"
)
_NEXT_MAILBOXES: Final = (
    "SELECT event, mailbox FROM {mailboxes} WHERE ns = $1 AND (event, mailbox) > ($2, $3)"
    " ORDER BY event, mailbox LIMIT $4"
)
# Locked as senders and waiters lock it, then looked at: nothing can come between.
_LOCK_MAILBOXES: Final = (
    "SELECT m.event, m.mailbox FROM {mailboxes} m JOIN unnest($2::text[], $3::text[]) u(event, mailbox)"
    " ON m.event = u.event AND m.mailbox = u.mailbox WHERE m.ns = $1"
    " ORDER BY m.event, m.mailbox FOR UPDATE OF m SKIP LOCKED"
)
_EMPTY_MAILBOXES: Final = (
    "DELETE FROM {mailboxes} m USING unnest($2::text[], $3::text[]) u(event, mailbox)"
    " WHERE m.ns = $1 AND m.event = u.event AND m.mailbox = u.mailbox"
    " AND NOT EXISTS (SELECT 1 FROM {messages} g WHERE g.ns = m.ns AND g.event = m.event AND g.mailbox = m.mailbox)"
    " AND NOT EXISTS (SELECT 1 FROM {waits} w WHERE w.ns = m.ns AND w.event = m.event AND w.mailbox = m.mailbox)"
)


class Retention:
    """Deletes by `ports.store.Retire`; remembers how far it has looked through the mailboxes."""

    def __init__(self) -> None:
        self._seen = ("", "")

    async def retire(self, db: Db, which: Retire) -> int:
        """As `ports.store.Store.retire`, in transactions of its own."""
        keys: dict[bytes, None] = {}
        async for key in _passing(db, which):
            keys[key] = None
            if len(keys) >= which.limit:
                break
        wanted, gone = list(keys), 0
        for at in range(0, len(wanted), BATCH):
            gone += await _delete(db, wanted[at : at + BATCH])
        if which.ages:
            await db.run(_FORGET, db.ns, which.now - max(which.ages.values()), OTHERS)
        await db.run(_BURIED, db.ns, which.now - LINGER)
        for kind, age in which.records.items():
            await db.run(_RECORDS, db.ns, kind, which.now - age, OTHERS)
        await self._mailboxes(db)
        return gone

    async def _mailboxes(self, db: Db) -> None:
        found = await db.all(_NEXT_MAILBOXES, db.ns, *self._seen, OTHERS)
        self._seen = (found[-1][0], found[-1][1]) if len(found) == OTHERS else ("", "")
        if found:
            async with db.transaction(lock_timeout_s=1.0):
                held = await db.all(_LOCK_MAILBOXES, db.ns, *map(list, zip(*found, strict=True)))
                if held:
                    await db.run(_EMPTY_MAILBOXES, db.ns, *map(list, zip(*held, strict=True)))


async def _delete(db: Db, keys: list[bytes]) -> int:
    async with db.transaction(lock_timeout_s=1.0):
        locked = [key for (key,) in await db.all(_LOCK, db.ns, keys)]
        if locked:
            for table in _OF_RUN:
                await db.run(f"DELETE FROM {{{table}}} WHERE ns = $1 AND key = ANY($2::bytea[])", db.ns, locked)
            await db.run("DELETE FROM {waits} WHERE ns = $1 AND run = ANY($2::bytea[])", db.ns, locked)
            owned = "DELETE FROM {records} WHERE ns = $1 AND owner = ANY($2::bytea[]) AND owner <> ''"
            await db.run(owned, db.ns, locked)
            await db.run("DELETE FROM {runs} WHERE ns = $1 AND key = ANY($2::bytea[])", db.ns, locked)
    return len(locked)


async def _passing(db: Db, which: Retire) -> AsyncIterator[bytes]:
    """First what has a date of its own, then by age, then by number; the oldest of each first."""
    for (key,) in await db.all(_EXPIRED, db.ns, which.now, which.limit):
        yield key
    workflows = [name for (name,) in await db.all(_WORKFLOWS, db.ns)]
    groups = [(workflow, status) for workflow in workflows for status in _ENDED]
    for workflow, status in groups:
        age = which.ages.get((workflow, status), which.ages.get(("*", status)))
        if age is not None:
            params = (db.ns, workflow, CODE[RunStatus(status)], which.now - age, which.limit)
            for (key,) in await db.all(_BY_AGE, *params):
                yield key
    for workflow, status in groups:
        keep = which.keeps.get((workflow, status), which.keeps.get(("*", status)))
        if keep is not None:
            for key in await _surplus(db, workflow, CODE[RunStatus(status)], keep, which.limit):
                yield key


async def _surplus(db: Db, workflow: str, status: int, keep: int, limit: int) -> list[bytes]:
    first = await db.one(_TOO_MANY, db.ns, workflow, status, keep)
    if first is None:
        return []
    return [key for (key,) in await db.all(_BY_COUNT, db.ns, workflow, status, *first, limit)]
