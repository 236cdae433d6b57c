"""What a run's body waits for at this moment: asked of the worker that holds it, or found by a replay.

A replay executes workflow bodies, never steps. It is bounded, and what it found is kept until the run goes on.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from stepwell.client.check import Fit, OpenCall, check_run
from stepwell.client.engine import OpenEngine
from stepwell.model.run import Claimed, RunRow

MOST_ENTRIES: Final = 5_000
"""Journals longer than this are not replayed for a view."""
KEPT: Final = 500
AT_ONCE: Final = 2

Place = tuple[bytes, int, int]


class OpenNow:
    """Finds open calls; one for all views of an app."""

    def __init__(self, engine: OpenEngine) -> None:
        self._engine = engine
        self._found: OrderedDict[Place, tuple[OpenCall, ...] | None] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def of(self, loaded: Claimed, entries: int) -> tuple[OpenCall, ...] | None:
        """The open calls; None when nobody here can say: the code is elsewhere, or does not fit the journal."""
        row = loaded.row
        if row.status.terminal or row.started_at is None:
            return ()  # what has not begun has asked for nothing yet
        if (held := self._held(row)) is not None:
            return held
        if entries > MOST_ENTRIES or self._engine.definitions.workflow(row.workflow) is None:
            return None
        place = (row.key, row.epoch, entries)
        if place in self._found:
            self._found.move_to_end(place)
            return self._found[place]
        async with self._turns:
            verdict = await asyncio.to_thread(check_run, self._engine.definitions, loaded)
        self._found[place] = found = verdict.open if verdict.fit is Fit.FITS else None
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
        return found

    def _held(self, row: RunRow) -> tuple[OpenCall, ...] | None:
        """As the worker of this process has it in memory."""
        for worker in self._engine.workers:
            run = worker.runs.get(row.key) or worker.suspended.get_run(row.key)
            if run is not None and (run.epoch, run.row.generation) == (row.epoch, row.generation):
                begun = run.steps.begun()
                found = (OpenCall(str(c.kind), c.id, c.due or None, c.opened) for c in run.kernel.calls.values())
                return tuple(_tried(call, *begun[call.call]) if call.call in begun else call for call in found)
        return None


def _tried(call: OpenCall, attempt: int, began: float, queued: float) -> OpenCall:
    return replace(call, attempt=attempt, began=began, queued=queued)
