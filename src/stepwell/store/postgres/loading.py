"""Locks what a group needs, and then reads it: workers, mailboxes, runs, in this order everywhere.

Every read that a decision depends on is a statement which begins after its rows were locked. A locked mailbox or
run that is held by another transaction is skipped, never waited for.
"""

from typing import Any, Final

import msgspec

from stepwell.model.run import InboxItem
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.extract import Found
from stepwell.store.postgres.needs import HEADS, Needs, Place
from stepwell.store.postgres.reads import read_tags
from stepwell.store.postgres.rows import ITEM_TYPES, RUN_COLUMNS, inbox_item, tagged_keys

_ALIVE: Final = "SELECT id FROM {workers} WHERE ns = $1 AND id = ANY($2::text[]) AND NOT dead ORDER BY id FOR KEY SHARE"
_MAKE_BOXES: Final = (
    "INSERT INTO {mailboxes} (ns, event, mailbox) SELECT $1, * FROM unnest($2::text[], $3::text[]) ORDER BY 2, 3"
    " ON CONFLICT DO NOTHING"
)
_LOCK_BOXES: Final = """
SELECT event, mailbox FROM {mailboxes} WHERE ns = $1 AND (event, mailbox) IN (
    SELECT * FROM unnest($2::text[], $3::text[])
    UNION SELECT event, mailbox FROM {waits} WHERE ns + 0 = $1 AND run = ANY($4::bytea[])
    UNION SELECT event, mailbox FROM {inbox} WHERE ns = $1 AND key = ANY($4::bytea[]) AND kind = 'message'
        AND call IS NOT NULL)
ORDER BY event, mailbox FOR UPDATE SKIP LOCKED
"""
_BOXES: Final = """
SELECT v.at - 1 AS at, h.* FROM unnest($2::text[], $3::text[], $4::integer[], $5::integer[])
    WITH ORDINALITY AS v(event, mailbox, waits, messages, at), LATERAL (
    (SELECT n, run, call, NULL::float8 AS sent_at, NULL::text AS message_id, NULL::text AS data FROM {waits} w
        WHERE w.ns = $1 AND w.event = v.event AND w.mailbox = v.mailbox ORDER BY n LIMIT v.waits)
    UNION ALL (SELECT seq, NULL, NULL, m.at, message_id, data FROM {messages} m
        WHERE m.ns = $1 AND m.event = v.event AND m.mailbox = v.mailbox ORDER BY seq LIMIT v.messages)) h
"""
# By correlated look-ups: a list of keys to be locked in order would be answered by walking along all keys there are.
_LOCK_RUNS: Final = (
    f"SELECT l.* FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT {RUN_COLUMNS} FROM {{runs}} r"
    " WHERE r.ns = $1 AND r.key = v.key FOR NO KEY UPDATE SKIP LOCKED) l"
)
_SHOW: Final = (
    f"SELECT {RUN_COLUMNS} FROM {{runs}} r WHERE r.ns = $1 AND r.key = ANY($2::bytea[])"
    f" UNION SELECT {RUN_COLUMNS} FROM {{runs}} r WHERE r.ns = $1 AND r.id = ANY($3::text[])"
)
_JOURNAL: Final = (
    "SELECT j.key, j.generation, j.seq, j.epoch, j.data"
    " FROM unnest($2::bytea[], $3::integer[], $4::integer[]) AS v(key, generation, seq), {journal} j"
    " WHERE j.ns = $1 AND j.key = v.key AND j.generation = v.generation AND j.seq = v.seq"
)
_INBOX: Final = (
    f"SELECT l.* FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT key, {', '.join(ITEM_TYPES)} FROM {{inbox}} i"
    " WHERE i.ns = $1 AND i.key = v.key OFFSET 0) l"
)
_WAITS: Final = (
    "SELECT l.* FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT run, call, event, mailbox, n FROM {waits} w"
    " WHERE w.ns + 0 = $1 AND w.run = v.key OFFSET 0) l"
)
_SENT: Final = (
    "SELECT s.event, s.mailbox, s.target, s.message_id"
    " FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[]) AS v(event, mailbox, target, message_id), {sent} s"
    " WHERE s.ns = $1 AND s.event = v.event AND s.mailbox = v.mailbox AND s.target = v.target"
    " AND s.message_id = v.message_id"
)


