"""A patch as assignments to columns."""

from typing import Final

from stepwell.model.change import Patch
from stepwell.model.status import CODE
from stepwell.store.sql.rows import Value

PLAIN: Final = ("generation", "finished_at", "expires_at", "progress", "deaths", "cancelling", "digest")
_ENDED: Final = ("finished_at", "expires_at")
CLEARED_BY_EMPTY: Final = ("note", "reason", "pin")


def is_plain_release(patch: Patch) -> bool:
    """Whether the patch only gives the lease back, with what suspending and finishing say beside it."""
    return patch.release and not (
        patch.bump
        or patch.reopen
        or patch.generation is not None
        or patch.deaths is not None
        or patch.cancelling is not None
        or patch.digest is not None
        or patch.pin is not None
    )


def release_values(key: bytes, patch: Patch, status: int) -> list[Value]:
    """The values of a plain release, in the order of `RELEASE`; `status` where the patch names none."""
    return [
        key, status if patch.status is None else CODE[patch.status], patch.due, patch.rank, patch.finished_at,
        patch.expires_at, patch.progress, patch.note, patch.reason,
    ]  # fmt: skip


RELEASE: Final = ("key", "status", "due", "rank", "finished_at", "expires_at", "progress", "note", "reason")


def assignments(patch: Patch, released: bool) -> tuple[list[str], list[Value]]:
    """SET clauses and their parameters, for one row. `released`: the lease is given back, `seen` did not forbid it."""
    sets: list[str] = []
    values: list[Value] = []
    for name in PLAIN:
        value = getattr(patch, name)
        if value is not None and not (patch.reopen and name in _ENDED):
            sets.append(f"{name} = ?")
            values.append(value)
    for name in CLEARED_BY_EMPTY:
        value = getattr(patch, name)
        if value is not None:
            sets.append(f"{name} = ?")
            values.append(value or None)
    if patch.reopen:
        sets.append("finished_at = NULL, expires_at = NULL")
    if patch.generation is not None:
        sets.append("claimed_seq = 0")
    if patch.bump:
        sets.append("epoch = epoch + 1")
    if released:
        sets.append("worker = NULL, due = ?")
        values.append(patch.due)
        if patch.status is not None:
            sets.append("status = ?")
            values.append(CODE[patch.status])
        if patch.rank is not None:
            sets.append("rank = ?")
            values.append(patch.rank)
    return sets, values
