"""By which code a run goes on: recorded when it changes, pinned where the workflow says so, given back where it fails.

Invariants. (1) The journal names the code that it was written by, from its start or from where it changed. (2) A
change is recorded with the first entry that the new code brings, never alone: an entry would look like progress
where a worker died of the run (P11). (3) A run that does not fit this worker's code, and did fit another's, goes back
to those that have that code; it is parked only where there is none (P13).
"""

import logging

import msgspec

from stepwell.core.admission import rank_of
from stepwell.core.ending import parked
from stepwell.errors import Diverged
from stepwell.model.change import Patch
from stepwell.model.entry import Recoded
from stepwell.model.run import RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.runtime.holding import Holding

log = logging.getLogger("stepwell.run")


class Codes:
    """The code of one activation, and that which the run's journal names."""

    __slots__ = ("_asked", "_elsewhere", "_own", "_recorded", "_run", "_to_pin")

    def __init__(self, run: Holding, recorded: str) -> None:
        self._run = run
        self._own = run.definition.code
        self._recorded = recorded
        self._asked = False
        self._elsewhere: bool | None = None
        self._to_pin = bool(self._own) and run.definition.rules.versioning == "pin" and run.row.pin is None

    @property
    def differs(self) -> bool:
        """Whether the next entry is the first under other code than the journal names."""
        return self._own not in (self._recorded, "")

    def change(self, at: float) -> Recoded:
        """The entry that says so; it goes before that entry."""
        self._recorded = self._own
        return Recoded(at=at, code=self._own)

    def pinned(self, patch: Patch | None) -> Patch | None:
        """What is to be written of the row, with the pin of a run that is to have one and has none yet."""
        if not self._to_pin:
            return patch
        self._to_pin = False
        if patch is None:
            return Patch(pin=self._own)
        ends = patch.generation is not None or (patch.status is not None and patch.status.terminal)
        if patch.pin is None and not ends:
            return msgspec.structs.replace(patch, pin=self._own)
        return patch

    def aside(self) -> Patch | None:
        """How a run is laid down that cannot go on here; None while it is being found out where it could."""
        run, stuck = self._run, self._run.kernel.stuck
        self._to_pin = False
        if isinstance(stuck, Diverged) and self._recorded and self.differs:
            if self._elsewhere is None:
                if not self._asked:
                    self._asked = True
                    run.host.lookups.workers(run, self._answered)
                return None
            if self._elsewhere:
                log.warning("the run does not fit this worker's code (%s) and goes back to those that have the code "
                            "it was going on by (%s):\n%s", self._own, self._recorded, stuck.diff,
                            extra=run.about())  # fmt: skip
                rank = rank_of(run.now(), run.row.priority, resumed=True)
                return Patch(status=RunStatus.QUEUED, release=True, rank=rank, pin=self._recorded)
        return parked(str(stuck)).patch

    def _answered(self, workers: list[WorkerRow]) -> None:
        run = self._run
        self._elsewhere = any(offered(w, run.row, self._recorded, run.now()) for w in workers)
        run.advance()


def offered(worker: WorkerRow, row: RunRow, code: str, now: float) -> bool:
    """Whether a worker is alive, serves the run's queue, and has this code of its workflow."""
    alive = worker.expires_at > now and not worker.draining
    return alive and worker.offers.get(row.workflow) == code and (not worker.queues or row.queue in worker.queues)
