"""Routes of figures over many runs: the overview, the histogram, queues, workers, causes of failures, versions."""

from typing import Annotated, Final, Literal

import msgspec
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from stepwell.client.failures import Causes, causes_of
from stepwell.client.filters import Query, when
from stepwell.client.histogram import Histogram
from stepwell.client.overview import OverviewView, QueueView, WorkerView
from stepwell.client.shapes import Moment, moment
from stepwell.client.versions import versions
from stepwell.server.queries import resolved
from stepwell.server.routing import Asked, context, route

Window = Annotated[Literal["15m", "1h", "24h", "7d"], QueryParameter(description="How far back.")]
MOST_VERSIONS: Final = 1000


class Queues(msgspec.Struct, frozen=True):
    """Queues, by name."""

    queues: list[QueueView]


class Workers(msgspec.Struct, frozen=True):
    """Workers, by id."""

    workers: list[WorkerView]


class KnownVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the code of a workflow or step."""

    kind: str
    name: str
    number: int
    code: str
    at: Moment
    source: str | None = None
    python: str = ""


class Versions(msgspec.Struct, frozen=True):
    """Versions, the newest first."""

    versions: list[KnownVersion]


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that have not ended and are pinned to one code of their workflow. `workers`: live ones that have it."""

    workflow: str
    code: str
    count: int
    since: Moment
    workers: int


class Pins(msgspec.Struct, frozen=True):
    """Pinned runs by workflow and code, the most first."""

    pins: list[Pin]


@route("GET", "/overview", scope="read", summary="Show the whole", tag="Figures")
async def show_overview(request: Asked, window: Window = "1h") -> OverviewView:
    """Counts now, and throughput and latency over a window. `complete` false: a large window is still being read."""
    return await context(request).services.overview.view(window)


@route("GET", "/runs/histogram", scope="read", summary="Count runs over time", errors=(404,))
async def show_histogram(request: Asked, which: NamedDependency[Query],
                         buckets: Annotated[int, QueryParameter(ge=1, le=500)] = 96) -> Histogram:  # fmt: skip
    """How many of the runs that match were created when, and how many of these have failed."""
    services = context(request).services
    return await services.histograms.view(await resolved(services.engine, which), buckets)


@route("GET", "/queues", scope="read", summary="List queues", tag="Figures")
async def list_queues(request: Asked, window: Window = "1h") -> Queues:
    """The queues that have work or workers, and how many of their runs ended in the window."""
    return Queues(await context(request).services.overview.queues(window))


@route("GET", "/workers", scope="read", summary="List workers", tag="Figures")
async def list_workers(request: Asked) -> Workers:
    """The workers that have signed on and are not dead."""
    return Workers(await context(request).services.overview.workers())


@route("GET", "/failures", scope="read", summary="List causes of failures", tag="Figures")
async def list_failures(
    request: Asked, window: Annotated[str, QueryParameter(description="How far back: 24h, 7d.", max_length=20)] = "24h"
) -> Causes:
    """The newest failed runs by class, message (numbers, dates and names taken out) and workflow."""
    engine = context(request).services.engine
    now = engine.clock.now()
    since = when(window, now, "window")
    assert since is not None
    return await causes_of(engine, since, now)


@route("GET", "/versions", scope="read", summary="List versions of the code", tag="Workflows")
async def list_versions(
    request: Asked,
    workflow: Annotated[str | None, QueryParameter(description="Of this one alone.", max_length=1000)] = None,
) -> Versions:
    """The versions of workflows and steps that have been seen, the newest first."""
    engine = context(request).services.engine
    found = [KnownVersion(kind=one.kind, name=one.name, number=one.number, code=one.code, at=moment(one.at),
                          source=one.source, python=one.python)
             for one in await versions(engine.store, workflow)]  # fmt: skip
    return Versions(sorted(found, key=lambda one: (one.at, one.name, one.number), reverse=True)[:MOST_VERSIONS])


@route("GET", "/pins", scope="read", summary="List pinned runs by code", tag="Workflows")
async def list_pins(request: Asked) -> Pins:
    """How many runs that have not ended are pinned to which code; where `workers` is 0, nobody goes on with them."""
    found = await context(request).services.pins.get()
    return Pins([Pin(workflow=one.workflow, code=one.code, count=one.count, since=moment(one.since),
                     workers=one.workers) for one in found])  # fmt: skip


ROUTES: Final[list[HTTPRouteHandler]] = [
    show_overview, show_histogram, list_queues, list_workers, list_failures, list_versions, list_pins,
]  # fmt: skip
