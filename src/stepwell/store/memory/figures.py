"""Figures over many runs: what happened in a span of time, and how deep the queues are."""

from collections import Counter

from stepwell.model.record import Depth, Tally, band_of
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.store.memory.space import Space


def tally(space: Space, since: float, until: float, step: float) -> list[Tally]:
    """As `ports.store.Store.tally`."""
    counts: Counter[tuple[float, str, str, int]] = Counter()
    for row in space.runs.values():
        if since <= row.created_at < until:
            band = -1 if row.started_at is None else band_of(row.started_at - row.created_at)
            counts[row.created_at // step * step, row.workflow, "created", band] += 1
        if row.status.terminal and row.finished_at is not None and since <= row.finished_at < until:
            band = band_of(row.finished_at - row.created_at)
            counts[row.finished_at // step * step, row.workflow, row.status.value, band] += 1
    return [Tally(*what, count) for what, count in sorted(counts.items())]


def depths(space: Space) -> list[Depth]:
    """As `ports.store.Store.depths`."""
    queues: dict[str, list[RunRow]] = {}
    for row in space.runs.values():
        if not row.status.terminal:
            queues.setdefault(row.queue, []).append(row)
    return [_depth(queue, rows) for queue, rows in sorted(queues.items())]


def _depth(queue: str, rows: list[RunRow]) -> Depth:
    counts = Counter(row.status for row in rows)
    ready = [row.created_at for row in rows if row.status is RunStatus.QUEUED and row.due is None]
    return Depth(
        queue=queue,
        ready=len(ready),
        delayed=counts[RunStatus.QUEUED] - len(ready),
        running=counts[RunStatus.RUNNING],
        waiting=counts[RunStatus.WAITING],
        oldest=min(ready, default=None),
    )
