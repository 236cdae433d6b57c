"""Executes runs whose worker died twice, each alone in a process of its own (P11).

A poison run, one that kills whoever executes it, must not take its neighbours with it again. As a program
(`python -m stepwell.client.isolated REFERENCE KEY`, orders by standard input) this is that process.
"""

import asyncio
import logging
import os
import sys
from typing import Final

import msgspec

from stepwell.client.app import App
from stepwell.client.discover import load
from stepwell.client.leash import manner_of, orders, spawn
from stepwell.client.logs import Format, write_log
from stepwell.client.stopping import Stopping
from stepwell.errors import UsageError, WorldError
from stepwell.model.change import Change, Expect, Patch
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.definitions import codes_of
from stepwell.runtime.loudness import level_of

log = logging.getLogger("stepwell.worker")
EVERY: Final = 3.0
"""Seconds between two looks for runs that must be alone, when the last one has found some."""
RARELY: Final = 4
"""So many times longer is the pause after many looks that have found nothing."""
LOOK: Final = 0.2
"""Seconds between two looks of the child at its one run."""
LONGEST_PAUSE: Final = 300.0
GIVE_UP: Final = 5
"""So many looks, which become rarer, are left to other workers to take a run that cannot be executed here."""
UNLOADABLE: Final = (
    "killed its worker twice and must be executed alone, but no other process can load this app; "
    "define it in a module or a script and run `stepwell worker`"
)
ALONE: Final = "STEPWELL_ALONE"
"""Set in the child: a script without a `__main__` guard must not begin the same there again."""


class Order(msgspec.Struct, frozen=True):
    """What the child is to execute, with the database as the parent sees it."""

    reference: str
    url: str
    namespace: str
    key: str
    level: str = "info"
    form: Format = Format.TEXT


class Isolation:
    """Looks for runs that must be alone, and has them executed one after the other; does no harm if there are none.

    `reference` is by which another process loads the app, None when none can; `workflows` limits it, as the
    worker beside it is limited.
    """

    def __init__(self, app: App, reference: str | None, *, workflows: tuple[str, ...] = (), every: float = EVERY,
                 level: str = "info", form: Format = Format.TEXT) -> None:  # fmt: skip
        self._app = app
        self._reference = reference
        self._names = workflows or app.registry.workflow_names()
        self._codes = codes_of(app.registry, self._names)
        self._every = every
        self._level = level
        self._form: Format = form
        self._task: asyncio.Task[None] | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._failures: dict[bytes, int] = {}
        self._not_before: dict[bytes, float] = {}

    def start(self) -> None:
        """Begin to look, in the running loop; the app is open. In a process that is alone itself: nothing."""
        if ALONE not in os.environ:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more; a child at work hands its run back, within the app's grace."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), self._app.settings.grace + self._app.settings.lease)
        except TimeoutError:
            child.kill()
            await child.wait()

    async def _run(self) -> None:
        pause, failures = self._every, 0
        while True:
            try:
                key = await self._next()
                failures = 0
                if key is not None:
                    pause = self._every
                    await self._alone(key)
                    continue
            except WorldError as error:
                failures += 1
                log.log(level_of(failures), "looking for runs that must be alone failed: %s", error)
            except Exception:
                log.exception("a run that must be alone could not be executed")
            await asyncio.sleep(pause)  # noqa: TID251 - real time: processes know no virtual clock
            pause = min(2 * pause, RARELY * self._every)

    async def _next(self) -> bytes | None:
        keys = await self._app._engine().store.lonely(self._names, 20, self._codes)
        now = self._app.parts.clock.monotonic()
        return next((key for key in keys if self._not_before.get(key, 0.0) <= now), None)

    async def _alone(self, key: bytes) -> None:
        row = await self._app._engine().store.row(key)
        if row is None:
            return
        about = {"run_id": row.id, "workflow": row.workflow}
        if self._reference is None:
            self._put_off(key, failed=True)
            log.error("run %s %s", row.id, UNLOADABLE, extra=about)
            if self._failures[key] >= GIVE_UP:
                await self._park(row)
            return
        settings = self._app.settings
        order = Order(self._reference, settings.database_url, settings.namespace, key.hex(), self._level, self._form)
        self._child = await spawn(__name__, order, self._reference, key.hex(), env={ALONE: "1"})
        log.warning("run %s has lost its worker %d times: it is executed alone, in process %d",
                    row.id, row.deaths, self._child.pid, extra=about)  # fmt: skip
        code = await self._child.wait()
        if code == 0:
            log.info("run %s was executed alone", row.id, extra=about)
        else:
            fate = "; it is parked when the lease of that process ends" if code < 0 else ""
            log.error("the process of run %s ended with %s%s", row.id, manner_of(code), fate, extra=about)
        # A child that ended well left its run in some other state; one that was killed left it to its lease. A run
        # that is still there after a start that failed is tried less and less often.
        self._put_off(key, failed=code > 0)

    async def _park(self, row: RunRow) -> None:
        """Nobody has come who could execute it: a run must not stay where nothing will ever move it (P1)."""
        expect = Expect(row.epoch, row.status, row.generation, row.inbox)
        patch = Patch(status=RunStatus.PARKED, release=True, bump=True, reason=f"it {UNLOADABLE}")
        await self._app._engine().writer.commit(Change(run=row.key, expect=expect, patch=patch))

    def _put_off(self, key: bytes, *, failed: bool) -> None:
        times = self._failures[key] = self._failures.get(key, 0) + 1 if failed else 0
        pause = min(self._every * 2.0**times, LONGEST_PAUSE)
        self._not_before[key] = self._app.parts.clock.monotonic() + pause


# -- the child -------------------------------------------------------------------------------------


def main() -> int:
    """Execute one run, alone, until it has ended, waits, or belongs to somebody else."""
    order = orders(Order)
    write_log(order.level, order.form)
    try:
        app = App(order.url, namespace=order.namespace, like=load(order.reference))
        asyncio.run(_work(app, bytes.fromhex(order.key)))
    except UsageError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says it; a traceback would be ours
        return 2
    except WorldError as error:
        log.error("%s", error)  # noqa: TRY400
        return 5
    return 0


async def _work(app: App, key: bytes) -> None:
    stopping = Stopping(at_once=True).listen()
    async with app.worker(only=key.hex()) as worker:
        store = app._engine().store
        while not worker.dead:
            row = await store.row(key)
            if row is None or not _ours(row, worker.id, app) or await stopping.within(LOOK):
                return


def _ours(row: RunRow, worker: str, app: App) -> bool:
    if row.status is RunStatus.RUNNING:
        return row.worker == worker
    return row.status is RunStatus.QUEUED and row.due is None and row.workflow in app.registry.workflow_names()


if __name__ == "__main__":
    sys.exit(main())
