"""What a move carries: the rows of every table in a form that all databases share, and their checksum."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from stepwell.model.status import CODE, RunStatus
from stepwell.store.sql.rows import ITEM, RUN

Row = tuple[Any, ...]


class Table(msgspec.Struct, frozen=True):
    """`key`: the columns by which it is read in order; `batch`: how many rows at once."""

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]
    batch: int = 1000

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the namespace, those of the key first."""
        return self.key + self.rest


TABLES: Final = (
    Table("runs", ("key",), tuple(column for column in RUN if column != "key")),
    Table("journal", ("key", "generation", "seq"), ("epoch", "count", "data"), 500),
    Table("inbox", ("key", "n"), ITEM[1:]),
    Table("blobs", ("key", "digest"), ("data",), 8),
    Table("tags", ("key", "name"), ("value",)),
    Table("messages", ("event", "mailbox", "seq"), ("at", "message_id", "data")),
    Table("waits", ("event", "mailbox", "n"), ("run", "call")),
    Table("sent", ("event", "mailbox", "target", "message_id"), ("at",)),
    Table("subscriptions", ("event", "workflow"), ()),
    Table("records", ("kind", "owner", "id"), ("at", "data"), 500),
)
"""Workers' rows stay behind: nobody's lease goes along."""

_STATUS, _EPOCH, _WORKER = (TABLES[0].columns.index(name) for name in ("status", "epoch", "worker"))
_RUNNING: Final = CODE[RunStatus.RUNNING]
FLAGS: Final = tuple(TABLES[0].columns.index(name) for name in ("cancelling", "tagged"))
"""Where a run's row has truth values, which SQLite keeps as numbers."""


def departed(table: Table, row: Row) -> Row:
    """A row as it arrives: a run that somebody held is queued, under the next epoch (P3)."""
    if table.name != "runs" or row[_STATUS] != _RUNNING:
        return row
    values = list(row)
    values[_STATUS], values[_WORKER] = CODE[RunStatus.QUEUED], None
    values[_EPOCH] += 1
    return tuple(values)


class Sum:
    """Count and checksum of rows; their order has no say."""

    def __init__(self) -> None:
        self.count = 0
        self.digest = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Take in more rows."""
        for row in rows:
            self.count += 1
            number = int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
            self.digest = (self.digest + number) % 2**128

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and (self.count, self.digest) == (other.count, other.digest)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self.count:,} rows, {self.digest:032x}"
