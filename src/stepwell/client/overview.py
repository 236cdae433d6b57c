"""The state of the whole: counts, throughput, latency, queues, workers; from figures that are kept, not recounted."""

import asyncio
from collections import Counter
from typing import Final, Literal

import msgspec

from stepwell.client.app import App
from stepwell.client.buckets import Bucket, Buckets, by_workflow, merged, percentiles
from stepwell.client.fresh import Fresh
from stepwell.client.shapes import Moment, Run, moment, moment_or_none
from stepwell.client.views import Views
from stepwell.errors import InvalidOption
from stepwell.model.record import Depth
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.model.status import RunStatus

WINDOWS: Final = {"15m": (900.0, 15.0), "1h": (3_600.0, 60.0), "24h": (86_400.0, 900.0), "7d": (604_800.0, 7_200.0)}
"""Of each window: its length and its buckets', in seconds."""

PARKED: Final = 5
NEWEST: Final = 1_000
"""So many runs show which queues a workflow's runs go to."""
SHARES: Final = (0.5, 0.95, 0.99)


class Rate(msgspec.Struct, frozen=True):
    """What happened in one bucket."""

    at: Moment
    created: int
    finished: int
    failed: int


class Quantiles(msgspec.Struct, frozen=True):
    """Percentiles of one bucket in seconds; None where nothing happened."""

    at: Moment
    p50: float | None
    p95: float | None
    p99: float | None


class Latency(msgspec.Struct, frozen=True):
    """`start`: from creation to the first claim. `run`: from creation to the end."""

    start: list[Quantiles]
    run: list[Quantiles]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The present: counts, the longest waiting run, the next due one, the workers' slots, who needs a person."""

    by_status: dict[str, int]
    oldest_ready_s: float | None
    next_due_at: Moment | None
    slots: int
    held: int
    parked: list[Run]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many ended how in the window."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    terminated: int = 0


class OverviewView(msgspec.Struct, frozen=True, kw_only=True):
    """`complete`: false while a large window is still being read; ask again."""

    window: Literal["15m", "1h", "24h", "7d"]
    since: Moment
    until: Moment
    step: float
    now: Now
    ended: Ended
    throughput: list[Rate]
    latency: Latency
    complete: bool


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue. `slots`: of the workers that serve it; None without any.

    `out_per_minute`: how many runs ended in the window asked for; None while a large window is still being read. It is
    counted by workflow: where the runs of one go to several queues, they are shared out as the newest 1,000 are.
    """

    queue: str
    ready: int
    delayed: int
    running: int
    waiting: int
    oldest_at: Moment | None
    slots: int | None
    workers: int
    out_per_minute: float | None
    ready_spark: list[int] | None


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker. `status` is "late" when it has missed its beats; `lag_s`: its loop's longest standstill lately."""

    id: str
    host: str
    pid: int
    version: str
    concurrency: int
    held: int
    queues: list[str]
    offers: dict[str, str]
    lag_s: float
    draining: bool
    started_at: Moment
    beat_at: Moment
    expires_at: Moment
    status: Literal["alive", "late"]


