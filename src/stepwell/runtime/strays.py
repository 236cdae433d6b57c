"""Lets go of runs that were given back to code which then went away: the last of its workers has been replaced.

Only of workflows that any code may go on with. A run that its workflow pins stays pinned, and is shown instead.
"""

import asyncio
import logging

from stepwell.errors import WorldError
from stepwell.model.change import Change, Expect, Patch
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Store
from stepwell.runtime.codes import offered
from stepwell.runtime.journal import JournalWriter

log = logging.getLogger("stepwell.worker")
EVERY = 30.0
GRACE = 60.0
"""Seconds for which code may be missing: a worker that is started again brings it back."""
BATCH = 500


class Strays:
    """Looks for such runs in the background. Once free, a run goes on with code that fits, or is parked (P13)."""

    def __init__(self, store: Store, writer: JournalWriter, definitions: Definitions, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._definitions = definitions
        self._clock = clock
        self._missing: dict[tuple[str, str, str], float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def sweep(self) -> int:
        """Look once; how many runs were let go."""
        rows = await self._store.list(self._which(), limit=BATCH)
        workers, now = await self._store.workers() if rows else [], self._clock.now()
        lost = [row for row in rows if not any(offered(worker, row, row.pin or "", now) for worker in workers)]
        self._missing = {(place := _place(row)): self._missing.get(place, now) for row in lost}
        freed = 0
        for row in lost:
            if now - self._missing[_place(row)] >= GRACE:
                expect = Expect(row.epoch, row.status, row.generation, row.inbox)
                reply = await self._writer.commit(Change(run=row.key, expect=expect, patch=Patch(pin="")))
                freed += reply.ok
                if reply.ok:
                    log.warning("code %s of %s is gone: a run that was given back to it goes to whoever knows the "
                                "workflow", row.pin, row.workflow, extra={"run_id": row.id})  # fmt: skip
        return freed

    def _which(self) -> RunFilter:
        known = [(name, self._definitions.workflow(name)) for name in self._definitions.workflow_names()]
        names = tuple(name for name, one in known if one is not None and one.rules.versioning == "latest")
        return RunFilter(status=(RunStatus.QUEUED,), workflow=names or ("",), pinned=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)  # noqa: TID251 - real time: a virtual clock sweeps by hand
            try:
                await self.sweep()
            except WorldError as error:
                log.warning("looking for runs whose code is gone failed: %s", error)
            except Exception:
                log.exception("looking for runs whose code is gone failed")  # and is tried again


def _place(row: RunRow) -> tuple[str, str, str]:
    return row.workflow, row.queue, row.pin or ""
