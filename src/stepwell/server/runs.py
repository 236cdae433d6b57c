"""Routes to start runs and to look at them."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, JSONBody, QueryParameter
from msgspec import UNSET

from stepwell.authoring.inputs import canonical, given_input
from stepwell.authoring.starting import start_options
from stepwell.client.engine import OpenEngine
from stepwell.client.filters import Query, cursor_of
from stepwell.client.redact import HIDDEN
from stepwell.client.shapes import Run, RunDetail, Timeline
from stepwell.errors import InvalidOption, StepwellError, UnknownWorkflow
from stepwell.model.options import StartOptions
from stepwell.model.run import RunFilter, RunRow, matches
from stepwell.model.status import RunStatus
from stepwell.ports.engine import StartOrder
from stepwell.server.bodies import BatchBody, StartBody
from stepwell.server.problems import Problem, problem_of
from stepwell.server.queries import resolved
from stepwell.server.routing import After, Asked, Limit, RunId, context, plain_id, route

Generation = Annotated[int | None, QueryParameter(ge=1, description="Of this generation; the current one if left out.")]

Exact = Annotated[bool, QueryParameter(description="Only the run that has exactly this `id`; there being none is no "
                                       "error.")]  # fmt: skip


class RunPage(msgspec.Struct, frozen=True):
    """Runs, newest first; `after` is where the next page begins."""

    runs: list[Run]
    after: str | None


class RunCount(msgspec.Struct, frozen=True):
    """How many runs match."""

    total: int
    by_status: dict[RunStatus, int]


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one run of a batch: the run, or why it was not started."""

    run: Run | None = None
    problem: Problem | None = None


class Batch(msgspec.Struct, frozen=True):
    """What became of a batch, by position."""

    results: list[Result]


@route("GET", "/runs", scope="read", summary="List runs", errors=(404,))
async def list_runs(request: Asked, which: NamedDependency[Query], limit: Limit = 50, after: After = None,
                    exact: Exact = False) -> RunPage:  # fmt: skip
    """Runs that match all filters, newest first."""
    ctx = context(request)
    engine = ctx.services.engine
    asked, cursor = await resolved(engine, which), cursor_of(after)
    if exact:
        row = await engine.store.row_by_id(which.id) if which.id else None
        fits = row is not None and row.id == which.id and matches(row, asked) and cursor is None
        return RunPage(await ctx.services.views.runs([row]) if row is not None and fits else [], None)
    rows = await engine.store.list(asked, after=cursor, limit=limit)
    return RunPage(await ctx.services.views.runs(rows), rows[-1].key.hex() if len(rows) == limit else None)


@route("GET", "/runs/count", scope="read", summary="Count runs", errors=(404,))
async def count_runs(request: Asked, which: NamedDependency[Query]) -> RunCount:
    """How many runs match all filters, in all and per status."""
    engine = context(request).services.engine
    counts = await engine.store.count(await resolved(engine, which))
    return RunCount(sum(counts.values()), {RunStatus(name): n for name, n in counts.items()})


@route("POST", "/runs", scope="execute", summary="Start a run", status=201, errors=(404, 409), action="runs.start",
       also={200: (Run, "The run was there already: same id, same input (P7).")})  # fmt: skip
async def start_run(
    request: Asked,
    data: JSONBody[StartBody],
    idempotency_key: Annotated[
        str | None, HeaderParameter(name="Idempotency-Key", description="The id, if the body has none.", max_length=512)
    ] = None,
) -> Response[Run]:
    """Start a run; the answer comes when the start is committed (P1). The same id and input start it once."""
    ctx = context(request)
    (answer,) = await _start(ctx.services.engine, [data], idempotency_key or None)
    if isinstance(answer, Exception):
        ctx.note(target=data.id or idempotency_key, after={"workflow": data.workflow})
        raise answer
    row, new = answer
    ctx.note(target=row.id, after={"workflow": row.workflow, "new": new})
    place = f"{ctx.base}/api/v1/runs/{row.key.hex()}"
    return Response(await ctx.services.views.run(row), status_code=201 if new else 200, headers={"Location": place})


