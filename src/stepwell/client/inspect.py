"""Looking at many runs: lists, counts, workers; and starting or sending by name alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run, RunStatusReport
from stepwell.authoring.inputs import canonical, given_input
from stepwell.authoring.starting import start_options
from stepwell.client.protocol import Backend, Page
from stepwell.client.results import is_settled
from stepwell.client.runlogs import LogPage
from stepwell.errors import InvalidOption, UnknownWorkflow
from stepwell.model.duration import instant
from stepwell.model.options import StartOptions
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus, status_of
from stepwell.model.text import check_keepable
from stepwell.ports.engine import StartOrder

Entries = list[dict[str, Any]]
"""Journal entries as plain data. Named here: inside `Runs`, `list` is its method."""


class Runs:
    """`app.runs`: every run of the namespace."""

    def __init__(self, engine: Callable[[], Backend]) -> None:
        self._engine = engine

    def handle(self, row: RunRow) -> Run[Any]:
        """The handle of a row that is at hand."""
        engine = self._engine()
        definition = engine.definitions.workflow(row.workflow)
        return Run(row.key, row.id, row.workflow, self._engine, definition.result if definition else None)

    async def get(self, run_id: str) -> Run[Any]:
        """The handle of a run. Raises NotFound."""
        return self.handle(await self._engine().find(run_id))

    async def start(self, workflow: str, input: Any = UNSET, **options: Any) -> Run[Any]:
        """Start by name, also without the workflow's code: `input` is its only argument, or a dict of its arguments.

        Left out, it is started without arguments; None is an argument.

        Raises:
            Conflict, TypeMismatch, PayloadTooLarge; UnknownWorkflow when the code is here and has no such name.
        """
        engine = self._engine()
        definition = engine.definitions.workflow(workflow)
        if definition is None and engine.definitions.workflow_names():
            known = ", ".join(sorted(engine.definitions.workflow_names()))
            raise UnknownWorkflow(f"no workflow is called {workflow!r}", hint=f"There are {known}.")
        data = given_input(input)
        encoded = canonical(definition.signature, data) if definition is not None else data
        order = StartOrder(workflow, encoded, start_options(StartOptions(), options), definition)
        (row,) = await engine.start([order])
        if isinstance(row, Exception):
            raise row
        return self.handle(row)

    async def list(self, *, limit: int = 50, after: str | None = None, **which: Any) -> Page:
        """Runs newest first, by `status=`, `workflow=`, `queue=` (one or several), `tags=`, `id_prefix=`, `since=`.

        `until=` is a moment, too (datetimes or epoch seconds); `text=` is contained in id, workflow, reason or note.
        `after` is the cursor of the page before. Raises InvalidOption for a filter that cannot be.
        """
        if not 1 <= limit <= 1000:
            raise InvalidOption(f"limit={limit}", expected="1 to 1000")
        return await self._engine().page(filter_of(which), after=after, limit=limit)

    async def count(self, **which: Any) -> dict[str, int]:
        """How many runs per status, by the filters of `list`."""
        return await self._engine().count(filter_of(which))

    async def row(self, run_id: str) -> RunRow:
        """The run as it stands in the database: without its input, journal and result. Raises NotFound."""
        return await self._engine().find(run_id)

    async def status(self, run_id: str) -> RunStatusReport:
        """The status of a run. Raises NotFound."""
        return await (await self.get(run_id)).status()

    async def generations(self, run_id: str) -> Entries:
        """The journal of all generations, as plain data with `generation` and `seq`. Raises NotFound."""
        engine = self._engine()
        return await engine.history((await engine.find(run_id)).key)

    async def logs(self, run_id: str, *, after: str | None = None, limit: int = 200, newest: bool = False,
                   level: str | None = None) -> LogPage:  # fmt: skip
        """What the run's body and steps have logged, oldest first: lines beyond the one whose id is `after`.

        `level`: this level and above. Lines are kept up to a bound, and those of the last moment before a crash are
        lost. Raises NotFound, InvalidOption.
        """
        if not 1 <= limit <= 1000:
            raise InvalidOption(f"limit={limit}", expected="1 to 1000")
        engine = self._engine()
        key = (await engine.find(run_id)).key
        return await engine.logs(key, after=after, limit=limit, newest=newest, level=level)

    async def watch(self, run_id: str, *, every: float = 0.5) -> AsyncGenerator[RunRow]:
        """The run's row again and again, until it has ended or needs a person: each time something may have changed.

        An app looks every `every` seconds; a server tells. Raises NotFound.
        """
        engine = self._engine()
        row = await engine.find(run_id)
        yield row
        if not is_settled(row):
            async with aclosing(engine.watch(row.key, every)) as seen:
                async for row in seen:
                    yield row


class Events:
    """`app.events`: sending by name, for clients without the code."""

    def __init__(self, engine: Callable[[], Backend]) -> None:
        self._engine = engine

    async def send(self, name: Event[Any] | str, *, key: str | None = None, run: str | None = None, data: Any = None,
                   id: str | None = None) -> None:  # fmt: skip
        """Send to a key, or to one run's own mailbox (its id). `id` de-duplicates.

        Raises:
            InvalidOption: neither or both are given. NotFound: there is no such run.
            TypeMismatch, NotSerializable: the payload does not have the event's type.
        """
        if (key is None) == (run is None):
            raise InvalidOption("an event needs an address", expected="exactly one of key= and run=")
        for what, value in (("event", name), ("key", key), ("id", id)):
            check_keepable(what, value)
        event, payload = (name, msgspec.json.encode(data)) if isinstance(name, str) else name.encode(data)
        engine = self._engine()
        target = None if run is None else (await engine.find(run)).key
        await engine.send(event, payload, key=key, target=target, id=id)


def filter_of(which: Mapping[str, Any]) -> RunFilter:
    """A filter from keywords; one value or several. Raises InvalidOption."""
    known = {"status", "workflow", "queue", "tags", "id_prefix", "since", "until", "parent", "text"}
    if unknown := set(which) - known:
        raise InvalidOption(f"no filter is called {', '.join(sorted(unknown))}", expected=f"{', '.join(sorted(known))}")
    made: dict[str, Any] = {k: v for k, v in which.items() if v is not None}
    for name in ("workflow", "queue", "status"):
        if name in made:
            value = made[name]
            made[name] = (value,) if isinstance(value, str) else tuple(value)
    if "status" in made:
        made["status"] = tuple(w if isinstance(w, RunStatus) else status_of(w) for w in made["status"])
    for name in ("since", "until"):
        if isinstance(made.get(name), datetime):
            made[name] = instant(made[name])
    return RunFilter(**made)
