"""The hot statement: plain starts and the writes of holders, many of them in one round trip and one commit.

Everything that a guard depends on is read from rows that the statement has locked (`SKIP LOCKED` gives the newest
version of a row). What is read beside them, waits and items, is as old as the statement: it counts only where the
locked row shows that nothing has come meanwhile. Rows are found by correlated look-ups and by lists of unknown length,
so that no plan, made when a table was small, reads a whole table later.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from stepwell.model.change import Change, NewRun, Patch
from stepwell.model.status import CODE, RunStatus
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.rows import RUN_TYPES, update_by_key
from stepwell.store.sql.hot import is_own
from stepwell.store.sql.rows import text

STALE, UNCLEAN, MISSING, BUSY = -1, -2, -3, -4
_RUNNING: Final = CODE[RunStatus.RUNNING]
_QUEUED: Final = CODE[RunStatus.QUEUED]

START: Final = (
    "key", "id", "workflow", "queue", "status", "priority", "epoch", "generation", "worker", "claimed_seq", "due",
    "rank", "created_at", "started_at", "digest", "options",
)  # fmt: skip
"""The columns in which plain starts differ."""
_START: Final = {**{column: RUN_TYPES[column] for column in START}, "data": "text"}
_OF_WORKER: Final = {"status": _QUEUED, "epoch": 0, "worker": "NULL", "started_at": "NULL"}
"""What a run gets instead when the worker that it was created for is gone."""
_HOLD: Final = {
    "key": "bytea", "epoch": "integer", "generation": "integer", "seq": "integer", "count": "integer", "data": "text",
    "taken": "integer", "patched": "boolean", "free": "boolean", "seen": "integer", "status": "smallint",
    "due": "float8", "rank": "float8", "finished_at": "float8", "expires_at": "float8", "progress": "float8",
    "note": "text", "reason": "text",
}  # fmt: skip
_NO_PATCH: Final = (False, False, None, None, None, None, None, None, None, None, None)
_RARE: Final = (("id", "due"), ("seen", "due", "rank"), ("expires_at", "progress", "note", "reason"))
"""Columns that are NULL in nearly every group: left out of it then, a set at a time, so that texts stay few."""


def is_plain_start(c: Change, new: NewRun) -> bool:
    """Whether a change is a start and nothing else, of a run of its own without tags and blobs."""
    row = new.row
    return not (
        row.tags
        or new.blobs
        or row.parent
        or row.origin
        or row.inbox
        or row.deaths
        or row.pin
        or row.note
        or row.reason
        or row.parent_call
        or row.cancelling
        or c.data
        or c.start
        or c.post
        or c.blobs
        or c.patch
        or c.arm
        or c.send is not None
        or row.progress is not None
        or row.expires_at is not None
        or row.finished_at is not None
    )


def is_hot(c: Change) -> bool:
    """Whether a holder's change concerns its own run alone, and gives it no values but the usual ones."""
    return is_own(c) and (c.patch is None or _is_usual(c.patch))


def _is_usual(p: Patch) -> bool:
    return not (
        p.bump
        or p.reopen
        or p.generation is not None
        or p.deaths is not None
        or p.cancelling is not None
        or p.digest is not None
        or p.pin is not None
    )


class Answer:
    """What the hot statement did. `made`: the keys that were inserted, None for all; `alive`: workers of them.

    `marks`: for each holder's change the inbox mark, or why nothing was written (`STALE` and so on); from the first
    `UNCLEAN` on, nothing was. None when some start was there already: no holder's change was tried.
    """

    __slots__ = ("alive", "made", "marks")

    def __init__(self, made: list[bytes] | None, alive: list[str] | None, marks: list[int] | None) -> None:
        self.made = None if made is None else frozenset(made)
        self.alive = frozenset(alive or ())
        self.marks = marks


async def write(db: Db, starts: Sequence[NewRun], holds: Sequence[Change], lock_timeout_s: float) -> Answer:
    """Commit starts and holders' changes, all of different runs. Raises the driver's errors."""
    took = [(c.run, n) for c in holds for n in c.took]
    params: list[Any] = [db.ns]
    new = _columns(_START, map(_start_values, starts), params) if starts else ()
    held = _columns(_HOLD, map(_hold_values, holds), params) if holds else ()
    if took:
        params += zip(*took, strict=True)
    settings = f"set_config('lock_timeout', '{round(lock_timeout_s * 1000)}', true)"
    if not db.home.durable:
        settings += ", set_config('synchronous_commit', 'off', true)"
    row = await db.one(_text(new, held, bool(took), settings), *params)
    return Answer(row["made"], row["alive"], row["marks"])


