"""A run filter as conditions, each with its parameters, over `stepwell_runs r`."""

from collections.abc import Sequence
from typing import Final

from stepwell.model.run import RunFilter, lowered
from stepwell.model.status import CODE
from stepwell.store.sql.dialect import SQLITE, Dialect
from stepwell.store.sql.rows import Value, tag_values

LAST = "\U0010ffff"
"""Above every character: ids compare by code point, so that a prefix is a range."""

LONGEST_LIKE: Final = 1000
"""Longer patterns are refused by SQLite, from some ten thousand bytes on."""
_WILD: Final = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
_HEX: Final = frozenset("0123456789abcdefABCDEF")

Condition = tuple[str, list[Value]]


def conditions(which: RunFilter, ns: int, after: bytes | None = None, dialect: Dialect = SQLITE) -> list[Condition]:
    """Everything that a run must fulfil."""
    found: list[Condition] = [("r.ns = ?", [ns])]
    if after is not None:
        found.append(("r.key < ?", [after]))
    found += _one_of("r.status", [CODE[status] for status in which.status])
    found += _one_of("r.workflow", which.workflow)
    found += _one_of("r.queue", which.queue)
    if which.id_prefix:
        found.append(_prefixed(which.id_prefix))
    if which.parent is not None:
        found.append(("r.parent = ?", [which.parent]))
    if which.since is not None:
        found.append(("r.created_at >= ?", [which.since]))
    if which.until is not None:
        found.append(("r.created_at < ?", [which.until]))
    if which.reason:
        found.append(("r.reason >= ? AND r.reason < ?", [which.reason, which.reason + LAST]))
    if which.pinned is not None:
        found.append(("r.pin IS NOT NULL" if which.pinned else "r.pin IS NULL", []))
    if which.text:
        found.append(_contains(which.text, dialect))
    for name, wanted in which.tags.items():
        tagged = "SELECT 1 FROM stepwell_tags t WHERE t.ns = r.ns AND t.key = r.key"
        found.append((f"EXISTS ({tagged} AND t.name = ? AND t.kind = ? AND t.value = ?)", [name, *tag_values(wanted)]))
    return found


def joined(found: Sequence[Condition]) -> Condition:
    """All conditions as one."""
    return " AND ".join(text for text, _ in found), [value for _, values in found for value in values]


def key_range(prefix: str) -> tuple[bytes, bytes] | None:
    """The keys whose text begins so, from the first to the last; None when there can be none."""
    if len(prefix) > 32 or prefix != prefix.lower():
        return None
    try:
        return bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
    except ValueError:
        return None


def _prefixed(prefix: str) -> Condition:
    named = "r.id || '' >= ? AND r.id || '' < ?"  # not by an index on ids: a common prefix would be all of it
    keys = key_range(prefix)
    if keys is None:
        return f"({named})", [prefix, prefix + LAST]
    return f"({named} OR r.id IS NULL AND r.key >= ? AND r.key <= ?)", [prefix, prefix + LAST, *keys]


def _contains(text: str, dialect: Dialect) -> Condition:
    """`LIKE` takes A to Z alone for a to z, as `lowered` does, and copies no row's text: twice as fast."""
    places = ["r.id", "r.workflow", "r.reason", "r.note"]
    if len(text) > LONGEST_LIKE or "\0" in text:
        places = [f"lower(coalesce({place}, ''))" for place in (f"r.id, {dialect.as_hex('r.key')}", *places[1:])]
        return f"({' OR '.join(map(dialect.contains, places))})", [lowered(text)] * len(places)
    pattern = f"%{text.translate(_WILD)}%"
    found = [f"{place} LIKE ? ESCAPE '\\'" for place in places]
    if _HEX.issuperset(text):  # else no key has it
        found.append(f"r.id IS NULL AND {dialect.as_hex('r.key')} LIKE ?")
    return f"({' OR '.join(found)})", [pattern] * len(found)


def _one_of(column: str, wanted: Sequence[Value]) -> list[Condition]:
    return [(f"{column} IN ({', '.join('?' * len(wanted))})", list(wanted))] if wanted else []
