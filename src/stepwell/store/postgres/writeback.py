"""Writes what has become of an extract back to the database, in a few statements."""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.extract import PROVISIONAL, Extract
from stepwell.store.postgres.needs import Again
from stepwell.store.postgres.rows import ITEM_TYPES, RUN, RUN_TYPES, item_values, tag_values, update_by_key
from stepwell.store.sql.rows import text

_CHANGING: Final = (
    "status", "epoch", "generation", "inbox", "worker", "claimed_seq", "deaths", "due", "rank", "finished_at",
    "expires_at", "digest", "progress", "note", "reason", "cancelling", "pin",
)  # fmt: skip
"""What a change may change of a run."""
_NUMBERS: Final = "SELECT nextval('{schema}.mail') FROM generate_series(1, $1)"

Rows = Sequence[Sequence[Any]]


class _Part:
    """One write of many rows: a statement with `{rows}` for the unnested arrays of these types."""

    def __init__(self, text_: str, types: Sequence[str]) -> None:
        self.text = text_
        self.types = types


def _insert(table: str, columns: dict[str, str], conflict: str = "") -> _Part:
    names = ", ".join(columns)
    return _Part(f"INSERT INTO {{{table}}} (ns, {names}) SELECT $1, v.* FROM {{rows}} AS v{conflict}",
                 list(columns.values()))  # fmt: skip


def _delete(table: str, columns: dict[str, str]) -> _Part:
    names = ", ".join(f"v{n}" for n, _ in enumerate(columns))
    match = " AND ".join(f"t.{column} = v.v{n}" for n, column in enumerate(columns))
    found = f"SELECT t.ctid FROM {{{table}}} t WHERE t.ns = $1 AND {match} OFFSET 0"
    return _Part(f"DELETE FROM {{{table}}} WHERE ctid = ANY(ARRAY(SELECT l.ctid FROM {{rows}} AS v({names}),"
                 f" LATERAL ({found}) l))", list(columns.values()))  # fmt: skip


_GONE_ITEMS: Final = _delete("inbox", {"key": "bytea", "n": "integer"})
_GONE_MESSAGES: Final = _delete("messages", {"event": "text", "mailbox": "text", "seq": "bigint"})
_GONE_WAITS: Final = _delete("waits", {"event": "text", "mailbox": "text", "n": "bigint"})
# By id: two groups that make the same ids then wait for each other in one direction only.
_RUNS: Final = _insert("runs", RUN_TYPES, f" ORDER BY {RUN.index('id') + 2}, 2 ON CONFLICT DO NOTHING RETURNING key")
_JOURNAL: Final = _insert("journal", {
    "key": "bytea", "generation": "integer", "seq": "integer", "epoch": "integer", "count": "integer", "data": "text"
})  # fmt: skip
_BLOBS: Final = _insert("blobs", {"key": "bytea", "digest": "text", "data": "bytea"}, " ON CONFLICT DO NOTHING")
_TAGS: Final = _insert("tags", {"key": "bytea", "name": "text", "kind": "smallint", "value": "text", "real": "boolean"},
                       " ON CONFLICT DO NOTHING")  # fmt: skip
_ITEMS: Final = _insert("inbox", {"key": "bytea", **ITEM_TYPES})
_MESSAGES: Final = _insert("messages", {
    "event": "text", "mailbox": "text", "seq": "bigint", "at": "float8", "message_id": "text", "data": "text"
}, " ON CONFLICT DO NOTHING")  # fmt: skip
_WAITS: Final = _insert("waits", {
    "event": "text", "mailbox": "text", "n": "bigint", "run": "bytea", "call": "text"
})  # fmt: skip
_SENT: Final = _insert("sent", {
    "event": "text", "mailbox": "text", "target": "bytea", "message_id": "text", "at": "float8"
})  # fmt: skip
_UPDATE: Final = _Part(
    update_by_key({c: f"v.{c}" for c in _CHANGING}, f"{{rows}} AS v(key, {', '.join(_CHANGING)})"),
    ["bytea", *(RUN_TYPES[c] for c in _CHANGING)],
)


async def write(db: Db, extract: Extract) -> None:
    """Write, inside the transaction that has locked what was read. Raises Again: a run to make was there already."""
    made = [run for run in extract.runs.values() if run.made is not None]
    first: list[tuple[_Part, Rows]] = [
        (_GONE_ITEMS, extract.gone_items),
        (_GONE_MESSAGES, [(*place, seq) for place, seq in extract.gone_messages]),
        (_GONE_WAITS, [(*place, n) for place, n in extract.gone_waits]),
        (_RUNS, [[run[c] for c in RUN] for run in made]),
        (_JOURNAL, extract.appended),
    ]
    real: list[int] = []
    if extract.numbers:
        # Numbers are not given back by a rollback: they are taken when nothing can be there already any more. And a
        # call that waits again loses its old wait before it gets the new one.
        await _run(db, first, len(made), extract)
        first, made = [], []
        real = sorted(n for (n,) in await db.all(_NUMBERS, extract.numbers))
    await _run(db, [*first, *_others(extract, real)], len(made), extract)


def _others(extract: Extract, real: list[int]) -> list[tuple[_Part, Rows]]:
    def number(n: int) -> int:
        return real[n - PROVISIONAL] if n >= PROVISIONAL else n

    items = []
    for (key, _), item in extract.new_items.items():
        values = list(item_values(item))
        values[_MAIL_SEQ] = number(item.mail_seq)
        items.append((key, *values))
    tags = [(key, run.tags) for key, run in extract.runs.items() if run.made is not None and run.tags]
    changed = [run for run in extract.runs.values() if run.new and run.made is None]
    return [
        (_BLOBS, extract.blobs),
        (_TAGS, [(key, name, *tag_values(value)) for key, named in tags for name, value in named.items()]),
        (_ITEMS, items),
        (_MESSAGES, [(*place, number(seq), item.at, item.message_id, text(item.data))
                     for (place, seq), item in extract.new_messages.items()]),
        (_WAITS, [(*place, number(n), run, call) for n, (place, run, call) in extract.new_waits.items()]),
        (_SENT, [(*name, at) for name, at in extract.remembered]),
        (_UPDATE, [(run["key"], *(run[c] for c in _CHANGING)) for run in changed]),
    ]  # fmt: skip


_MAIL_SEQ: Final = list(ITEM_TYPES).index("mail_seq")


async def _run(db: Db, parts: Sequence[tuple[_Part, Rows]], made: int, extract: Extract) -> None:
    """Execute all parts that have rows, as one statement. Raises Again when fewer runs than `made` were new."""
    texts: list[str] = []
    params: list[Any] = [db.ns]
    count = "0"
    for part, rows in parts:
        if rows:
            if part is _RUNS:
                count = f"(SELECT count(*) FROM p{len(texts)})"
            arrays = ", ".join(f"${len(params) + n + 1}::{type_}[]" for n, type_ in enumerate(part.types))
            texts.append(f"p{len(texts)} AS ({part.text.replace('{rows}', f'unnest({arrays})')})")
            params += (list(column) for column in zip(*rows, strict=True))
    if texts and await db.value(f"WITH {', '.join(texts)} SELECT {count}", *params) < made:
        extract.needs.probing = True
        raise Again