def _columns(types: Mapping[str, str], rows: Iterable[tuple[Any, ...]], params: list[Any]) -> tuple[str, ...]:
    """Add the columns of some rows to the parameters; the names of those that are not left out."""
    columns = dict(zip(types, zip(*rows, strict=True), strict=True))
    count = len(columns["key"])
    for rare in _RARE:
        if all(name in columns and columns[name].count(None) == count for name in rare):
            for name in rare:
                del columns[name]
    params += [_literal(types[name], values) for name, values in columns.items()]
    return tuple(columns)


def _literal(type_: str, values: tuple[Any, ...]) -> str:
    """The text of an array: of a list, the driver looks at each element twice, in Python."""
    if type_ == "text":
        elements = ",".join(["NULL" if value is None else _quoted(value) for value in values])
    elif type_ == "bytea":
        elements = ",".join([f'"\\\\x{value.hex()}"' for value in values])
    else:
        elements = str(list(values))[1:-1].replace("None", "NULL")
    return "{" + elements + "}"


def _quoted(element: str) -> str:
    escaped = element.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _start_values(new: NewRun) -> tuple[Any, ...]:
    row = new.row
    return (
        row.key, row.id if new.named else None, row.workflow, row.queue, CODE[row.status], row.priority, row.epoch,
        row.generation, row.worker, row.claimed_seq, row.due, row.rank, row.created_at, row.started_at, row.digest,
        row.options, text(new.started),
    )  # fmt: skip


def _hold_values(c: Change) -> tuple[Any, ...]:
    p = c.patch
    return (
        c.run, c.epoch, c.generation, c.seq, c.count, text(c.data) if c.data else None,
        len(c.took) if c.closes else None,
        *(_NO_PATCH if p is None else (
            True, p.release, p.seen, _RUNNING if p.status is None else CODE[p.status], p.due, p.rank, p.finished_at,
            p.expires_at, p.progress, p.note, p.reason,
        )),
    )  # fmt: skip


# -- the text --------------------------------------------------------------------------------------------------

_ALL: Final = "((SELECT count(*) FROM ins) = (SELECT count(*) FROM s))"
"""Every start was new. Else no holder's change is tried: how a start is answered may depend on which came first."""


@cache
def _text(starts: tuple[str, ...], holds: tuple[str, ...], took: bool, settings: str) -> str:
    """The statement for these columns of starts and of holders' changes."""
    at = 2
    # Set before the first row is written, and for this transaction alone.
    parts = [f"cfg AS MATERIALIZED (SELECT {settings})"]
    answer = ["NULL::bytea[] AS made, NULL::text[] AS alive", "NULL::integer[] AS marks"]
    if starts:
        parts += _start_parts(at, starts)
        at += len(starts)
        answer[0] = (
            f"CASE WHEN NOT {_ALL} THEN coalesce((SELECT array_agg(key) FROM ins), ARRAY[]::bytea[]) END AS made,"
            " (SELECT array_agg(id) FROM alive) AS alive"
        )
    if holds:
        parts += _hold_parts(at, holds, bool(starts))
        at += len(holds)
        if took:
            parts.append(_TOOK.format(keys=at, numbers=at + 1))
        answer[1] = f"(SELECT array_agg(mark ORDER BY at) FROM held{f' WHERE {_ALL}' if starts else ''}) AS marks"
    return f"WITH {', '.join(parts)} SELECT {', '.join(answer)}"


def _given(types: Mapping[str, str], names: Sequence[str], first: int) -> tuple[str, str, str]:
    """What is selected of parameters from `$first` on: their arrays, their names, and the NULLs of what is left out."""
    arrays = ", ".join(f"${n}::text::{types[name]}[]" for n, name in enumerate(names, first))
    absent = "".join(f", NULL::{type_} AS {name}" for name, type_ in types.items() if name not in names)
    return arrays, ", ".join(names), absent


def _start_parts(first: int, names: Sequence[str]) -> list[str]:
    arrays, given, absent = _given(_START, names, first)
    values = ", ".join(
        f"CASE WHEN s.worker IS NULL OR alive.id IS NOT NULL THEN s.{c} ELSE {_OF_WORKER[c]} END"
        if c in _OF_WORKER
        else f"s.{c}"
        for c in START
    )
    return [
        f"s AS MATERIALIZED (SELECT s.*{absent} FROM cfg, unnest({arrays}) AS s({given}))",
        _ALIVE.format(worker=first + names.index("worker")),
        _INSERT.format(columns=", ".join(START), values=values),
        _BEGIN,
    ]


