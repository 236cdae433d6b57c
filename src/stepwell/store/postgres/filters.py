"""A run filter as conditions over `{runs} r`, with numbered parameters."""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.run import RunFilter, lowered
from stepwell.model.status import CODE
from stepwell.store.postgres.rows import tag_values
from stepwell.store.sql.filters import LAST, key_range
from stepwell.store.sql.rows import Tag


class Params(list[Any]):
    """The parameters of one statement."""

    def put(self, value: object) -> str:
        """Add one; how the statement names it."""
        self.append(value)
        return f"${len(self)}"


def conditions(which: RunFilter, ns: int, params: Params, after: bytes | None = None) -> list[str]:
    """Everything that a run must fulfil."""
    put = params.put
    found = [f"r.ns = {put(ns)}"]
    if after is not None:
        found.append(f"r.key < {put(after)}")
    if which.status:
        # Numbers, not parameters: a partial index is used only where the plan can see that it applies.
        found.append(f"r.status IN ({', '.join(str(CODE[status]) for status in which.status)})")
    if which.workflow:
        found.append(f"r.workflow = ANY({put(which.workflow)}::text[])")
    if which.queue:
        found.append(f"r.queue = ANY({put(which.queue)}::text[])")
    if which.id_prefix:
        found.append(_prefixed(which.id_prefix, put(which.id_prefix), put(which.id_prefix + LAST), params))
    if which.parent is not None:
        found.append(f"r.parent = {put(which.parent)}")
    if which.since is not None or which.until is not None:
        found.append("r.created_at > '-infinity'")  # the condition of the index
    if which.since is not None:
        found.append(f"r.created_at >= {put(which.since)}")
    if which.until is not None:
        found.append(f"r.created_at < {put(which.until)}")
    if which.pinned is not None:
        found.append("r.pin IS NOT NULL" if which.pinned else "r.pin IS NULL")
    if which.reason:
        found.append(f"starts_with(r.reason, {put(which.reason)})")
    if which.text:
        found.append(_contains(put(lowered(which.text))))
    for name, wanted in which.tags.items():
        tagged = f"SELECT 1 FROM {{tags}} t WHERE t.ns = r.ns AND t.key = r.key AND {has_tag(name, wanted, params)}"
        found.append(f"EXISTS ({tagged})")
    return found


def has_tag(name: str, wanted: Tag, params: Params) -> str:
    """The condition that a row t of tags is this tag."""
    kind, value, _ = tag_values(wanted)
    return f"t.name = {params.put(name)} AND t.kind = {kind} AND t.value = {params.put(value)}"


def _prefixed(prefix: str, first: str, last: str, params: Params) -> str:
    named = f"r.id || '' >= {first} AND r.id || '' < {last}"  # not by an index on ids: a common prefix is all of it
    keys = key_range(prefix)
    if keys is None:
        return f"({named})"
    return f"({named} OR r.id IS NULL AND r.key >= {params.put(keys[0])} AND r.key <= {params.put(keys[1])})"


_TEXTS: Final[Sequence[str]] = (
    "coalesce(r.id, encode(r.key, 'hex') COLLATE \"C\")",
    "r.workflow",
    "r.reason",
    "r.note",
)


def _contains(wanted: str) -> str:
    looks = (f"strpos(lower({text}), {wanted}) > 0" for text in _TEXTS)
    return f"({' OR '.join(looks)})"
