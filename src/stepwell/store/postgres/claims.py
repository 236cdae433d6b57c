"""Claims: which runs a worker gets, and everything it needs to go on with them.

One statement locks and takes; journals and inboxes are read in statements that begin after it (a snapshot older than
the lock would miss what was committed in between). Candidates are read without locks, more than are wanted, and
locked one by one in order of rank, past those that others have locked, until there are enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed, InboxItem
from stepwell.model.status import CODE, RunStatus
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.leases import DUE, FITTING, FREE, GONE, READY, UNPINNED, bury, offered, wake
from stepwell.store.postgres.reads import read_tags
from stepwell.store.postgres.rows import ITEM_TYPES, RUN_COLUMNS, inbox_item, run_row, tagged_keys, update_by_key

_RUNNING: Final = CODE[RunStatus.RUNNING]
_QUEUED: Final = CODE[RunStatus.QUEUED]
ROUNDS: Final = 3
"""How often to look again when others were faster at most of the candidates."""
MORE: Final = 64
"""Candidates beyond twice the number wanted: what other workers may be claiming at this moment."""

_OFFERED: Final = "unnest($5::text[], $6::text[]) AS o(workflow, code)"
_ONLY: Final = (
    f"SELECT r.key, r.epoch, r.rank FROM {_OFFERED}, {{runs}} r WHERE r.ns = $1 AND r.key = $8"
    f" AND r.workflow = o.workflow AND r.status = {_QUEUED} AND r.due IS NULL AND {UNPINNED}"
)
_HEAD: Final = (
    f"(SELECT r.key, r.epoch, r.rank FROM {{runs}} r WHERE {READY} AND %s{{queues}} ORDER BY r.rank, r.key LIMIT $8)"
)
# Of runs for any code and of those pinned to the one at hand, each from an index of its own: none is passed by.
_HEADS: Final = (
    f"SELECT h.* FROM {_OFFERED}, LATERAL ({_HEAD % FREE} UNION ALL {_HEAD % FITTING}) h"
    " ORDER BY h.rank, h.key LIMIT $8"
)
_TAKEN: Final = ("status", "epoch", "worker", "started_at", "claimed_seq")
# An epoch that is still the candidate's says that nothing was written to its journal since: `claimed_seq` is right.
# `status + 0`: so that the key leads to the row, and no index on the status.
_TAKE: Final = f"""
WITH look AS MATERIALIZED (SELECT
        EXISTS (SELECT 1 FROM {{workers}} w WHERE {GONE}) AS gone,
        (SELECT due FROM {{runs}} WHERE ns = $1 AND {DUE} ORDER BY due LIMIT 1) IS NOT NULL AS due),
    alive AS MATERIALIZED (SELECT id FROM {{workers}} WHERE ns = $1 AND id = $3 AND NOT dead FOR KEY SHARE),
    heads AS MATERIALIZED (SELECT c.* FROM ({{candidates}}) c
        WHERE (SELECT id FROM alive) IS NOT NULL AND ($4 OR NOT (SELECT gone OR due FROM look))),
    picked AS MATERIALIZED (SELECT l.key, {_RUNNING} AS status, l.epoch + 1 AS epoch, $3::text AS worker,
        coalesce(l.started_at, $2) AS started_at, coalesce((SELECT j.seq + j.count FROM {{journal}} j
            WHERE j.ns = $1 AND j.key = l.key AND j.generation = l.generation ORDER BY j.seq DESC LIMIT 1), 0)
            AS claimed_seq
        FROM heads h, LATERAL (SELECT r.* FROM {{runs}} r
            WHERE r.ns = $1 AND r.key = h.key AND r.epoch = h.epoch AND r.status + 0 = {_QUEUED} AND r.due IS NULL
            FOR NO KEY UPDATE SKIP LOCKED) l LIMIT $7),
    taken AS ({update_by_key({c: c for c in _TAKEN}, "picked")} RETURNING {RUN_COLUMNS})
