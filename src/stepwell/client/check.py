"""Replays recorded runs against the code of an app, without executing anything: whether they still fit (P13)."""

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Final

import msgspec

from stepwell.client.app import App
from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.payloads import resolved
from stepwell.core.starting import begun_at
from stepwell.errors import TypeMismatch
from stepwell.model.entry import AnyEntry, decode_entries
from stepwell.model.run import Claimed, RunFilter, RunRow
from stepwell.model.status import TERMINAL, RunStatus
from stepwell.ports.definitions import Definitions, RunFacts, WorkflowDefinition

PAGE: Final = 200
OPEN: Final = tuple(status for status in RunStatus if status not in TERMINAL)


class Fit(StrEnum):
    """How the code goes with a run."""

    FITS = "fits"
    DIVERGES = "diverges"
    UNKNOWN = "unknown workflow"
    UNREADABLE = "unreadable"
    PINNED = "pinned to other code"


class OpenCall(msgspec.Struct, frozen=True):
    """A call that the body waits for at the journal's end; `due` (epoch seconds) of a timer.

    `opened`: how many entries had been delivered when it was made. Where a worker of this process holds the run:
    `attempt` of a step that is under way, when it `began` (0.0 while it waits for a slot), and when it was
    `queued` for one.
    """

    kind: str
    call: str
    due: float | None = None
    opened: int = 0
    attempt: int = 0
    began: float | None = None
    queued: float | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay of one run found; `diff` says what does not fit."""

    run_id: str
    workflow: str
    status: RunStatus
    fit: Fit
    diff: str = ""
    open: tuple[OpenCall, ...] = ()

    @property
    def ok(self) -> bool:
        return self.fit in (Fit.FITS, Fit.PINNED)


async def open_runs(app: App) -> int:
    """How many runs `check_all` will look at."""
    return sum((await app._engine().store.count(RunFilter(status=OPEN))).values())


async def check_all(app: App) -> AsyncIterator[Verdict]:
    """Replay every run that has not ended, newest first. Reads only. Raises WorldError.

    Runs that are pinned to other code are not replayed: this code never goes on with them.
    """
    store = app._engine().store
    after: bytes | None = None
    while page := await store.list(RunFilter(status=OPEN), after=after, limit=PAGE):
        for row in page:
            loaded = await store.load(row.key)
            if loaded is None or loaded.row.status.terminal:
                continue
            definition = app.registry.workflow(row.workflow)
            if definition is not None and loaded.row.pin not in (None, definition.code):
                yield _verdict(loaded.row, Fit.PINNED, f"pinned to code {loaded.row.pin}; this is {definition.code}")
            else:
                yield await asyncio.to_thread(check_run, app.registry, loaded)
        after = page[-1].key


async def check_one(app: App, run_id: str) -> Verdict:
    """Replay one run, ended or not. Raises NotFound, WorldError."""
    engine = app._engine()
    loaded = await engine.store.load((await engine.find(run_id)).key)
    assert loaded is not None
    return await asyncio.to_thread(check_run, app.registry, loaded)


def check_run(definitions: Definitions, loaded: Claimed) -> Verdict:
    """Replay one loaded run. Not inside a running event loop: bodies bring their own."""
    row = loaded.row
    definition = definitions.workflow(row.workflow)
    if definition is None:
        known = ", ".join(sorted(definitions.workflow_names())) or "none"
        return _verdict(row, Fit.UNKNOWN, f"no workflow is called {row.workflow!r}; this code has {known}")
    try:
        entries = [entry for _, data in loaded.journal or [] for entry in decode_entries(data)]
    except msgspec.MsgspecError as error:
        return _verdict(row, Fit.UNREADABLE, f"its journal cannot be read: {error}")
    if fold_history(entries).started is None:
        return _verdict(row, Fit.UNREADABLE, "its journal does not begin with a start")
    kernel = _replay(definitions, definition, row, entries, loaded.blobs)
    try:
        diff = _misfit(kernel)
        open_calls = tuple(OpenCall(str(c.kind), c.id, c.due or None, c.opened) for c in kernel.calls.values())
        return _verdict(row, Fit.DIVERGES if diff else Fit.FITS, diff, open_calls)
    finally:
        kernel.close()


def _replay(definitions: Definitions, definition: WorkflowDefinition, row: RunRow, entries: list[AnyEntry],
            blobs: dict[str, bytes]) -> Kernel:  # fmt: skip
    """As a worker loads a run: the body over the journal. Commands are taken and thrown away."""
    history = fold_history(entries)
    started = history.started
    assert started is not None
    kernel = Kernel(row.key, row.generation)
    kernel.folded = history.folds
    facts = RunFacts(row, started, bytes(resolved(started.input, blobs).v), definitions)
    kernel.info = facts
    kernel.begin(lambda: definition.program(kernel, facts), begun_at(row, started))
    for number, entry in enumerate(entries[1:], 1):
        if number in history.void:
            kernel.void()
        else:
            kernel.deliver(_inlined(entry, blobs))
    kernel.take()
    return kernel


def _inlined(entry: AnyEntry, blobs: dict[str, bytes]) -> AnyEntry:
    value = getattr(entry, "value", None)
    if value is None or not value.r:
        return entry
    return msgspec.structs.replace(entry, value=resolved(value, blobs))


def _misfit(kernel: Kernel) -> str:
    """What does not fit, in words; empty when all does."""
    if kernel.stuck is not None:
        return getattr(kernel.stuck, "diff", "") or str(kernel.stuck)
    outcome = kernel.outcome
    if outcome is not None and isinstance(outcome.error, TypeMismatch):
        return f"  a recorded value does not have the type that the code expects: {outcome.error}"
    if kernel.drifted:
        return f"  other arguments than recorded: {', '.join(kernel.drifted)}"
    return ""


def _verdict(row: RunRow, fit: Fit, diff: str, open_calls: tuple[OpenCall, ...] = ()) -> Verdict:
    return Verdict(run_id=row.id, workflow=row.workflow, status=row.status, fit=fit, diff=diff, open=open_calls)
