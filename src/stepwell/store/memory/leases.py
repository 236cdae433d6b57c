"""Who holds which run: claims, heartbeats, deaths, and what falls due."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.store import ALONE, DEATHS, DUE_AT_ONCE, QUARANTINE
from stepwell.store.memory.space import Space


def claim(space: Space, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
    """As `ports.store.Store.claim`."""
    _bury(space, request.now)
    _wake(space, request.now)
    if not space.alive(request.worker):
        return []
    found = [row for row in space.runs.values() if _claimable(row, request)]
    found.sort(key=lambda row: (row.rank, row.key))
    return [_claimed(space, row, request, cached) for row in found[: request.limit]]


def _claimable(row: RunRow, request: ClaimRequest) -> bool:
    return (
        row.status is RunStatus.QUEUED
        and row.due is None
        and row.workflow in request.workflows
        and (not request.queues or row.queue in request.queues)
        and (row.deaths < ALONE if request.only is None else row.key == request.only)
        and _known(row, request.workflows, request.codes)
    )


def _known(row: RunRow, workflows: Sequence[str], codes: Sequence[str]) -> bool:
    """Whether the code at hand may go on with the run."""
    return row.pin is None or row.pin == dict(zip(workflows, codes, strict=False)).get(row.workflow)


def _claimed(space: Space, row: RunRow, request: ClaimRequest, cached: Mapping[bytes, int]) -> Claimed:
    journal = sorted((seq, row_) for (gen, seq), row_ in space.journals[row.key].items() if gen == row.generation)
    last, (_, count, _) = journal[-1] if journal else (0, (0, 0, b""))
    known = cached.get(row.key) == row.epoch
    row = replace(
        row,
        status=RunStatus.RUNNING,
        worker=request.worker,
        epoch=row.epoch + 1,
        claimed_seq=last + count,
        started_at=request.now if row.started_at is None else row.started_at,
    )
    space.runs[row.key] = row
    inbox = [item for _, item in sorted(space.inboxes.get(row.key, {}).items())]
    if known:
        return Claimed(row, None, inbox)
    return Claimed(row, [(seq, data) for seq, (_, _, data) in journal], inbox, dict(space.blobs.get(row.key, {})))


def _bury(space: Space, now: float) -> None:
    """Mark workers dead whose leases have run out, and queue what they held."""
    for worker in sorted(space.workers):
        if not space.alive(worker) or space.workers[worker].expires_at > now:
            continue
        space.dead.add(worker)
        for row in space.held(worker):
            space.runs[row.key] = _bereaved(space, row)


def _bereaved(space: Space, row: RunRow) -> RunRow:
    """The run after the death of its worker: three in a row without a new entry, and it is parked."""
    grew = any(gen == row.generation and seq >= row.claimed_seq for gen, seq in space.journals[row.key])
    deaths = 0 if grew else row.deaths + 1
    status, reason = (RunStatus.PARKED, QUARANTINE) if deaths >= DEATHS else (RunStatus.QUEUED, row.reason)
    return replace(row, status=status, worker=None, epoch=row.epoch + 1, deaths=deaths, reason=reason)


def _wake(space: Space, now: float) -> None:
    asleep = (RunStatus.WAITING, RunStatus.QUEUED)
    due = [(r.due, r.key) for r in space.runs.values() if r.due is not None and r.due <= now and r.status in asleep]
    for at, key in sorted(due)[:DUE_AT_ONCE]:
        row = space.runs[key]
        rank = rank_of(at, row.priority, resumed=True) if row.status is RunStatus.WAITING else row.rank
        space.runs[key] = replace(row, status=RunStatus.QUEUED, due=None, rank=rank)


def next_due(space: Space, workflows: Sequence[str], codes: Sequence[str], now: float) -> float | None:
    """As `ports.store.Store.next_due`."""
    times = [
        0.0 if row.due is None or row.due <= now else row.due
        for row in space.runs.values()
        if row.workflow in workflows
        and _known(row, workflows, codes)
        and (
            (row.status is RunStatus.QUEUED and row.deaths < ALONE)
            or (row.status is RunStatus.WAITING and row.due is not None)
        )
    ]
    return min(times, default=None)


def lonely(space: Space, workflows: Sequence[str], limit: int, codes: Sequence[str]) -> list[bytes]:
    """As `ports.store.Store.lonely`."""
    found = [
        row.key
        for row in space.runs.values()
        if (row.status, row.due) == (RunStatus.QUEUED, None)
        and row.deaths >= ALONE
        and row.workflow in workflows
        and _known(row, workflows, codes)
    ]
    return sorted(found)[:limit]


def beat(space: Space, worker: WorkerRow) -> frozenset[bytes] | None:
    """As `ports.store.Heart.beat`."""
    if worker.id in space.dead:
        return None
    space.workers[worker.id] = worker
    return frozenset(row.key for row in space.held(worker.id))


def stop(space: Space, worker: str) -> None:
    """As `ports.store.Heart.stop`."""
    if not space.alive(worker):
        return
    del space.workers[worker]
    for row in space.held(worker):
        space.runs[row.key] = replace(row, status=RunStatus.QUEUED, worker=None, epoch=row.epoch + 1)
