"""Reading rows, journals and inboxes; nothing here writes."""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.run import Claimed, InboxItem, RunRow
from stepwell.model.status import CODE, TERMINAL
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.rows import ITEM_TYPES, RUN_COLUMNS, inbox_item, run_row, tag, tagged_keys
from stepwell.store.sql.rows import Tag

_RUN: Final = f"SELECT {RUN_COLUMNS} FROM {{runs}} r WHERE r.ns = $1"
_TAGS: Final = "SELECT key, name, kind, value, real FROM {tags} WHERE ns = $1 AND key = ANY($2::bytea[])"
_INBOX: Final = f"SELECT {', '.join(ITEM_TYPES)} FROM {{inbox}} WHERE ns = $1 AND key = $2 AND n > $3 ORDER BY n"
_JOURNAL: Final = "SELECT generation, seq, data FROM {journal} WHERE ns = $1 AND key = $2"
_ORDER: Final = " ORDER BY generation, seq"
_ENDED: Final = sorted(CODE[status] for status in TERMINAL)
_CLOSINGS: Final = """
SELECT r.key, j.data FROM {runs} r CROSS JOIN LATERAL (
    SELECT e.data FROM {journal} e WHERE e.ns = r.ns AND e.key = r.key AND e.generation = r.generation
    ORDER BY e.seq DESC LIMIT 1) j
WHERE r.ns = $1 AND r.key = ANY($2::bytea[]) AND r.status = ANY($3::smallint[]) AND octet_length(j.data) <= $4
"""


async def with_tags(db: Db, values: Sequence[Sequence[Any]]) -> list[RunRow]:
    """Rows from what `RUN_COLUMNS` answered, and the tags of those that have any."""
    keys = tagged_keys(values)
    tags = await read_tags(db, keys) if keys else {}
    return [run_row(row, tags) for row in values]


async def read_tags(db: Db, keys: Sequence[bytes]) -> dict[bytes, dict[str, Tag]]:
    """The tags of runs, by key."""
    found: dict[bytes, dict[str, Tag]] = {key: {} for key in keys}
    for key, name, kind, value, real in await db.all(_TAGS, db.ns, keys):
        found[key][name] = tag(kind, value, real)
    return found


async def read_row(db: Db, key: bytes) -> RunRow | None:
    """A run's row."""
    values = await db.one(_RUN + " AND r.key = $2", db.ns, key)
    return None if values is None else (await with_tags(db, [values]))[0]


async def read_named(db: Db, run_id: str) -> RunRow | None:
    """The run with this user id."""
    values = await db.one(_RUN + " AND r.id = $2", db.ns, run_id)
    return None if values is None else (await with_tags(db, [values]))[0]


async def read_row_by_id(db: Db, run_id: str) -> RunRow | None:
    """The run with this user id, or whose key is written so."""
    named = await read_named(db, run_id)
    if named is not None:
        return named
    try:
        key = bytes.fromhex(run_id)
    except ValueError:
        return None
    return await read_row(db, key) if key.hex() == run_id else None


async def read_rows(db: Db, keys: Sequence[bytes]) -> list[RunRow]:
    """The rows that there are of some keys, by key."""
    sql = _RUN + " AND r.key = ANY($2::bytea[])"
    rows = await with_tags(db, await db.all(sql, db.ns, sorted(set(keys))))
    return sorted(rows, key=lambda row: row.key)


async def read_closings(db: Db, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
    """The last journal rows of those that have ended, none above `most` bytes: of longer ones only the size is read."""
    found = await db.all(_CLOSINGS, db.ns, sorted(set(keys)), _ENDED, most)
    return {key: data.encode() for key, data in found}


async def read_inbox(db: Db, key: bytes, after: int) -> list[InboxItem]:
    """The inbox items of a run numbered above `after`, in order."""
    return [inbox_item(values) for values in await db.all(_INBOX, db.ns, key, after)]


async def read_journal(db: Db, key: bytes, generation: int | None) -> list[tuple[int, int, bytes]]:
    """(generation, seq, data), in order."""
    if generation is None:
        rows = await db.all(_JOURNAL + _ORDER, db.ns, key)
    else:
        rows = await db.all(_JOURNAL + " AND generation = $3" + _ORDER, db.ns, key, generation)
    return [(g, seq, data.encode()) for g, seq, data in rows]


async def read_blobs(db: Db, key: bytes) -> dict[str, bytes]:
    """The blobs of a run, by digest."""
    return dict(await db.all("SELECT digest, data FROM {blobs} WHERE ns = $1 AND key = $2", db.ns, key))


async def read_loaded(db: Db, key: bytes, after_inbox: int) -> Claimed | None:
    """A run with journal, inbox and blobs, as of one moment."""
    async with db.transaction(snapshot=True):
        row = await read_row(db, key)
        if row is None:
            return None
        journal = [(seq, data) for _, seq, data in await read_journal(db, key, row.generation)]
        return Claimed(row, journal, await read_inbox(db, key, after_inbox), await read_blobs(db, key))
