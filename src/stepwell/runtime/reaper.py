"""Retention: removes ended runs that are old enough, in bounded batches."""

import asyncio
import logging

from stepwell.errors import WorldError
from stepwell.model.policy import Keep, Retention
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Retire, Store

log = logging.getLogger("stepwell.worker")
EVERY = 60.0
BATCH = 500


def retirement(definitions: Definitions, default: Retention | None, now: float) -> Retire:
    """Which runs may go, by the workflows' own rules, and by the app's default for the others."""
    ages: dict[tuple[str, str], float] = {}
    keeps: dict[tuple[str, str], int] = {}
    if default is not None:
        _ages(ages, "*", default)
    for name in definitions.workflow_names():
        definition = definitions.workflow(name)
        if definition is None:
            continue
        if definition.rules.retention is not None:
            _ages(ages, name, definition.rules.retention)
        if definition.rules.keep is not None:
            _keeps(keeps, name, definition.rules.keep)
    return Retire(now=now, ages=ages, keeps=keeps, limit=BATCH)


def _ages(ages: dict[tuple[str, str], float], name: str, retention: Retention) -> None:
    if retention.succeeded is not None:
        ages[name, "succeeded"] = retention.succeeded
    if retention.failed is not None:
        for status in ("failed", "cancelled", "terminated"):
            ages[name, status] = retention.failed


def _keeps(keeps: dict[tuple[str, str], int], name: str, keep: Keep) -> None:
    if keep.succeeded is not None:
        keeps[name, "succeeded"] = keep.succeeded
    if keep.failed is not None:
        keeps[name, "failed"] = keep.failed


class Reaper:
    """Retires in the background, a batch at a time, so that it never holds the database for long."""

    def __init__(self, store: Store, definitions: Definitions, default: Retention | None, clock: Clock) -> None:
        self._store = store
        self._definitions = definitions
        self._default = default
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to retire every minute."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def sweep(self) -> int:
        """Retire everything that is due now; returns how many runs."""
        gone = 0
        while True:
            n = await self._store.retire(retirement(self._definitions, self._default, self._clock.now()))
            gone += n
            if n < BATCH:
                return gone
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, not a wait

    async def stop(self) -> None:
        """Stop after the batch under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)  # noqa: TID251 - real time: a virtual clock sweeps by hand
            try:
                gone = await self.sweep()
                if gone:
                    log.info("retention removed %d runs", gone)
            except WorldError as error:
                log.warning("retention failed: %s", error)
            except Exception:
                log.exception("retention failed")  # and is tried again: it must not end in silence
