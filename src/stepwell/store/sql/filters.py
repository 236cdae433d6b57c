"""A run filter as a condition."""

from collections.abc import Sequence

from stepwell.model.run import RunFilter
from stepwell.model.status import CODE
from stepwell.store.sql.dialect import Dialect
from stepwell.store.sql.rows import Value, tag_values

_LAST = "\U0010ffff"


def condition(which: RunFilter, ns: int, dialect: Dialect, after: bytes | None = None) -> tuple[str, list[Value]]:
    """The WHERE clause, over `stepwell_runs r`, and its parameters."""
    parts: list[str] = ["r.ns = ?"]
    values: list[Value] = [ns]
    if after is not None:
        parts.append("r.key < ?")
        values.append(after)
    _one_of("r.status", [CODE[status] for status in which.status], parts, values)
    _one_of("r.workflow", which.workflow, parts, values)
    _one_of("r.queue", which.queue, parts, values)
    if which.id_prefix:
        # Ids compare by code point in every database we use, so a prefix is a range.
        hexed = f"lower({dialect.as_hex('r.key')})"
        parts.append(f"(r.id >= ? AND r.id < ? OR r.id IS NULL AND {hexed} >= ? AND {hexed} < ?)")
        values += [which.id_prefix, which.id_prefix + _LAST] * 2
    if which.parent is not None:
        parts.append("r.parent = ?")
        values.append(which.parent)
    if which.since is not None:
        parts.append("r.created_at >= ?")
        values.append(which.since)
    if which.until is not None:
        parts.append("r.created_at < ?")
        values.append(which.until)
    for name, wanted in which.tags.items():
        parts.append(
            "EXISTS (SELECT 1 FROM stepwell_tags t"
            " WHERE t.ns = r.ns AND t.key = r.key AND t.name = ? AND t.kind = ? AND t.value = ?)"
        )
        values += [name, *tag_values(wanted)]
    return " AND ".join(parts), values


def _one_of(column: str, wanted: Sequence[Value], parts: list[str], values: list[Value]) -> None:
    if wanted:
        parts.append(f"{column} IN ({', '.join('?' * len(wanted))})")
        values += wanted
