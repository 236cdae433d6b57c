"""The workflows and events that are known: those of the code at hand, and those that workers and runs speak of."""

import asyncio
import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from stepwell.client.app import App
from stepwell.client.buckets import PATIENCE, Buckets, by_workflow
from stepwell.client.fresh import Fresh
from stepwell.client.phrases import policy_of
from stepwell.client.redact import Redactor, without_values
from stepwell.client.shapes import Moment, Source, moment
from stepwell.client.sources import shown
from stepwell.client.versions import OPEN, CodeVersion, versions
from stepwell.errors import NotFound, StepwellError
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.ports.definitions import WorkflowDefinition

DAY: Final = 86_400.0
STEP: Final = 900.0
MOST_VERSIONS: Final = 100


class Version(msgspec.Struct, frozen=True):
    """A version of the code of a workflow: its number, its fingerprint, when it was first seen."""

    number: int
    code: str
    at: Moment


class WorkflowView(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow, or a step that can be started by itself. `known`: its code is here.

    `runs`: how those that ended in the last 24 hours did, and those that have not ended; `complete`: false while they
    are still being counted; ask again.
    """

    name: str
    kind: Literal["workflow", "step"]
    doc: str | None
    source: Source | None
    queue: str
    policy: str | None
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None
    known: bool
    code: str | None
    versions: list[Version]
    on: list[str]
    waits_for: list[str]
    runs: dict[str, int]
    complete: bool
    workers: int


class EventType(msgspec.Struct, frozen=True):
    """An event: its name, and the schema of its payload where the code is here."""

    name: str
    schema: dict[str, Any] | None


class Catalog:
    """What an app defines, with what its database knows of it. `day`: what runs did of late, if somebody counts.

    What `listed` hides stands in no schema as a default or an example: who looks at one could be anybody.
    """

    def __init__(self, app: App, day: Buckets | None = None, listed: Callable[[], Redactor] = Redactor) -> None:
        self._app = app
        self._listed = listed
        self._day = day
        self._counts: dict[str, Fresh[dict[str, int]]] = {}
        self._schemas: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {}

    async def workflows(self) -> list[WorkflowView]:
        """All workflows, then all steps, each by name; also those that only workers or subscriptions speak of."""
        workers = await self._app._engine().store.workers()
        names = dict.fromkeys(self._app.registry.workflow_names())
        names.update(dict.fromkeys(name for worker in workers for name in worker.offers))
        seen = await versions(self._app._engine().store)
        runs, complete = await self._recent(list(names))
        found = [self._view(name, workers, [one for one in seen if one.name == name], runs[name], complete)
                 for name in sorted(names)]  # fmt: skip
        return sorted(found, key=lambda view: view.kind == "step")

    async def workflow(self, name: str) -> WorkflowView:
        """One of them. Raises NotFound."""
        store = self._app._engine().store
        workers = await store.workers()
        offered = any(name in worker.offers for worker in workers)
        known = offered or self._app.registry.workflow(name) is not None
        if not known and not await store.count(RunFilter(workflow=(name,))):  # a page would pass by all newer runs
            raise NotFound(f"no workflow is called {name[:100]!r}", hint="GET /api/v1/workflows lists them.")
        runs, complete = await self._recent([name])
        return self._view(name, workers, await versions(store, name), runs[name], complete)

    def _view(self, name: str, workers: list[WorkerRow], seen: list[CodeVersion], runs: dict[str, int],
              complete: bool) -> WorkflowView:  # fmt: skip
        definition = self._app.registry.workflow(name)
        takes, gives = self.schemas(name)
        rules = None if definition is None else definition.rules if definition.step is None else definition.step.rules
        return WorkflowView(
            name=name,
            kind=_kind(definition, seen),
            doc=None if definition is None else doc_of(definition),
            source=None if definition is None else source_of(definition),
            queue="default" if definition is None else definition.rules.queue,
            policy=None if rules is None else policy_of(rules),
            input_schema=takes,
            output_schema=gives,
            known=definition is not None,
            code=next((worker.offers[name] for worker in reversed(workers) if name in worker.offers), None),
            versions=[Version(one.number, one.code, moment(one.at)) for one in reversed(seen)][:MOST_VERSIONS],
            on=[] if definition is None else list(definition.on),
            waits_for=[] if definition is None else self._waits_for(definition),
            runs=runs,
            complete=complete,
            workers=sum(name in worker.offers for worker in workers),
        )

    async def _recent(self, names: Sequence[str]) -> tuple[dict[str, dict[str, int]], bool]:
        """By workflow, how those that ended in the last day did and those that have not; and whether that is all."""
        engine = self._app._engine()
        now = engine.clock.now()
        waiting = {name: asyncio.ensure_future(self._open(name)) for name in names}
        self._day = self._day or Buckets(engine.store, engine.clock, STEP)
        buckets, complete = await self._day.window((now - DAY) // STEP * STEP + STEP, now)
        _, late = await asyncio.wait(waiting.values(), timeout=PATIENCE) if waiting else ((), ())
        for reading in late:
            reading.cancel()  # whoever asks next finds what was read meanwhile
        ended = by_workflow(buckets)
        found = {name: ended.get(name, {}) | ({} if reading in late else reading.result())
                 for name, reading in waiting.items()}  # fmt: skip
        return found, complete and not late

    async def _open(self, name: str) -> dict[str, int]:
        """A workflow's runs that have not ended, by status; counted at most every second."""
        known = self._counts.get(name)
        if known is None:
            store, clock = self._app._engine().store, self._app._engine().clock
            known = Fresh(lambda: store.count(RunFilter(workflow=(name,), status=OPEN)), clock, 1.0)
            self._counts[name] = known
        return await known.get()

    def schemas(self, name: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The JSON Schemas of a workflow's arguments, as one object, and of its result; None where none can be made."""
        known = self._schemas.get(name)
        if known is None:
            definition = self._app.registry.workflow(name)
            made = (None, None) if definition is None else (_input(definition), _output(definition))
            known = (self._shown(made[0]), self._shown(made[1]))
            self._schemas[name] = known
        return known

    def _shown(self, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if schema is None else without_values(schema, self._listed())

    def _waits_for(self, definition: WorkflowDefinition) -> list[str]:
        """The app's events that a body names: those its function, or what it calls directly, holds as globals."""
        fn: Any = inspect.unwrap(definition.fn)
        names = getattr(getattr(fn, "__code__", None), "co_names", ())
        held = getattr(fn, "__globals__", {})
        events = {id(event): name for name, event in self._app.registry.events.items()}
        return sorted({events[id(held[name])] for name in names if name in held and id(held[name]) in events})

    def events(self) -> list[EventType]:
        """The app's events by name."""
        found = []
        for name, event in sorted(self._app.registry.events.items()):
            try:
                schema = self._shown(event.plan.schema())
            except (StepwellError, TypeError, ValueError, RecursionError):
                schema = None
            found.append(EventType(name, schema))
        return found


def _kind(definition: WorkflowDefinition | None, seen: list[CodeVersion]) -> Literal["workflow", "step"]:
    """What a name is; of one whose code is elsewhere, as its last version was recorded."""
    if definition is not None:
        return "step" if definition.rules.of_step else "workflow"
    return seen[-1].kind if seen else "workflow"


def doc_of(definition: WorkflowDefinition) -> str | None:
    """The docstring of a workflow's function."""
    return inspect.getdoc(definition.fn)


def source_of(definition: WorkflowDefinition) -> Source | None:
    """Where a workflow's function is written."""
    code = getattr(inspect.unwrap(definition.fn), "__code__", None)
    return None if code is None else Source(shown(code.co_filename), code.co_firstlineno)


def _input(definition: WorkflowDefinition) -> dict[str, Any] | None:
    try:
        schema = copy.deepcopy(definition.signature.schema())
    except (StepwellError, TypeError, ValueError, RecursionError):
        return None
    for name, default in _defaults(definition).items():
        if isinstance(inner := schema.get("properties", {}).get(name), dict):
            inner["default"] = default
    return schema


def _defaults(definition: WorkflowDefinition) -> dict[str, Any]:
    """The defaults of a function's parameters, as far as JSON can say them."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(definition.fn).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            try:
                found[name] = msgspec.to_builtins(parameter.default, str_keys=True)
            except (TypeError, ValueError, RecursionError):
                continue
    return found


def _output(definition: WorkflowDefinition) -> dict[str, Any] | None:
    try:
        return definition.result.schema()
    except (StepwellError, TypeError, ValueError, RecursionError):
        return None
