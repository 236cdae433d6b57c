"""Nouns to PostgreSQL's columns and back.

The driver decodes binary rows quickly: no JSON is needed between.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import CODE, STATUS
from stepwell.store.sql.rows import Tag, text

RUN_TYPES: Final = {
    "key": "bytea", "id": "text", "workflow": "text", "queue": "text", "status": "smallint", "priority": "integer",
    "epoch": "integer", "generation": "integer", "inbox": "integer", "worker": "text", "claimed_seq": "integer",
    "deaths": "integer", "due": "float8", "rank": "float8", "created_at": "float8", "started_at": "float8",
    "finished_at": "float8", "expires_at": "float8", "parent": "bytea", "parent_call": "text", "origin": "bytea",
    "digest": "text", "progress": "float8", "note": "text", "reason": "text", "cancelling": "boolean",
    "tagged": "boolean", "options": "text", "pin": "text",
}  # fmt: skip
"""The columns of a run in our order, with their types: for `unnest`."""
RUN: Final = tuple(RUN_TYPES)
RUN_COLUMNS: Final = ", ".join(f"r.{column}" for column in RUN)
"""What `run_row` takes the values of, of a table called r."""
ITEM_TYPES: Final = {
    "n": "integer", "kind": "text", "at": "float8", "event": "text", "mailbox": "text", "call": "text",
    "mail_seq": "bigint", "message_id": "text", "data": "text",
}  # fmt: skip
_TAGGED: Final = RUN.index("tagged")


def run_values(row: RunRow, named: bool) -> tuple[Any, ...]:
    """The values of `RUN`, for an insert."""
    return (
        row.key, row.id if named else None, row.workflow, row.queue, CODE[row.status], row.priority, row.epoch,
        row.generation, row.inbox, row.worker, row.claimed_seq, row.deaths, row.due, row.rank, row.created_at,
        row.started_at, row.finished_at, row.expires_at, row.parent, row.parent_call, row.origin, row.digest,
        row.progress, row.note, row.reason, row.cancelling, bool(row.tags), row.options, row.pin,
    )  # fmt: skip


def run_row(values: Sequence[Any], tags: Mapping[bytes, dict[str, Tag]]) -> RunRow:
    """The row from the values of `RUN_COLUMNS`; `tags` by key, for those that have any."""
    (
        key, id_, workflow, queue, status, priority, epoch, generation, inbox, worker, claimed_seq, deaths, due, rank,
        created_at, started_at, finished_at, expires_at, parent, parent_call, origin, digest, progress, note, reason,
        cancelling, tagged, options, pin,
    ) = values  # fmt: skip
    return RunRow(
        key=key,
        id=key.hex() if id_ is None else id_,
        workflow=workflow,
        queue=queue,
        status=STATUS[status],
        priority=priority,
        epoch=epoch,
        generation=generation,
        inbox=inbox,
        worker=worker,
        claimed_seq=claimed_seq,
        deaths=deaths,
        due=due,
        rank=rank,
        created_at=created_at,
        started_at=started_at,
        finished_at=finished_at,
        expires_at=expires_at,
        parent=parent,
        parent_call=parent_call,
        origin=origin,
        digest=digest,
        progress=progress,
        note=note,
        reason=reason,
        cancelling=cancelling,
        options=options,
        pin=pin,
        tags=tags[key] if tagged else {},
    )


def tagged_keys(rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """The keys, among rows of `RUN_COLUMNS`, of runs whose tags have to be read too."""
    return [values[0] for values in rows if values[_TAGGED]]


def tag_values(value: Tag) -> tuple[int, str, bool]:
    """A tag as (kind, value, real): equal tags have equal kinds and values."""
    if isinstance(value, bool):
        return 1, str(int(value)), False
    if isinstance(value, str):
        return 2, value, False
    if isinstance(value, float) and not value.is_integer():
        return 0, repr(value), True
    return 0, str(int(value)), isinstance(value, float)


def tag(kind: int, value: str, real: bool) -> Tag:
    """A tag from (kind, value, real)."""
    if kind == 1:
        return value == "1"
    if kind == 2:
        return value
    return float(value) if real else int(value)


def item_values(item: InboxItem) -> tuple[Any, ...]:
    """The values of `ITEM_TYPES`, for an insert. Raises UnicodeDecodeError when the data is not text."""
    return (
        item.n, item.kind, item.at, item.event, item.key, item.call, item.mail_seq, item.message_id, text(item.data),
    )  # fmt: skip


def inbox_item(values: Sequence[Any]) -> InboxItem:
    """The item from the values of `ITEM_TYPES`."""
    n, kind, at, event, key, call, mail_seq, message_id, data = values
    return InboxItem(n=n, kind=kind, at=at, event=event, key=key, call=call, mail_seq=mail_seq,
                     message_id=message_id, data=msgspec.Raw(data.encode()))  # fmt: skip


_DUMMIES: Final = {
    "workflow": "''", "queue": "''", "status": "0", "priority": "0", "epoch": "0", "generation": "0", "inbox": "0",
    "claimed_seq": "0", "deaths": "0", "rank": "0", "created_at": "0", "digest": "''", "cancelling": "false",
    "tagged": "false",
}  # fmt: skip
"""What may not be NULL."""


def update_by_key(columns: Mapping[str, str], source: str) -> str:
    """Set columns of runs that are there (and locked) to the values of `source`, which has a `key`.

    Written as an insert that always conflicts: a row is then found by its key in any case, whereas a planner who
    takes the table for small may well join an UPDATE the other way round, and read all there is.
    """
    given = {**_DUMMIES, **columns}
    sets = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {{runs}} AS r (ns, key, {', '.join(given)}) SELECT $1, key, {', '.join(given.values())}"
        f" FROM {source} ON CONFLICT (ns, key) DO UPDATE SET {sets}"
    )