SELECT look.gone AS gone, look.due AS due_now, (SELECT count(*) FROM heads) AS heads, taken.*
FROM look LEFT JOIN taken ON true ORDER BY taken.rank, taken.key
"""
_JOURNAL: Final = """
SELECT v.at - 1, l.* FROM unnest($2::bytea[], $3::integer[]) WITH ORDINALITY AS v(key, generation, at), LATERAL (
    (SELECT j.seq, j.data, NULL::text AS digest, NULL::bytea AS blob FROM {journal} j
        WHERE j.ns = $1 AND j.key = v.key AND j.generation = v.generation)
    UNION ALL (SELECT 0, NULL, b.digest, b.data FROM {blobs} b WHERE b.ns = $1 AND b.key = v.key)) l
"""
_INBOX: Final = (
    f"SELECT l.* FROM unnest($2::bytea[]) AS v(key), LATERAL (SELECT key, {', '.join(ITEM_TYPES)} FROM {{inbox}} i"
    " WHERE i.ns = $1 AND i.key = v.key OFFSET 0) l"
)
_BEFORE_ROW: Final = 3


async def claim(db: Db, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
    """As `ports.store.Store.claim`."""
    taken: list[Sequence[Any]] = []
    looked = False
    for _ in range(ROUNDS):
        wanted = request.limit - len(taken)
        candidates = 2 * wanted + MORE
        found = await _take(db, request, looked, wanted, candidates)
        gone, due, heads = found[0][:3]
        if (gone or due) and not looked:
            if gone:
                await bury(db, request.now)
            if due:
                await wake(db, request.now)
            looked = True
            found = await _take(db, request, looked, wanted, candidates)
            heads = found[0][2]
        taken += [row[_BEFORE_ROW:] for row in found if row[_BEFORE_ROW] is not None]
        if len(taken) >= request.limit or heads < candidates:
            break
    return await _read(db, taken, cached) if taken else []


async def _take(db: Db, request: ClaimRequest, looked: bool, wanted: int, candidates: int) -> list[Any]:
    workflows, codes = offered(request.workflows, request.codes)
    params: list[Any] = [db.ns, request.now, request.worker, looked, workflows, codes, wanted]
    queues = ""
    if request.queues:
        queues = " AND r.queue = ANY($9::text[])"
    if request.only is not None:
        text = _ONLY + queues
        params.append(request.only)
    else:
        text = _HEADS.replace("{queues}", queues)
        params.append(candidates)
    if request.queues:
        params.append(list(request.queues))
    return await db.all(_TAKE.replace("{candidates}", text), *params)


async def _read(db: Db, taken: list[Sequence[Any]], cached: Mapping[bytes, int]) -> list[Claimed]:
    keys = tagged_keys(taken)
    tags = await read_tags(db, keys) if keys else {}
    rows = [run_row(values, tags) for values in taken]
    whole = [row for row in rows if cached.get(row.key) != row.epoch - 1]
    journals: list[list[tuple[int, bytes]]] = [[] for _ in whole]
    blobs: dict[bytes, dict[str, bytes]] = {}
    if whole:
        params = [row.key for row in whole], [row.generation for row in whole]
        for at, seq, data, digest, blob in await db.all(_JOURNAL, db.ns, *params):
            if digest is None:
                journals[at].append((seq, data.encode()))
            else:
                blobs.setdefault(whole[int(at)].key, {})[digest] = blob
    inboxes: dict[bytes, list[InboxItem]] = {}
    posted = [row.key for row in rows if row.inbox]
    if posted:
        for key, *values in await db.all(_INBOX, db.ns, posted):
            inboxes.setdefault(key, []).append(inbox_item(values))
    read = {row.key: sorted(journal) for row, journal in zip(whole, journals, strict=True)}
    return [
        Claimed(
            row,
            read.get(row.key),
            sorted(inboxes.get(row.key, ()), key=lambda item: item.n),
            blobs.get(row.key, {}),
        )
        for row in rows
    ]
