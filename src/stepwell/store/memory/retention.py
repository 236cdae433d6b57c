"""Which ended runs may go, and their going."""

from collections.abc import Iterator
from itertools import islice

from stepwell.model.run import RunRow
from stepwell.ports.store import LINGER, Retire
from stepwell.store.memory.space import Space


def retire(space: Space, which: Retire) -> int:
    """As `ports.store.Store.retire`."""
    keys = list(islice(dict.fromkeys(_passing(space, which)), which.limit))
    for key in keys:
        _remove(space, key)
    oldest = which.now - max(which.ages.values(), default=float("inf"))
    space.sent = {name: at for name, at in space.sent.items() if at > oldest}
    for worker in [w for w in space.dead if space.workers[w].expires_at <= which.now - LINGER]:
        del space.workers[worker]
        space.dead.discard(worker)
    for name, record in list(space.records.items()):
        age = which.records.get(record.kind)
        if age is not None and not record.owner and record.at <= which.now - age:
            del space.records[name]
    return len(keys)


def _passing(space: Space, which: Retire) -> Iterator[bytes]:
    """First what has a date of its own, then by age, then by number; the oldest of each first."""
    ended = [row for row in space.runs.values() if row.status.terminal]
    own = [(row.expires_at, row.key) for row in ended if row.expires_at is not None]
    yield from (key for at, key in sorted(own) if at <= which.now)
    groups: dict[tuple[str, str], list[RunRow]] = {}
    dated = [(row.finished_at, row.key, row) for row in ended if row.finished_at is not None and row.expires_at is None]
    for _, _, row in sorted(dated, key=lambda one: one[:2]):
        groups.setdefault((row.workflow, row.status.value), []).append(row)
    for (workflow, status), rows in sorted(groups.items()):
        age = which.ages.get((workflow, status), which.ages.get(("*", status)))
        if age is not None:
            yield from (row.key for row in rows if row.finished_at is not None and row.finished_at <= which.now - age)
    for (workflow, status), rows in sorted(groups.items()):
        keep = which.keeps.get((workflow, status), which.keeps.get(("*", status)))
        if keep is not None:
            yield from (row.key for row in rows[: max(0, len(rows) - keep)])


def _remove(space: Space, key: bytes) -> None:
    row = space.runs.pop(key)
    if space.ids.get(row.id) == key:
        del space.ids[row.id]
    for kept in (space.journals, space.inboxes, space.blobs):
        kept.pop(key, None)
    space.records = {name: record for name, record in space.records.items() if record.owner != key}
    for box, n in space.waits_of.pop(key, {}).values():
        del space.waits[box][n]