@route("POST", "/runs/batch", scope="execute", summary="Start many runs", action="runs.start_batch")
async def start_batch(request: Asked, data: JSONBody[BatchBody]) -> Batch:
    """Start up to 1,000 runs in a few commits; each is answered by its position."""
    ctx = context(request)
    answers = await _start(ctx.services.engine, data.runs, None)
    runs = await ctx.services.views.runs([answer[0] for answer in answers if not isinstance(answer, Exception)])
    shown, results = iter(runs), list[Result]()
    results += [
        Result(problem=problem_of(answer)) if isinstance(answer, Exception) else Result(next(shown))
        for answer in answers
    ]
    ctx.note(after={"started": len(runs), "refused": len(results) - len(runs)})
    return Batch(results)


@route("GET", "/runs/{run_id:str}", scope=("read", "execute", "operate"), summary="Show a run", errors=(404,))
async def show_run(request: Asked, run_id: RunId) -> RunDetail:
    """A run with its input, how it ended, what it is at, and what may be done with it.

    Keys that may not read see how it stands: its input is hidden, result and error are left out.
    """
    ctx = context(request)
    detail = await ctx.services.views.detail(await ctx.services.engine.find(plain_id(run_id)), ctx.redactor)
    if ctx.identity is not None and ctx.identity.may("read"):
        return detail
    return msgspec.structs.replace(detail, input=HIDDEN, result=UNSET, error=UNSET, brief=None)


@route("GET", "/runs/{run_id:str}/timeline", scope="read", summary="Show a run's calls", errors=(404,))
async def show_timeline(request: Asked, run_id: RunId, generation: Generation = None) -> Timeline:
    """The calls of one generation: when each was made, began, was tried, what it waits for, how it ended."""
    ctx = context(request)
    row = await ctx.services.engine.find(plain_id(run_id))
    return await ctx.services.views.timeline(row, generation, ctx.redactor)


@route("GET", "/runs/{run_id:str}/children", scope="read", summary="List a run's children", errors=(404,))
async def list_children(request: Asked, run_id: RunId, limit: Limit = 50, after: After = None) -> RunPage:
    """The runs that a run started and waits for, newest first."""
    ctx = context(request)
    engine = ctx.services.engine
    which = RunFilter(parent=(await engine.find(plain_id(run_id))).key)
    rows = await engine.store.list(which, after=cursor_of(after), limit=limit)
    return RunPage(await ctx.services.views.runs(rows), rows[-1].key.hex() if len(rows) == limit else None)


# -- starting ------------------------------------------------------------------------------------------

Started = tuple[RunRow, bool]


async def _start(engine: OpenEngine, bodies: list[StartBody], key: str | None) -> list[Started | Exception]:
    """Start what the bodies say; each is answered with its row and whether it is new, or with why not."""
    orders = [_order(engine, body, key) for body in bodies]
    valid = [order for order in orders if isinstance(order, StartOrder)]
    mark = engine.new_key()  # keys increase: what is new has a greater one
    rows = iter(await engine.start(valid) if valid else [])
    answers: list[Started | Exception] = []
    for order in orders:
        row = next(rows) if isinstance(order, StartOrder) else order
        answers.append(row if isinstance(row, Exception) else (row, row.key > mark and row.generation == 1))
    return answers


def _order(engine: OpenEngine, body: StartBody, key: str | None) -> StartOrder | Exception:
    try:
        definition = engine.definitions.workflow(body.workflow)
        names = engine.definitions.workflow_names()
        if definition is None and names:
            raise UnknownWorkflow(
                f"no workflow is called {body.workflow!r}", hint=f"There are {', '.join(sorted(names))}."
            )
        given: dict[str, Any] = {name: value for name in _OPTIONS if (value := getattr(body, name)) is not None}
        if key is not None:
            given.setdefault("id", key)
        data = given_input(body.input)
        encoded = canonical(definition.signature, data) if definition is not None else data
        return StartOrder(body.workflow, encoded, start_options(StartOptions(), given), definition)
    except StepwellError as error:
        return error
    except (ValueError, RecursionError) as error:
        return InvalidOption(f"the run cannot be started: {error}")


_OPTIONS: Final = ("id", "name", "queue", "priority", "delay", "deadline", "queue_timeout", "retries", "tags", "reuse")
ROUTES: Final[list[HTTPRouteHandler]] = [
    list_runs, count_runs, start_run, start_batch, show_run, show_timeline, list_children,
]  # fmt: skip
