"""Routes to what a run has recorded: its journal, its log, its events, its result."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from stepwell.client.journals import JournalPage, RunEvents, entry_value, events_of, journal_page, log_page
from stepwell.client.redact import OPEN
from stepwell.client.runlogs import LogPage
from stepwell.client.shapes import Failure, Run
from stepwell.model.status import RunStatus
from stepwell.server.routing import Asked, RunId, context, plain_id, route

Generation = Annotated[int | None, QueryParameter(ge=1, description="Of this generation; all if left out.")]
Seq = Annotated[int | None, QueryParameter(ge=0, description="Beyond this entry.")]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, or that it needs a person; `run` is the run then."""

    status: RunStatus
    run: Run
    result: Any | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class StillGoing(msgspec.Struct, frozen=True):
    """The time is over, and the run goes on."""

    status: RunStatus


@route("GET", "/runs/{run_id:str}/journal", scope="read", summary="Read a run's journal", errors=(404,))
async def read_journal(request: Asked, run_id: RunId, generation: Generation = None, after: Seq = None,
                       limit: Annotated[int, QueryParameter(ge=1, le=5000)] = 500) -> JournalPage:  # fmt: skip
    """The entries as they are stored, in order."""
    ctx = context(request)
    row = await ctx.services.engine.find(plain_id(run_id))
    return await journal_page(ctx.services.engine, row, generation, after, limit, ctx.redactor)


@route("GET", "/runs/{run_id:str}/calls/{seq:int}/value", scope="read", summary="Read one value", errors=(404,))
async def read_value(request: Asked, run_id: RunId, seq: FromPath[int], generation: Generation = None) -> Any:
    """The value that an entry holds, however large."""
    ctx = context(request)
    row = await ctx.services.engine.find(plain_id(run_id))
    value = await entry_value(ctx.services.engine, row, seq, generation, ctx.redactor)
    return Response(msgspec.json.encode(value), media_type="application/json")  # a bare string is JSON here, too


@route("GET", "/runs/{run_id:str}/logs", scope="read", summary="Read a run's log", errors=(404,))
async def read_logs(
    request: Asked,
    run_id: RunId,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    after: Annotated[str | None, QueryParameter(description="Beyond the line of this id.", max_length=200)] = None,
    newest: Annotated[bool, QueryParameter(description="The newest lines first.")] = True,
    level: Annotated[str | None, QueryParameter(description="This level and above.", max_length=20)] = None,
) -> LogPage:
    """The lines that the run's body and steps have logged."""
    ctx = context(request)
    row = await ctx.services.engine.find(plain_id(run_id))
    return await log_page(ctx.services.engine, row, limit=limit, after=after, newest=newest, level=level)


@route("GET", "/runs/{run_id:str}/events", scope="read", summary="Show a run's events", errors=(404,))
async def show_events(request: Asked, run_id: RunId) -> RunEvents:
    """What the run waits for, with the schema of the payload, and what it has received."""
    ctx = context(request)
    services = ctx.services
    seen = await services.views.look(await services.engine.find(plain_id(run_id)))
    schemas = {event.name: event.schema for event in services.catalog.events()}
    return events_of(services.engine, seen, ctx.redactor, schemas)


@route("GET", "/runs/{run_id:str}/result", scope=("read", "execute"), summary="Wait for a run's result",
       errors=(404,), also={202: (StillGoing, "The time is over, and the run goes on.")})  # fmt: skip
async def wait_result(
    request: Asked,
    run_id: RunId,
    timeout: Annotated[float, QueryParameter(ge=0, le=60, description="How long to wait, in seconds.")] = 30.0,
) -> Outcome:
    """How a run ended, as soon as it has: answers at once when it has already, or is parked.

    A server that is to close says that the run goes on: ask again, there or wherever it is then.

    The result is whole for keys that may start runs (execute or admin): a program works with it. Others read it as
    everywhere: with what is secret hidden.
    """
    ctx = context(request)
    services = ctx.services
    row = await services.engine.find(plain_id(run_id))
    try:
        async with services.waiting(ctx.identity):
            ended = await services.engine.ended(row.key, timeout)
    except TimeoutError:
        going = StillGoing((await services.engine.row(row.key)).status)
        return Response(going, status_code=202)  # type: ignore[return-value]
    whole = ctx.identity is not None and ctx.identity.may("execute")
    detail = await services.views.detail(ended.row, OPEN if whole else ctx.redactor)
    run = Run(**{name: getattr(detail, name) for name in Run.__struct_fields__})
    return Outcome(status=detail.status, run=run, result=detail.result, error=detail.error)


ROUTES: Final[list[HTTPRouteHandler]] = [read_journal, read_value, read_logs, show_events, wait_result]
