"""Reading rows, journals and inboxes; nothing here writes."""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.run import Claimed, InboxItem, RunRow
from stepwell.model.status import CODE, TERMINAL
from stepwell.store.sql.dialect import SQLITE
from stepwell.store.sql.rows import (
    ITEM,
    Tag,
    decoded,
    inbox_item,
    run_columns,
    run_row,
    tag,
    tagged_keys,
)
from stepwell.store.sqlite.connection import Db

RUN_ARRAYS: Final = SQLITE.arrays(run_columns(SQLITE))
_ONE: Final = f"SELECT {SQLITE.array(run_columns(SQLITE))} FROM stepwell_runs r WHERE r.ns = ?"
_INBOX: Final = f"SELECT {', '.join(ITEM)} FROM stepwell_inbox WHERE ns = ? AND key = ? AND n > ? ORDER BY n"
_CHUNK: Final = 500
_CLOSINGS: Final = (
    "SELECT r.key, j.data FROM stepwell_runs r JOIN stepwell_journal j ON j.ns = r.ns AND j.key = r.key"
    " AND j.generation = r.generation AND j.seq = (SELECT max(e.seq) FROM stepwell_journal e"
    " WHERE e.ns = r.ns AND e.key = r.key AND e.generation = r.generation)"
    f" WHERE r.status IN ({', '.join(str(CODE[status]) for status in sorted(TERMINAL))}) AND octet_length(j.data) <= ?"
)


def with_tags(db: Db, values: Sequence[Sequence[Any]]) -> list[RunRow]:
    """Rows from what `RUN_ARRAYS` answered, and the tags of those that have any."""
    keys = tagged_keys(values)
    tags = read_tags(db, keys) if keys else {}
    return [run_row(row, tags) for row in values]


def read_tags(db: Db, keys: Sequence[bytes]) -> dict[bytes, dict[str, Tag]]:
    """The tags of runs, by key."""
    found: dict[bytes, dict[str, Tag]] = {key: {} for key in keys}
    for at in range(0, len(keys), _CHUNK):
        some = keys[at : at + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT key, name, kind, value FROM stepwell_tags WHERE ns = ? AND key IN ({marks})"
        for key, name, kind, value in db.all(sql, (db.ns, *some)):
            found[key][name] = tag(kind, value)
    return found


def read_row(db: Db, key: bytes) -> RunRow | None:
    """A run's row."""
    text = db.value(_ONE + " AND r.key = ?", (db.ns, key))
    return None if text is None else with_tags(db, [decoded(f"[{text}]")[0]])[0]


def read_named(db: Db, run_id: str) -> RunRow | None:
    """The run with this user id."""
    text = db.value(_ONE + " AND r.id = ?", (db.ns, run_id))
    return None if text is None else with_tags(db, decoded(f"[{text}]"))[0]


def read_row_by_id(db: Db, run_id: str) -> RunRow | None:
    """The run with this user id, or whose key is written so."""
    named = read_named(db, run_id)
    if named is not None:
        return named
    try:
        key = bytes.fromhex(run_id)
    except ValueError:
        return None
    return read_row(db, key) if key.hex() == run_id else None


def read_rows(db: Db, keys: Sequence[bytes]) -> list[RunRow]:
    """The rows that there are of some keys, by key."""
    found: list[RunRow] = []
    wanted = sorted(set(keys))
    for at in range(0, len(wanted), _CHUNK):
        some = wanted[at : at + _CHUNK]
        sql = f"SELECT {RUN_ARRAYS} FROM stepwell_runs r WHERE r.ns = ? AND r.key IN ({', '.join('?' * len(some))})"
        found += with_tags(db, decoded(db.value(sql, (db.ns, *some))))
    return sorted(found, key=lambda row: row.key)


def read_closings(db: Db, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
    """The last journal rows of those that have ended, none above `most` bytes."""
    found: dict[bytes, bytes] = {}
    wanted = sorted(set(keys))
    for at in range(0, len(wanted), _CHUNK):
        some = wanted[at : at + _CHUNK]
        sql = f"{_CLOSINGS} AND r.ns = ? AND r.key IN ({', '.join('?' * len(some))})"
        found.update((key, data.encode()) for key, data in db.all(sql, (most, db.ns, *some)))
    return found


def read_inbox(db: Db, key: bytes, after: int) -> list[InboxItem]:
    """The inbox items of a run numbered above `after`, in order."""
    return [inbox_item(values) for values in db.all(_INBOX, (db.ns, key, after))]


def read_journal(db: Db, key: bytes, generation: int | None) -> list[tuple[int, int, bytes]]:
    """(generation, seq, data), in order."""
    sql = "SELECT generation, seq, data FROM stepwell_journal WHERE ns = ? AND key = ?"
    params: list[Any] = [db.ns, key]
    if generation is not None:
        sql += " AND generation = ?"
        params.append(generation)
    return [(g, seq, data.encode()) for g, seq, data in db.all(sql + " ORDER BY generation, seq", params)]


def read_blobs(db: Db, key: bytes) -> dict[str, bytes]:
    """The blobs of a run, by digest."""
    return dict(db.all("SELECT digest, data FROM stepwell_blobs WHERE ns = ? AND key = ?", (db.ns, key)))


def read_loaded(db: Db, key: bytes, after_inbox: int) -> Claimed | None:
    """A run with journal, inbox and blobs, as of one moment."""
    db.conn.execute("BEGIN")
    try:
        row = read_row(db, key)
        if row is None:
            return None
        journal = [(seq, data) for _, seq, data in read_journal(db, key, row.generation)]
        return Claimed(row, journal, read_inbox(db, key, after_inbox), read_blobs(db, key))
    finally:
        db.conn.execute("COMMIT")
