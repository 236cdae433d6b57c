"""The route of the metrics, in Prometheus' text form."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from stepwell.client.version import VERSION
from stepwell.server.routing import Asked, context, route
from stepwell.server.services import Services

MEDIA: Final = "text/plain; version=0.0.4"
Sample = tuple[Mapping[str, str], float]


@route("GET", "/metrics", scope="read", summary="Metrics", media="text/plain", tag="Health")
async def show_metrics(request: Asked) -> Response[str]:
    """Runs by status, queues, workers, requests, streams: in Prometheus' text form."""
    return Response(await written(context(request).services), media_type=MEDIA)


async def written(services: Services) -> str:
    """All metrics as text."""
    return "".join([part async for part in _all(services)])


async def _all(services: Services) -> AsyncIterator[str]:
    now = services.clock.now()
    counts, depths = await services.overview.counts(), await services.overview.depths()
    workers = await services.engine.store.workers()
    alive = [worker for worker in workers if worker.expires_at > now]
    yield metric("stepwell_info", "gauge", "The version that serves.", [({"version": VERSION}, 1)])
    yield metric("stepwell_runs", "gauge", "Runs by status.", [({"status": s}, n) for s, n in sorted(counts.items())])
    for name, said in (("ready", "may start now"), ("delayed", "start later"), ("running", "are held by a worker"),
                       ("waiting", "wait for time, an event or a child")):  # fmt: skip
        yield metric(f"stepwell_queue_{name}", "gauge", f"Runs of a queue that {said}.",
                     [({"queue": d.queue}, getattr(d, name)) for d in depths])  # fmt: skip
    yield metric("stepwell_queue_oldest_seconds", "gauge", "How long the longest ready run of a queue has waited.",
                 [({"queue": d.queue}, max(0.0, now - d.oldest)) for d in depths if d.oldest is not None])  # fmt: skip
    yield metric("stepwell_workers", "gauge", "Workers by state.",
                 [({"state": "alive"}, len(alive)), ({"state": "late"}, len(workers) - len(alive))])  # fmt: skip
    yield metric("stepwell_worker_slots", "gauge", "Step bodies that the live workers can run at once.",
                 [({}, sum(w.concurrency for w in alive))])  # fmt: skip
    yield metric(
        "stepwell_worker_held", "gauge", "Runs that the live workers hold.", [({}, sum(w.held for w in alive))]
    )
    yield metric("stepwell_worker_lag_seconds", "gauge", "How long a worker's loop stood still lately.",
                 [({"worker": w.id}, w.lag) for w in alive])  # fmt: skip
    yield metric("stepwell_http_requests_total", "counter", "Requests by method and status.",
                 [({"method": m, "status": str(s)}, n) for (m, s), n in sorted(services.answered.items())])  # fmt: skip
    yield metric("stepwell_http_streams", "gauge", "Live streams that are open.",
                 [({}, services.broadcaster.listening + services.watches.listening)])  # fmt: skip


def metric(name: str, kind: str, about: str, samples: list[Sample]) -> str:
    """One metric with its samples."""
    return "".join(_lines(name, kind, about, samples))


def _lines(name: str, kind: str, about: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{said}}} {_number(value)}\n" if said else f"{name} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


ROUTES: Final[list[HTTPRouteHandler]] = [show_metrics]
