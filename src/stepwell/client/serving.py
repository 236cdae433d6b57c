"""Whether somebody is there who would take a queued run."""

from collections.abc import Iterable

from stepwell.model.run import RunRow, WorkerRow
from stepwell.model.status import RunStatus


def unserved(row: RunRow, workers: Iterable[WorkerRow], now: float) -> str | None:
    """Why no worker can take a run that is ready, in a few words; None when one can, or when it is not ready."""
    if row.status is not RunStatus.QUEUED or (row.due is not None and row.due > now):
        return None
    alive = [worker for worker in workers if worker.expires_at > now and not worker.draining]
    if not alive:
        return "no worker is alive"
    serving = [worker for worker in alive if not worker.queues or row.queue in worker.queues]
    if not serving:
        return f"no live worker serves queue {row.queue}"
    codes = [worker.offers[row.workflow] for worker in serving if row.workflow in worker.offers]
    if not codes:
        return f"no live worker of queue {row.queue} has workflow {row.workflow}"
    if row.pin is not None and row.pin not in codes:
        return f"it is pinned to code {row.pin}, which no live worker of queue {row.queue} has"
    return None
