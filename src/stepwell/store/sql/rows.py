"""Nouns to columns and back: the one place that knows the order of the columns.

Rows are read as JSON arrays in one text (see `dialect`): fetching many rows one by one costs more than decoding
them, above all where each fetch lets go of the interpreter's lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from stepwell.errors import StoreCorrupt
from stepwell.model.run import InboxItem, RunRow, WorkerRow
from stepwell.model.status import CODE, STATUS
from stepwell.store.sql.dialect import Dialect

Tag = str | int | float | bool
Value = str | int | float | bytes | None

# The rare ones last: a row that has none of them is read the short way.
_USUAL: Final = (
    "key", "id", "workflow", "queue", "status", "priority", "epoch", "generation", "inbox", "worker", "claimed_seq",
    "deaths", "due", "rank", "created_at", "started_at", "digest", "cancelling", "tagged",
)  # fmt: skip
_RARE: Final = (
    "finished_at", "expires_at", "parent", "parent_call", "origin", "progress", "note", "reason", "options", "pin",
)  # fmt: skip
RUN: Final = _USUAL + _RARE
ITEM: Final = ("n", "kind", "at", "event", "mailbox", "call", "mail_seq", "message_id", "data")
WORKER: Final = (
    "id", "host", "pid", "version", "concurrency", "started_at", "beat_at", "expires_at", "held", "queues", "offers",
    "lag", "draining",
)  # fmt: skip
_BYTES: Final = frozenset({"key", "parent", "origin"})
_KIND_NUMBER, _KIND_BOOL, _KIND_TEXT = range(3)

_NONE_RARE: Final = [None, None, "", None, "", None, None, None, None, None]

_decode = msgspec.json.Decoder(list[list[Any]]).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_offers = msgspec.json.Decoder(dict[str, str]).decode
_from_hex = bytes.fromhex


def run_columns(dialect: Dialect, table: str = "r") -> list[str]:
    """The expressions that `run_row` takes the values of."""
    return [dialect.as_hex(f"{table}.{c}") if c in _BYTES else f"{table}.{c}" for c in RUN]


def item_columns(table: str = "i") -> list[str]:
    """The expressions that `inbox_item` takes the values of."""
    return [f"{table}.{c}" for c in ITEM]


def decoded(text: str | None) -> list[list[Any]]:
    """Rows from their JSON text. Raises StoreCorrupt."""
    try:
        return _decode(text) if text else []
    except msgspec.DecodeError as error:
        raise StoreCorrupt("rows of the database cannot be read") from error


def run_values(row: RunRow, named: bool) -> list[Value]:
    """The values of `RUN`, for an insert."""
    return [
        row.key, row.id if named else None, row.workflow, row.queue, CODE[row.status], row.priority, row.epoch,
        row.generation, row.inbox, row.worker, row.claimed_seq, row.deaths, row.due, row.rank, row.created_at,
        row.started_at, row.digest, row.cancelling, 1 if row.tags else 0, row.finished_at, row.expires_at, row.parent,
        row.parent_call, row.origin, row.progress, row.note, row.reason, row.options, row.pin,
    ]  # fmt: skip


def run_row(values: Sequence[Any], tags: Mapping[bytes, dict[str, Tag]]) -> RunRow:
    """The row from the values of `run_columns`; `tags` by key, for those that have any."""
    (
        key_hex, id_, workflow, queue, status, priority, epoch, generation, inbox, worker, claimed_seq, deaths, due,
        rank, created_at, started_at, digest, cancelling, tagged, *rare,
    ) = values  # fmt: skip
    key = _from_hex(key_hex)
    row = RunRow(
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
        digest=digest,
        cancelling=cancelling == 1,
        tags=tags[key] if tagged else {},
    )
    return row if rare == _NONE_RARE else _with_rare(row, rare)


def _with_rare(row: RunRow, values: Sequence[Any]) -> RunRow:
    finished_at, expires_at, parent, parent_call, origin, progress, note, reason, options, pin = values
    return replace(
        row,
        finished_at=finished_at,
        expires_at=expires_at,
        parent=_from_hex(parent) if parent else None,
        parent_call=parent_call,
        origin=_from_hex(origin) if origin else None,
        progress=progress,
        note=note,
        reason=reason,
        options=options,
        pin=pin,
    )


def tagged_keys(rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """The keys, among rows read by `run_columns`, of runs whose tags have to be read too."""
    at = RUN.index("tagged")
    return [_from_hex(values[0]) for values in rows if values[at]]


def tag_values(value: Tag) -> tuple[int, Value]:
    """A tag as (kind, value)."""
    if isinstance(value, bool):
        return _KIND_BOOL, int(value)
    return _KIND_TEXT if isinstance(value, str) else _KIND_NUMBER, value


def tag(kind: int, value: Any) -> Tag:
    """A tag from its (kind, value)."""
    found: Tag = bool(value) if kind == _KIND_BOOL else value
    return found


def item_values(item: InboxItem) -> list[Value]:
    """The values of `ITEM`, for an insert. Raises UnicodeDecodeError when the data is not text."""
    return [
        item.n, item.kind, item.at, item.event, item.key, item.call, item.mail_seq, item.message_id, text(item.data),
    ]  # fmt: skip


def inbox_item(values: Sequence[Any]) -> InboxItem:
    """The item from the values of `item_columns`."""
    n, kind, at, event, key, call, mail_seq, message_id, data = values
    return InboxItem(n=n, kind=kind, at=at, event=event, key=key, call=call, mail_seq=mail_seq,
                     message_id=message_id, data=msgspec.Raw(data.encode()))  # fmt: skip


def worker_values(row: WorkerRow) -> list[Value]:
    """The values of `WORKER`, for an insert; lists and maps as JSON text."""
    return [
        row.id, row.host, row.pid, row.version, row.concurrency, row.started_at, row.beat_at, row.expires_at, row.held,
        text(msgspec.json.encode(row.queues)), text(msgspec.json.encode(row.offers)), row.lag, row.draining,
    ]  # fmt: skip


def worker_row(values: Sequence[Any]) -> WorkerRow:
    """The row from the values of `WORKER`."""
    found: dict[str, Any] = dict(zip(WORKER, values, strict=True))
    found["queues"], found["offers"] = _decode_names(found["queues"]), _decode_offers(found["offers"])
    found["draining"] = bool(found["draining"])
    return WorkerRow(**found)


def text(data: bytes | msgspec.Raw) -> str:
    """JSON as the text it is stored as. Raises UnicodeDecodeError."""
    return bytes(data).decode()
