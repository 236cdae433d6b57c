"""Claims: which runs a worker gets, and everything it needs to go on with them."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed, InboxItem
from stepwell.model.status import CODE, RunStatus
from stepwell.ports.store import ALONE
from stepwell.store.sql.dialect import SQLITE
from stepwell.store.sql.rows import Value, decoded, inbox_item, item_columns
from stepwell.store.sqlite.bulk import Statement
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.leases import bury, wake
from stepwell.store.sqlite.reads import RUN_ARRAYS, read_blobs, with_tags

Picked = list[tuple[bytes, int]]
"""Keys and the epochs before the claim, in order of rank."""

_RUNNING: Final = CODE[RunStatus.RUNNING]
_QUEUED: Final = CODE[RunStatus.QUEUED]

# One row: has the worker a lease? is some worker's over? is a run due? and the head of the queue.
_LOOK: Final = (
    "SELECT EXISTS (SELECT 1 FROM stepwell_workers WHERE ns = ?1 AND id = ?2 AND dead = 0),"
    " EXISTS (SELECT 1 FROM stepwell_workers WHERE ns = ?1 AND dead = 0 AND expires_at <= ?3),"
    " EXISTS (SELECT 1 FROM stepwell_runs WHERE ns = ?1 AND due <= ?3 AND due IS NOT NULL AND status IN (0, 2)),"
    " (SELECT group_concat(hex(key) || ' ' || epoch) FROM ({picked}))"
)
# The entries of one chunk of runs as one text; neither separator occurs in JSON.
_READ: Final = (
    "WITH v(at, key, whole) AS MATERIALIZED (VALUES {rows})"
    f" SELECT (SELECT {RUN_ARRAYS} FROM v CROSS JOIN stepwell_runs r WHERE r.ns = {{ns}} AND r.key = v.key),"
    " (SELECT group_concat(v.at || char(31) || j.seq || char(31) || j.data, char(30))"
    " FROM v CROSS JOIN stepwell_runs r CROSS JOIN stepwell_journal j"
    " WHERE v.whole AND r.ns = {ns} AND r.key = v.key"
    " AND j.ns = {ns} AND j.key = v.key AND j.generation = r.generation),"
    f" (SELECT {SQLITE.arrays(['v.at', *item_columns()])}"
    " FROM v CROSS JOIN stepwell_inbox i WHERE i.ns = {ns} AND i.key = v.key),"
    " (SELECT group_concat(v.at) FROM v WHERE v.whole"
    " AND EXISTS (SELECT 1 FROM stepwell_blobs b WHERE b.ns = {ns} AND b.key = v.key))"
)
_TAKE: Final = (
    "WITH v(key) AS (VALUES {rows})"
    f" UPDATE stepwell_runs SET status = {_RUNNING}, epoch = epoch + 1, worker = ?,"
    " started_at = coalesce(started_at, ?),"
    " claimed_seq = coalesce((SELECT j.seq + j.count FROM stepwell_journal j WHERE j.ns = stepwell_runs.ns"
    " AND j.key = stepwell_runs.key AND j.generation = stepwell_runs.generation ORDER BY j.seq DESC LIMIT 1), 0)"
    " WHERE ns = {ns} AND key IN (SELECT key FROM v)"
)
_CHUNK: Final = 256


class Claims:
    """The statements of a claim, for one namespace."""

    def __init__(self, ns: int) -> None:
        self.take = Statement(1, lambda rows: _TAKE.format(rows=rows, ns=ns))
        self.read = Statement(3, lambda rows: _READ.format(rows=rows, ns=ns))


def claim(db: Db, statements: Claims, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
    """As `ports.store.Store.claim`, inside a transaction."""
    alive, expired, due, picked = _look(db, request)
    if expired or due:
        if expired:
            bury(db, request.now)
        if due:
            wake(db, request.now)
        alive, _, _, picked = _look(db, request)
    if not alive or not picked:
        return []
    claimed: list[Claimed] = []
    for at in range(0, len(picked), _CHUNK):
        some = picked[at : at + _CHUNK]
        for text, keys in statements.take.chunks([key for key, _ in some]):
            db.run(text, [*keys, request.worker, request.now])
        claimed += _read(db, statements.read, some, [cached.get(key) == epoch for key, epoch in some])
    return claimed


def _look(db: Db, request: ClaimRequest) -> tuple[bool, bool, bool, Picked]:
    params: list[Any] = [db.ns, request.worker, request.now]
    sql = _LOOK.format(picked=_pick(request, params))
    alive, expired, due, text = db.one(sql, params)
    pairs = (pair.split(" ") for pair in text.split(",")) if text else ()
    return bool(alive), bool(expired), bool(due), [(bytes.fromhex(key), int(epoch)) for key, epoch in pairs]


def _pick(request: ClaimRequest, params: list[Any]) -> str:
    """The head of the queue: of each workflow by itself, since its index is ordered by rank within a workflow."""
    if not request.workflows:
        return "SELECT NULL AS key, NULL AS epoch WHERE 0"
    queues = ""
    if request.queues:
        marks = ", ".join(f"?{len(params) + n}" for n in range(1, len(request.queues) + 1))
        params += request.queues
        queues = f" AND queue IN ({marks})"
    if request.only is not None:
        params += (request.only, *request.workflows)
        first = len(params) - len(request.workflows)
        marks = ", ".join(f"?{first + n}" for n in range(1, len(request.workflows) + 1))
        return (
            f"SELECT key, epoch FROM stepwell_runs WHERE ns = ?1 AND key = ?{first} AND status = {_QUEUED}"
            f" AND due IS NULL AND workflow IN ({marks}){queues}"
            f" AND (pin IS NULL OR {_pinned(request, params)})"
        )
    params.append(request.limit)
    limit = f"LIMIT ?{len(params)}"
    heads = []
    for workflow, code in zip_longest(request.workflows, request.codes[: len(request.workflows)]):
        params += (workflow, code)
        heads.append(
            "SELECT * FROM (SELECT key, epoch, rank FROM stepwell_runs INDEXED BY stepwell_runs_ready"
            f" WHERE ns = ?1 AND workflow = ?{len(params) - 1} AND status = {_QUEUED} AND due IS NULL"
            f" AND deaths < {ALONE} AND (pin IS NULL OR pin = ?{len(params)}){queues} ORDER BY rank, key {limit})"
        )
    return f"{' UNION ALL '.join(heads)} ORDER BY rank, key {limit}"


def _pinned(request: ClaimRequest, params: list[Any]) -> str:
    """The condition that a run is pinned to the code that the worker has of its workflow."""
    pairs = []
    for pair in zip(request.workflows, request.codes, strict=False):
        params += pair
        pairs.append(f"(?{len(params) - 1}, ?{len(params)})")
    return f"(workflow, pin) IN (VALUES {', '.join(pairs)})" if pairs else "0"


def _read(db: Db, read: Statement, picked: Picked, known: Sequence[bool]) -> list[Claimed]:
    params: list[Value] = []
    for at, (key, _) in enumerate(picked):
        params += (at, key, not known[at])
    ((text, values),) = read.chunks(params)
    rows, entries, items, large = db.one(text, values)
    journals: list[list[tuple[int, bytes]]] = [[] for _ in picked]
    for entry in entries.split("\x1e") if entries else ():
        at, seq, data = entry.split("\x1f")
        journals[int(at)].append((int(seq), data.encode()))
    inboxes: list[list[InboxItem]] = [[] for _ in picked]
    for at, *values in decoded(items):
        inboxes[at].append(inbox_item(values))
    blobs = {int(at): read_blobs(db, picked[int(at)][0]) for at in large.split(",")} if large else {}
    found = {row.key: row for row in with_tags(db, decoded(rows))}
    return [
        Claimed(
            found[key],
            None if known[at] else sorted(journals[at]),
            sorted(inboxes[at], key=lambda item: item.n),
            blobs.get(at, {}),
        )
        for at, (key, _) in enumerate(picked)
    ]
