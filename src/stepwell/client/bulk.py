"""One verb for many runs: told beforehand what it will do, carried out in batches in the background.

It ends with the process that carries it out. How far it is is kept in the database, so that everybody can see that.
"""

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

import msgspec

from stepwell.client.engine import OpenEngine
from stepwell.client.shapes import Moment, moment, moment_or_none
from stepwell.core.transitions import VERBS, Verb
from stepwell.errors import Conflict, EngineRefusal, InvalidOption, LimitExceeded, NotFound, StepwellError, WorldError
from stepwell.model.record import Record
from stepwell.model.run import RunFilter, RunRow

log = logging.getLogger("stepwell.client")
PAGE: Final = 500
AT_ONCE: Final = 16
MOST: Final = 100_000
"""Runs of one action; more are left to another."""
RUNNING: Final = 4
MOMENT: Final = 0.001
KEPT: Final = 200
KIND: Final = "bulk"
NOTED: Final = 1.0
"""Seconds after which how far it is is written down again."""
SILENT: Final = 30.0
"""An action of which nothing was written down for so long has ended with its process."""
FORGOTTEN: Final = 30 * 86_400.0


class Why(msgspec.Struct, frozen=True):
    """Why an action is refused, and for how many runs."""

    why: str
    count: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would do: to how many of the runs that match it is allowed, and why not to the others."""

    action: str
    matched: int
    allowed: int
    refused: list[Why]
    by_status: dict[str, int]


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """How far an action is. `refused`: not possible in their state by then; `failed`: could not be carried out.

    `interrupted`: its process has ended, and the rest is left undone; what was done stays done.
    """

    id: str
    action: Literal["pause", "resume", "cancel", "terminate", "restart", "retry", "unpin"]
    total: int
    done: int
    refused: int
    failed: int
    started_at: Moment
    ended_at: Moment | None
    interrupted: bool = False


class _Job(msgspec.Struct):
    id: str
    action: Verb
    total: int
    started: float
    done: int = 0
    refused: int = 0
    failed: int = 0
    ended: float | None = None
    interrupted: bool = False

    def shown(self) -> Bulk:
        return Bulk(id=self.id, action=self.action.value, total=self.total, done=self.done,
                    refused=self.refused, failed=self.failed, started_at=moment(self.started),
                    ended_at=moment_or_none(self.ended), interrupted=self.interrupted)  # fmt: skip


class Bulks:
    """The bulk actions of one process, and what others have written down of theirs."""

    def __init__(self, engine: OpenEngine) -> None:
        self._engine = engine
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def preview(self, action: str, which: RunFilter | None, ids: Sequence[str] | None) -> Preview:
        """What the action would do now; nothing is changed. Raises InvalidOption."""
        verb, counts = Verb(action), dict[str, int]()
        if ids is not None:
            for row in await self._named(ids):
                counts[row.status.value] = counts.get(row.status.value, 0) + 1
        else:
            counts = await self._engine.store.count(_given(which))
        allowed = {status.value for status in VERBS[verb]}
        refused = [Why(f"{status}: {verb.value} is not possible", n) for status, n in sorted(counts.items())
                   if status not in allowed]  # fmt: skip
        missing = 0 if ids is None else len(set(ids)) - sum(counts.values())
        if missing > 0:
            refused.append(Why("there is no such run (any more)", missing))
        total = sum(counts.values())
        return Preview(action=action, matched=total, by_status=counts, refused=refused,
                       allowed=sum(n for status, n in counts.items() if status in allowed))  # fmt: skip

    async def begin(self, action: str, which: RunFilter | None, ids: Sequence[str] | None,
                    expect: int | None = None) -> Bulk:  # fmt: skip
        """Begin to carry the action out, and answer at once.

        Raises:
            Conflict: more runs match than `expect`. LimitExceeded: too many actions are under way. InvalidOption.
        """
        if len(self._tasks) >= RUNNING:
            raise LimitExceeded(f"{RUNNING} bulk actions are under way", hint="Wait until one has ended.")
        preview = await self.preview(action, which, ids)
        if expect is not None and preview.matched > expect:
            raise Conflict(f"{preview.matched} runs match now, not {expect}", hint="Look at the preview again.")
        job = _Job(self._engine.new_key().hex(), Verb(action), min(preview.matched, MOST), self._engine.clock.now())
        await self._forget(job.started - FORGOTTEN)
        await self._note(job)
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT:
            self._jobs.popitem(last=False)
        task = asyncio.get_running_loop().create_task(self._carry_out(job, which, ids))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.shown()

    async def get(self, job_id: str) -> Bulk:
        """How far an action is, of this process or of another. Raises NotFound."""
        if job_id in self._jobs:
            return self._jobs[job_id].shown()
        found = await self._engine.store.records(KIND, after=f"{job_id}\x7f", limit=1, newest=True)
        if not found or found[0].id != job_id:
            raise NotFound(f"there is no bulk action {job_id[:40]!r}")
        job = msgspec.json.decode(found[0].data, type=_Job)
        if job.ended is None and self._engine.clock.now() - found[0].at > SILENT:
            job.ended, job.interrupted = found[0].at, True
        return job.shown()

    async def close(self) -> None:
        """Stop; what was done stays done, and how far that is is written down."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            for job in self._jobs.values():
                if job.interrupted:
                    await self._note(job)

    async def _note(self, job: _Job) -> None:
        record = Record(kind=KIND, id=job.id, at=self._engine.clock.now(), data=msgspec.json.encode(job))
        try:
            await self._engine.store.put([record], replace=True)
        except WorldError as error:
            if job.done + job.refused + job.failed == 0:
                raise  # not begun yet: whoever asks for it is told
            log.warning("how far bulk %s is could not be written down: %s", job.action, error)

    async def _forget(self, before: float) -> None:
        old = await self._engine.store.records(KIND, limit=PAGE)
        gone = [record.id for record in old if record.at < before]
        if gone:
            await self._engine.store.drop(KIND, gone)

    # -- carrying out --------------------------------------------------------------------------

    async def _carry_out(self, job: _Job, which: RunFilter | None, ids: Sequence[str] | None) -> None:
        noted = self._engine.clock.monotonic()
        try:
            async for batch in self._batches(job, which, ids):
                await asyncio.gather(*(self._one(job, row) for row in batch))
                if self._engine.clock.monotonic() - noted >= NOTED:
                    await self._note(job)
                    noted = self._engine.clock.monotonic()
        except asyncio.CancelledError:
            job.interrupted = True
            raise
        except StepwellError as error:
            log.warning("bulk %s ended early: %s", job.action, error)
            job.failed += max(0, job.total - job.done - job.refused - job.failed)
        except Exception:
            log.exception("bulk %s ended early", job.action)
            job.failed += max(0, job.total - job.done - job.refused - job.failed)
        finally:
            job.ended = self._engine.clock.now()
        await self._note(job)

    async def _batches(
        self, job: _Job, which: RunFilter | None, ids: Sequence[str] | None
    ) -> AsyncIterator[list[RunRow]]:
        """The runs as they stood when the action began, newest first: what is made later is left alone."""
        if ids is not None:
            rows = await self._named(ids)
            for at in range(0, len(rows), AT_ONCE):
                yield rows[at : at + AT_ONCE]
            return
        chosen, after, left = _given(which), None, job.total
        bound = min(chosen.until or math.inf, job.started + MOMENT)
        chosen = msgspec.structs.replace(chosen, until=bound)
        while left > 0 and (page := await self._engine.store.list(chosen, after=after, limit=min(PAGE, left))):
            after = page[-1].key
            left -= len(page)
            for at in range(0, len(page), AT_ONCE):
                yield page[at : at + AT_ONCE]

    async def _one(self, job: _Job, row: RunRow) -> None:
        try:
            await self._engine.control(row.key, job.action.value)
            job.done += 1
        except EngineRefusal:
            job.refused += 1
        except StepwellError as error:
            log.warning("bulk %s of run %s failed: %s", job.action, row.id, error)
            job.failed += 1

    async def _named(self, ids: Sequence[str]) -> list[RunRow]:
        found: dict[bytes, RunRow] = {}
        for run_id in dict.fromkeys(ids):
            row = await self._engine.store.row_by_id(run_id)
            if row is not None:
                found[row.key] = row
        return list(found.values())


def _given(which: RunFilter | None) -> RunFilter:
    if which is None:
        raise InvalidOption("a bulk action needs runs", expected="`filter` or `ids`")
    return which