# The lock keeps `bury` and `stop` from passing the worker by while runs are created in its name.
_ALIVE: Final = (
    "alive AS MATERIALIZED (SELECT id FROM {{workers}} WHERE ns = $1 AND id = ANY(${worker}::text::text[]) AND NOT dead"
    " ORDER BY id FOR KEY SHARE)"
)
# By id: two groups with the same ids then wait for each other in one direction only.
_INSERT: Final = (
    "ins AS (INSERT INTO {{runs}} (ns, {columns}, inbox, deaths, cancelling, tagged)"
    " SELECT $1, {values}, 0, 0, false, false FROM s LEFT JOIN alive ON alive.id = s.worker"
    " ORDER BY s.id, s.key ON CONFLICT DO NOTHING RETURNING key, generation, epoch)"
)
_BEGIN: Final = (
    "begun AS (INSERT INTO {journal} (ns, key, generation, seq, epoch, count, data)"
    " SELECT $1, ins.key, ins.generation, 0, ins.epoch, greatest(1, s.claimed_seq), s.data"
    " FROM ins JOIN s ON s.key = ins.key)"
)


def _hold_parts(first: int, names: Sequence[str], starts: bool) -> list[str]:
    arrays, given, absent = _given(_HOLD, names, first)
    # From the first one on that is not clean, all are left: what it puts back may come to a run of a later one.
    go = f"mark >= 0 AND at < coalesce((SELECT min(at) FROM held WHERE mark = {UNCLEAN}), 1000000000)"
    if starts:
        go += f" AND {_ALL}"
    return [
        f"v AS MATERIALIZED (SELECT v.*{absent} FROM cfg, unnest({arrays}) WITH ORDINALITY AS v({given}, at))",
        _HELD,
        f"good AS MATERIALIZED (SELECT * FROM held WHERE {go})",
        _APPEND,
        _PATCH,
    ]


_FREED: Final = f"v.free AND l.epoch = v.epoch AND l.status = {_RUNNING} AND (v.seen IS NULL OR l.inbox <= v.seen)"
_PATCHED: Final = {
    "worker": f"CASE WHEN {_FREED} THEN NULL ELSE l.worker END",
    "status": f"CASE WHEN {_FREED} THEN v.status ELSE l.status END",
    "due": f"CASE WHEN {_FREED} THEN v.due ELSE l.due END",
    "rank": f"CASE WHEN {_FREED} THEN coalesce(v.rank, l.rank) ELSE l.rank END",
    "finished_at": "coalesce(v.finished_at, l.finished_at)",
    "expires_at": "coalesce(v.expires_at, l.expires_at)",
    "progress": "coalesce(v.progress, l.progress)",
    "note": "CASE WHEN v.note IS NULL THEN l.note ELSE nullif(v.note, '') END",
    "reason": "CASE WHEN v.reason IS NULL THEN l.reason ELSE nullif(v.reason, '') END",
}
_HELD: Final = f"""held AS MATERIALIZED (
    SELECT v.at, v.key, v.generation, v.seq, v.epoch, v.count, v.data, v.patched,
    {", ".join(f"r.{column}" for column in _PATCHED)}, CASE
    WHEN r.is_epoch IS NULL THEN CASE
        WHEN (SELECT s.epoch FROM {{runs}} s WHERE s.ns = $1 AND s.key = v.key) IS NULL THEN {MISSING} ELSE {BUSY} END
    WHEN r.is_epoch <> v.epoch OR r.is_status <> {_RUNNING} THEN {STALE}
    WHEN v.taken IS NULL THEN r.inbox
    WHEN (SELECT w.n FROM {{waits}} w WHERE w.ns + 0 = $1 AND w.run = v.key LIMIT 1) IS NOT NULL THEN {UNCLEAN}
    WHEN r.inbox = 0 THEN 0
    WHEN v.taken = (SELECT count(*) FROM {{inbox}} i WHERE i.ns = $1 AND i.key = v.key)
        AND r.inbox = (SELECT s.inbox FROM {{runs}} s WHERE s.ns = $1 AND s.key = v.key) THEN r.inbox
    ELSE {UNCLEAN} END AS mark
    FROM v LEFT JOIN LATERAL (
        SELECT l.epoch AS is_epoch, l.status AS is_status, l.inbox,
        {", ".join(f"{value} AS {column}" for column, value in _PATCHED.items())}
        FROM {{runs}} l WHERE l.ns = $1 AND l.key = v.key FOR NO KEY UPDATE SKIP LOCKED) r ON true)"""
_APPEND: Final = (
    "app AS (INSERT INTO {journal} (ns, key, generation, seq, epoch, count, data)"
    " SELECT $1, key, generation, seq, epoch, count, data FROM good WHERE data IS NOT NULL)"
)
_PATCH: Final = f"upd AS ({update_by_key({column: column for column in _PATCHED}, 'good WHERE patched')})"
_TOOK: Final = (
    "tak AS (DELETE FROM {{inbox}} WHERE ctid = ANY(ARRAY(SELECT l.ctid"
    " FROM unnest(${keys}::bytea[], ${numbers}::integer[]) AS t(key, n), LATERAL (SELECT i.ctid FROM {{inbox}} i"
    " WHERE i.ns = $1 AND i.key = t.key AND i.n = t.n OFFSET 0) l WHERE t.key IN (SELECT key FROM good))))"
)
