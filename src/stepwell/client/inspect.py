"""Looking at many runs: lists, counts, workers; and starting or sending by name alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from stepwell.authoring.handle import Run, RunStatusReport, as_data
from stepwell.authoring.inputs import canonical
from stepwell.authoring.starting import start_options
from stepwell.client.engine import OpenEngine
from stepwell.errors import InvalidOption, NotFound, UnknownWorkflow
from stepwell.model.duration import instant
from stepwell.model.entry import decode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import RunFilter, RunRow, WorkerRow
from stepwell.model.status import RunStatus, status_of
from stepwell.ports.engine import StartOrder

Entries = list[dict[str, Any]]
"""Journal entries as plain data. Named here: inside `Runs`, `list` is its method."""


class Page(msgspec.Struct, frozen=True):
    """Runs, newest first, and the cursor of the next page (None at the end)."""

    runs: list[RunRow]
    after: str | None


class Runs:
    """`app.runs`: every run of the namespace."""

    def __init__(self, engine: Callable[[], OpenEngine]) -> None:
        self._engine = engine

    def _handle(self, row: RunRow) -> Run[Any]:
        engine = self._engine()
        definition = engine.definitions.workflow(row.workflow)
        return Run(row.key, row.id, row.workflow, self._engine, definition.result if definition else None)

    async def get(self, run_id: str) -> Run[Any]:
        """The handle of a run. Raises NotFound."""
        return self._handle(await self._engine().find(run_id))

    async def start(self, workflow: str, input: Any = None, **options: Any) -> Run[Any]:
        """Start by name, also without the workflow's code: `input` is its only argument, or a dict of its arguments.

        Raises:
            Conflict, TypeMismatch, PayloadTooLarge; UnknownWorkflow when the code is here and has no such name.
        """
        engine = self._engine()
        definition = engine.definitions.workflow(workflow)
        if definition is None and engine.definitions.workflow_names():
            known = ", ".join(sorted(engine.definitions.workflow_names()))
            raise UnknownWorkflow(f"no workflow is called {workflow!r}", hint=f"There are {known}.")
        data = msgspec.json.encode(input)
        encoded = canonical(definition.signature, data) if definition is not None else data
        order = StartOrder(workflow, encoded, start_options(StartOptions(), options), definition)
        (row,) = await engine.start([order])
        if isinstance(row, Exception):
            raise row
        return self._handle(row)

    async def list(self, *, limit: int = 50, after: str | None = None, **which: Any) -> Page:
        """Runs newest first, by `status=`, `workflow=`, `queue=` (one or several), `tags=`, `id_prefix=`, `since=`.

        `until=` is a moment, too (datetimes or epoch seconds).
        `after` is the cursor of the page before. Raises InvalidOption for a filter that cannot be.
        """
        if not 1 <= limit <= 1000:
            raise InvalidOption(f"limit={limit}", expected="1 to 1000")
        cursor = _cursor(after)
        rows = await self._engine().store.list(filter_of(which), after=cursor, limit=limit)
        return Page(rows, rows[-1].key.hex() if len(rows) == limit else None)

    async def count(self, **which: Any) -> dict[str, int]:
        """How many runs per status, by the filters of `list`."""
        return await self._engine().store.count(filter_of(which))

    async def row(self, run_id: str) -> RunRow:
        """The run as it stands in the database: without its input, journal and result. Raises NotFound."""
        return await self._engine().find(run_id)

    async def status(self, run_id: str) -> RunStatusReport:
        """The status of a run. Raises NotFound."""
        return await (await self.get(run_id)).status()

    async def generations(self, run_id: str) -> Entries:
        """The journal of all generations, as plain data with `generation` and `seq`. Raises NotFound."""
        engine = self._engine()
        row = await engine.find(run_id)
        found: Entries = []
        for generation, seq, data in await engine.store.journal(row.key):
            for n, entry in enumerate(decode_entries(data)):
                found.append({"generation": generation, "seq": seq + n, **as_data(entry)})
        return found


class Events:
    """`app.events`: sending by name, for clients without the code."""

    def __init__(self, engine: Callable[[], OpenEngine]) -> None:
        self._engine = engine

    async def send(self, name: str, *, key: str | None = None, run: str | None = None, data: Any = None,
                   id: str | None = None) -> None:  # fmt: skip
        """Send to a key, or to one run's own mailbox (its id).

        Raises:
            InvalidOption: neither or both are given. NotFound: there is no such run.
        """
        if (key is None) == (run is None):
            raise InvalidOption("an event needs an address", expected="exactly one of key= and run=")
        engine = self._engine()
        target = None if run is None else (await engine.find(run)).key
        await engine.send(name, msgspec.json.encode(data), key=key, target=target, id=id)


class AppStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An app at one moment: its database, counts per state, live workers.

    `next_due_s`: seconds until the next queued or waiting run is due, 0.0 when one is, None when there is none.
    """

    database: str
    namespace: str
    version: str
    runs: dict[str, int]
    workers: list[WorkerRow]
    next_due_s: float | None


def filter_of(which: Mapping[str, Any]) -> RunFilter:
    """A filter from keywords; one value or several. Raises InvalidOption."""
    known = {"status", "workflow", "queue", "tags", "id_prefix", "since", "until", "parent"}
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


def _cursor(after: str | None) -> bytes | None:
    if after is None:
        return None
    try:
        return bytes.fromhex(after)
    except ValueError:
        raise NotFound(f"no page begins after {after!r}", expected="the cursor of a page") from None
