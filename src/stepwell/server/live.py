"""Routes of the live streams: server-sent events of runs, and of one run."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter
from litestar.response import Stream

from stepwell.client.filters import Query
from stepwell.client.stream import Listener
from stepwell.errors import TooManyRequests
from stepwell.server.queries import resolved
from stepwell.server.routing import Asked, RunId, context, plain_id, route
from stepwell.server.services import Services

MEDIA: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
PING: Final = 15.0
PINGED: Final = b"event: ping\ndata: {}\n\n"
HELLO: Final = b"retry: 2000\n\n"
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", description="The last `id` that was read.",
                                              max_length=200)]  # fmt: skip


@route("GET", "/stream", scope="read", summary="Follow runs", errors=(404, 429), media=MEDIA, tag="Live",
       answer="Server-sent events: run, stats, ping, reset.")  # fmt: skip
async def stream_runs(request: Asked, which: NamedDependency[Query], last_event_id: LastEventId = None) -> Stream:
    """New and changed runs (`run`), counts by status (`stats`); `reset`: too much was missed, load anew."""
    ctx = context(request)
    services = ctx.services
    chosen = await resolved(services.engine, which)
    _admit(services)
    listener, first = services.broadcaster.listen(chosen, last_event_id)
    ctx.after += [services.visits.begin(ctx.identity, listener.end),
                  lambda: services.broadcaster.forget(chosen, listener)]  # fmt: skip
    return Stream(told(listener, HELLO + first), media_type=MEDIA, headers=HEADERS)


@route("GET", "/runs/{run_id:str}/stream", scope="read", summary="Follow a run", errors=(404, 429), media=MEDIA,
       tag="Live", answer="Server-sent events: run, timeline, log, end, ping.")  # fmt: skip
async def stream_run(request: Asked, run_id: RunId, last_event_id: LastEventId = None) -> Stream:
    """The run (`run`), its changed calls (`timeline`), its lines (`log`), and how it ended (`end`); begins with all."""
    ctx = context(request)
    row = await ctx.services.engine.find(plain_id(run_id))
    _admit(ctx.services)
    watch, listener = ctx.services.watches.listen(row, ctx.redactor)
    ctx.after += [ctx.services.visits.begin(ctx.identity, listener.end),
                  lambda: ctx.services.watches.forget(watch, listener)]  # fmt: skip
    return Stream(told(listener, HELLO), media_type=MEDIA, headers=HEADERS)


def _admit(services: Services) -> None:
    if services.broadcaster.listening + services.watches.listening >= services.options.streams:
        raise TooManyRequests("as many streams are open as this server allows", retry_after=5.0)


async def told(listener: Listener, first: bytes) -> AsyncGenerator[bytes, None]:
    """The stream's bytes, until it is over or the reader was too slow."""
    yield first
    while (part := await listener.get(PING)) is not None:
        yield part or PINGED


ROUTES: Final[list[HTTPRouteHandler]] = [stream_runs, stream_run]