async def load(db: Db, needs: Needs) -> Found:
    """Lock and read, inside a transaction."""
    found = Found()
    if needs.workers:
        found.alive = frozenset(worker for (worker,) in await db.all(_ALIVE, db.ns, sorted(needs.workers)))
    if needs.mail:
        await _lock_boxes(db, needs, found)
    await _lock_runs(db, needs, found)
    if needs.probing and needs.journal:
        for key, generation, seq, epoch, data in await db.all(_JOURNAL, db.ns, *_columns(sorted(needs.journal))):
            found.journal[key, generation, seq] = epoch, data
    posted = [row["key"] for row in found.runs if row["inbox"] and row["key"] in needs.inboxes]
    if posted:
        rows = await db.all(_INBOX, db.ns, posted)
        found.inboxes = [(key, inbox_item(values)) for key, *values in rows]
    holding = sorted(needs.waits & {row["key"] for row in found.runs})
    if holding:
        rows = await db.all(_WAITS, db.ns, holding)
        found.waits_of = [(run, call, (event, mailbox), n) for run, call, event, mailbox, n in rows]
    if needs.sent:
        found.sent = frozenset(map(tuple, await db.all(_SENT, db.ns, *_columns(sorted(needs.sent)))))
    return found


async def _lock_boxes(db: Db, needs: Needs, found: Found) -> None:
    places = sorted(needs.deliveries)
    events, mailboxes = _columns(places) if places else ([], [])
    if places:
        await db.run(_MAKE_BOXES, db.ns, events, mailboxes)
    locked = await db.all(_LOCK_BOXES, db.ns, events, mailboxes, sorted(needs.letting))
    found.locked_boxes = frozenset(map(tuple, locked))
    found.tried_boxes = frozenset(places)
    full = sorted(found.locked_boxes)
    if not full:
        return
    waits = [_most(needs.deliveries.get(place, 1)) for place in full]
    messages = [needs.arms.get(place, 0) for place in full]
    counts: dict[tuple[Place, str], int] = {}
    for at, n, run, call, sent_at, message_id, data in await db.all(_BOXES, db.ns, *_columns(full), waits, messages):
        place = full[at]
        what = "messages" if run is None else "waits"
        counts[place, what] = counts.get((place, what), 0) + 1
        if run is not None:
            found.waits.append((place, n, run, call))
        else:
            item = InboxItem(n=0, kind="message", at=sent_at, event=place[0], key=place[1], mail_seq=n,
                             message_id=message_id, data=msgspec.Raw(data.encode()))  # fmt: skip
            found.messages.append((place, item))
    for place, most, oldest in zip(full, waits, messages, strict=True):
        for what, limit in (("waits", most), ("messages", oldest)):
            if counts.get((place, what), 0) >= limit:
                found.full.add((place, what))


def _most(deliveries: int) -> int:
    return deliveries + HEADS if deliveries else 0


async def _lock_runs(db: Db, needs: Needs, found: Found) -> None:
    wanted = needs.runs | {run for place, _, run, _ in found.waits if needs.deliveries.get(place, 1)}
    needs.runs |= wanted
    if wanted:
        found.runs = await db.all(_LOCK_RUNS, db.ns, sorted(wanted))
    missing = wanted - {row["key"] for row in found.runs}
    ids: list[str] = []
    if needs.probing:
        missing |= needs.made.keys()
        ids = sorted(needs.ids)
    if missing or ids:
        found.shown = await db.all(_SHOW, db.ns, sorted(missing), ids)
    if needs.probing:
        tagged = tagged_keys([*found.runs, *found.shown])
        found.tags = await read_tags(db, tagged) if tagged else {}


def _columns(rows: Any) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
