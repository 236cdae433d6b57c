"""Which ended runs may go, and their going: the oldest first, a bounded number at a time."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from stepwell.model.status import CODE, TERMINAL, RunStatus
from stepwell.ports.store import LINGER, Retire
from stepwell.store.sqlite.connection import Db

_ENDED: Final = sorted(status.value for status in TERMINAL)
_OF_RUN: Final = ("runs", "journal", "inbox", "blobs", "tags")
_EXPIRED: Final = (
    "SELECT key FROM stepwell_runs INDEXED BY stepwell_runs_expiring"
    " WHERE ns = ? AND expires_at <= ? AND expires_at IS NOT NULL AND status >= 10 ORDER BY expires_at, key LIMIT ?"
)
_GROUP: Final = (
    "FROM stepwell_runs INDEXED BY stepwell_runs_closed"
    " WHERE ns = ? AND workflow = ? AND status = ? AND status >= 10 AND expires_at IS NULL"
)
_BY_AGE: Final = f"SELECT key {_GROUP} AND finished_at <= ? ORDER BY finished_at, key LIMIT ?"
# The first one too many, counted from the newest: a look at as many rows as are kept, not at all there are.
_TOO_MANY: Final = (
    f"SELECT finished_at, key {_GROUP} AND finished_at IS NOT NULL ORDER BY finished_at DESC, key DESC LIMIT 1 OFFSET ?"
)
_BY_COUNT: Final = f"SELECT key {_GROUP} AND (finished_at, key) <= (?, ?) ORDER BY finished_at, key LIMIT ?"
_FORGET: Final = """
DELETE FROM stepwell_sent WHERE (ns, event, mailbox, target, message_id) IN
    (SELECT ns, event, mailbox, target, message_id FROM stepwell_sent WHERE ns = ? AND at <= ? ORDER BY at LIMIT 5000)
"""
_OUTDATED: Final = """
DELETE FROM stepwell_records WHERE (ns, kind, owner, id) IN
    (SELECT ns, kind, owner, id FROM stepwell_records WHERE ns = ? AND kind = ? AND owner = x'' AND at <= ?
     ORDER BY at LIMIT 5000)
"""
# Distinct workflows of ended runs by skipping along the index: one step each, however many runs they have.
WORKFLOWS: Final = """
WITH RECURSIVE w(name) AS (
    SELECT min(workflow) FROM stepwell_runs INDEXED BY stepwell_runs_closed WHERE ns = ?1 AND status >= 10
    UNION ALL
    SELECT (SELECT min(workflow) FROM stepwell_runs INDEXED BY stepwell_runs_closed
            WHERE ns = ?1 AND status >= 10 AND workflow > w.name)
    FROM w WHERE w.name IS NOT NULL)
SELECT name FROM w WHERE name IS NOT NULL
"""


def retire(db: Db, which: Retire) -> int:
    """As `ports.store.Store.retire`, inside a transaction."""
    keys = list(islice(dict.fromkeys(_passing(db, which)), which.limit))
    for at in range(0, len(keys), 500):
        some = keys[at : at + 500]
        marks = ", ".join("?" * len(some))
        for table in _OF_RUN:
            db.run(f"DELETE FROM stepwell_{table} WHERE ns = ? AND key IN ({marks})", (db.ns, *some))
        db.run(f"DELETE FROM stepwell_records WHERE ns = ? AND owner <> x'' AND owner IN ({marks})", (db.ns, *some))
        db.run(f"DELETE FROM stepwell_waits WHERE ns = ? AND run IN ({marks})", (db.ns, *some))
    if which.ages:
        db.run(_FORGET, (db.ns, which.now - max(which.ages.values())))
    db.run("DELETE FROM stepwell_workers WHERE ns = ? AND dead = 1 AND expires_at <= ?", (db.ns, which.now - LINGER))
    for kind, age in which.records.items():
        db.run(_OUTDATED, (db.ns, kind, which.now - age))
    return len(keys)


def _passing(db: Db, which: Retire) -> Iterator[bytes]:
    """First what has a date of its own, then by age, then by number; the oldest of each first."""
    yield from (key for (key,) in db.all(_EXPIRED, (db.ns, which.now, which.limit)))
    workflows = [name for (name,) in db.all(WORKFLOWS, (db.ns,))]
    groups = [(workflow, status) for workflow in workflows for status in _ENDED]
    for workflow, status in groups:
        age = which.ages.get((workflow, status), which.ages.get(("*", status)))
        if age is not None:
            params = (db.ns, workflow, CODE[RunStatus(status)], which.now - age, which.limit)
            yield from (key for (key,) in db.all(_BY_AGE, params))
    for workflow, status in groups:
        keep = which.keeps.get((workflow, status), which.keeps.get(("*", status)))
        if keep is not None:
            yield from _surplus(db, workflow, CODE[RunStatus(status)], keep, which.limit)


def _surplus(db: Db, workflow: str, status: int, keep: int, limit: int) -> Iterator[bytes]:
    first = db.one(_TOO_MANY, (db.ns, workflow, status, keep))
    if first is not None:
        yield from (key for (key,) in db.all(_BY_COUNT, (db.ns, workflow, status, *first, limit)))