class Overview:
    """Figures of one app."""

    def __init__(self, app: App, views: Views) -> None:
        self._app = app
        self._views = views
        self._engine = engine = views.engine
        self._store = store = engine.store
        self._counts = Fresh(lambda: store.count(RunFilter()), engine.clock, 0.5)
        self._depths: Fresh[list[Depth]] = Fresh(store.depths, engine.clock, 0.5)
        self._shares: Fresh[dict[str, dict[str, float]]] = Fresh(self._shared_out, engine.clock, 5.0)
        self._buckets = {name: Buckets(store, engine.clock, step) for name, (_, step) in WINDOWS.items()}

    async def view(self, window: str) -> OverviewView:
        """The overview of a window. Raises InvalidOption for one that there is not."""
        length, step = _known(window)
        until = self._engine.clock.now()
        since = (until - length) // step * step + step
        now = await self._now(until)  # first: a store counts one thing after another, and buckets may take a while
        buckets, complete = await self._buckets[window].window(since, until)
        return OverviewView(
            window=window,  # type: ignore[arg-type]
            since=moment(since), until=moment(until), step=step, now=now,
            ended=Ended(**{name: n for name, n in merged(buckets).items() if name in Ended.__struct_fields__}),
            throughput=[_rate(bucket) for bucket in buckets],
            latency=Latency([_quantiles(b.at, b.starts) for b in buckets], [_quantiles(b.at, b.runs) for b in buckets]),
            complete=complete)  # fmt: skip

    @property
    def day(self) -> Buckets:
        """What runs did in the last 24 hours."""
        return self._buckets["24h"]

    async def counts(self) -> dict[str, int]:
        """How many runs per status."""
        return await self._counts.get()

    async def depths(self) -> list[Depth]:
        """The queues that have runs which have not ended."""
        return await self._depths.get()

    async def _now(self, now: float) -> Now:
        counts, depths, workers = await asyncio.gather(self.counts(), self.depths(), self._store.workers())
        oldest = min((depth.oldest for depth in depths if depth.oldest is not None), default=None)
        names = dict.fromkeys(self._app.registry.workflow_names())
        names.update(dict.fromkeys(name for worker in workers for name in worker.offers))
        due = await self._store.next_due(list(names)) if names else None
        parked = await self._store.list(RunFilter(status=(RunStatus.PARKED,)), limit=PARKED)
        alive = [worker for worker in workers if worker.expires_at > now]
        return Now(
            by_status=counts,
            oldest_ready_s=None if oldest is None else max(0.0, now - oldest),
            next_due_at=moment_or_none(None if due is None else max(due, now)),
            slots=sum(worker.concurrency for worker in alive),
            held=sum(worker.held for worker in alive),
            parked=await self._views.runs(parked),
        )

    async def queues(self, window: str = "1h") -> list[QueueView]:
        """All queues that have work or workers, by name. Raises InvalidOption for a window that there is not."""
        _known(window)
        now = self._engine.clock.now()
        depths = {depth.queue: depth for depth in await self.depths()}
        workers = [worker for worker in await self._store.workers() if worker.expires_at > now]
        named = {name for worker in workers for name in worker.queues}
        homes = {d.rules.queue for name in self._app.registry.workflow_names()
                 if (d := self._app.registry.workflow(name)) is not None}  # fmt: skip
        out = await self._out(window, now)
        names = sorted(depths.keys() | named | homes | (out or {}).keys())
        return [self._queue(name, depths.get(name), workers, None if out is None else out.get(name, 0.0))
                for name in names]  # fmt: skip

    async def _out(self, window: str, now: float) -> dict[str, float] | None:
        """How many runs ended per minute of a window, by queue; None while it is being read."""
        length, step = WINDOWS[window]
        buckets, complete = await self._buckets[window].window((now - length) // step * step + step, now)
        if not complete or not buckets:
            return None
        shares, out = await self._shares.get(), dict[str, float]()
        for workflow, ended in by_workflow(buckets).items():
            for queue, share in (shares.get(workflow) or {self._home(workflow): 1.0}).items():
                out[queue] = out.get(queue, 0.0) + sum(ended.values()) * share
        minutes = max((now - buckets[0].at) / 60, 1 / 60)
        return {queue: round(count / minutes, 2) for queue, count in out.items()}

    async def _shared_out(self) -> dict[str, dict[str, float]]:
        """Of each workflow among the newest runs, which part went to which queue."""
        rows = await self._store.list(RunFilter(), limit=NEWEST)
        counts, totals = Counter((row.workflow, row.queue) for row in rows), Counter(row.workflow for row in rows)
        found: dict[str, dict[str, float]] = {}
        for (workflow, queue), count in counts.items():
            found.setdefault(workflow, {})[queue] = count / totals[workflow]
        return found

    def _home(self, workflow: str) -> str:
        """The queue that a workflow's runs go to unless their start says otherwise."""
        definition = self._app.registry.workflow(workflow)
        return "default" if definition is None else definition.rules.queue

    @staticmethod
    def _queue(name: str, depth: Depth | None, workers: list[WorkerRow], out: float | None) -> QueueView:
        serving = [worker for worker in workers if not worker.queues or name in worker.queues]
        held = depth or Depth(queue=name)
        return QueueView(
            queue=name, ready=held.ready, delayed=held.delayed, running=held.running, waiting=held.waiting,
            oldest_at=moment_or_none(held.oldest), slots=sum(w.concurrency for w in serving) if serving else None,
            workers=len(serving), out_per_minute=out, ready_spark=None)  # fmt: skip

    async def workers(self) -> list[WorkerView]:
        """The workers that have signed on and are not dead."""
        now = self._engine.clock.now()
        return [worker_view(worker, now) for worker in await self._store.workers()]

    def close(self) -> None:
        """Stop reading."""
        for buckets in self._buckets.values():
            buckets.close()
        self._counts.close()
        self._depths.close()
        self._shares.close()


def _known(window: str) -> tuple[float, float]:
    if window not in WINDOWS:
        raise InvalidOption(f"window={window[:40]!r}", expected=f"one of {', '.join(WINDOWS)}")
    return WINDOWS[window]


def worker_view(worker: WorkerRow, now: float) -> WorkerView:
    """A worker's row as the API says it."""
    return WorkerView(
        id=worker.id, host=worker.host, pid=worker.pid, version=worker.version, concurrency=worker.concurrency,
        held=worker.held, queues=list(worker.queues), offers=worker.offers, lag_s=worker.lag,
        draining=worker.draining, started_at=moment(worker.started_at), beat_at=moment(worker.beat_at),
        expires_at=moment(worker.expires_at), status="alive" if worker.expires_at > now else "late")  # fmt: skip


def _rate(bucket: Bucket) -> Rate:
    return Rate(moment(bucket.at), bucket.created, sum(bucket.ended.values()), bucket.ended.get("failed", 0))


def _quantiles(at: float, bands: dict[int, int]) -> Quantiles:
    return Quantiles(moment(at), *percentiles(bands, *SHARES))
