"""What is shown of one run: its details, its timeline, its journal, what it waits for; read from the database."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from stepwell.client.blame import awaited, blamed
from stepwell.client.briefs import Briefs
from stepwell.client.engine import OpenEngine
from stepwell.client.fresh import Fresh
from stepwell.client.opennow import OpenNow
from stepwell.client.phrases import now_of, policy_of, summary_of, why_of
from stepwell.client.redact import Redactor
from stepwell.client.serving import unserved
from stepwell.client.shapes import (
    Call,
    CallChild,
    CallEvent,
    Counts,
    Run,
    RunDetail,
    Source,
    Timeline,
    Try,
    moment,
    moment_or_none,
    run_of,
)
from stepwell.client.sources import shown
from stepwell.client.timeline import Attempt, CallView, open_of, sizes_of, started_of, timeline_of
from stepwell.client.tracebacks import failure_of
from stepwell.client.values import Reader
from stepwell.core.transitions import VERBS
from stepwell.errors import NotFound
from stepwell.model.entry import AnyEntry, Finished, Recoded, Started, decode_entries
from stepwell.model.failure import class_of, head_of
from stepwell.model.logline import KIND, decode_batch
from stepwell.model.run import Claimed, RunFilter, RunRow, WorkerRow
from stepwell.model.status import RunStatus

MOST_VALUE: Final = 4096
AT_ONCE: Final = 1000
"""How many calls of a timeline are told before others get their turn."""
SHORT: Final = 8
"""Of a worker's id, the end: the beginning is the time, which workers that began together share."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of a run at one moment."""

    row: RunRow
    entries: list[AnyEntry]
    blobs: dict[str, bytes]
    calls: list[CallView]
    generation: int


class Views:
    """The views of one app's runs; `redactor` of a call decides what is hidden in them.

    In results as lists show them, which go to many at once, it is `listed` that decides.
    """

    def __init__(self, engine: OpenEngine, listed: Callable[[], Redactor] | None = None) -> None:
        self.engine = engine
        self.marks = engine.briefs.marks
        self.briefs = engine.briefs if listed is None else Briefs(engine.store, engine.definitions, listed, self.marks)
        self.open_now = OpenNow(engine)
        self._workers: Fresh[list[WorkerRow]] = Fresh(engine.store.workers, engine.clock, 1.0)

    # -- many ----------------------------------------------------------------------------------

    async def run(self, row: RunRow) -> Run:
        """A run as lists show it."""
        return (await self.runs([row]))[0]

    async def runs(self, rows: Sequence[RunRow]) -> list[Run]:
        """Runs as lists show them, with the ids of their parents and their results in short."""
        now = self.engine.clock.now()
        above = {row.parent for row in rows if row.parent is not None}
        ids = {row.key: row.id for row in await self.engine.store.rows(list(above))} if above else {}
        names = await self._names() if any(row.worker is not None for row in rows) else {}
        briefs = await self.briefs.of(rows)
        return [run_of(row, now=self._now(row, now), parent=None if row.parent is None else ids.get(row.parent),
                       worker=None if row.worker is None else names.get(row.worker, row.worker[-SHORT:]),
                       brief=briefs.get(row.key))
                for row in rows]  # fmt: skip

    async def _names(self) -> dict[str, str]:
        """The workers as people know them: by host and process."""
        return {worker.id: f"{worker.host}:{worker.pid}" for worker in await self._workers.get() if worker.host}

    def _now(self, row: RunRow, now: float) -> str | None:
        said = now_of(row, now)
        if said is None and row.status is RunStatus.RUNNING:
            calls = self.engine.current(row, ())
            names = [call.rpartition("/")[2] for call in calls[:2]]
            said = ", ".join(names) + (f" and {len(calls) - 2} more" if len(calls) > 2 else "") if names else None
        return said

    # -- one -----------------------------------------------------------------------------------

    async def look(self, row: RunRow, generation: int | None = None) -> Looked:
        """Read a generation, and what is open in it. Raises NotFound for a generation that there is not."""
        if generation is not None and not 1 <= generation <= row.generation:
            raise NotFound(f"run {row.id!r} has no generation {generation}", expected=f"1 to {row.generation}")
        store = self.engine.store
        if generation in (None, row.generation):
            loaded = await store.load(row.key)
            if loaded is None:
                raise NotFound(f"there is no run {row.id!r} (any more)")
            row = loaded.row
            entries = [e for _, data in loaded.journal or [] for e in decode_entries(data)]
            blobs = loaded.blobs
            calls = await self._current(loaded, entries)
        else:
            entries = [e for _, _, data in await store.journal(row.key, generation) for e in decode_entries(data)]
            blobs = await store.blobs(row.key)
            calls = timeline_of(row, entries, last=False)
        return Looked(row=row, entries=entries, blobs=blobs, calls=calls, generation=generation or row.generation)

    async def _current(self, loaded: Claimed, entries: list[AnyEntry]) -> list[CallView]:
        found = await self.open_now.of(loaded, len(entries))
        return timeline_of(loaded.row, entries, open_calls=found)

    async def detail(self, row: RunRow, redactor: Redactor) -> RunDetail:
        """A run with everything that fits on the top of its page."""
        seen = await self.look(row)
        row, now = seen.row, self.engine.clock.now()
        started = started_of(seen.entries)
        end = next((e for e in reversed(seen.entries) if isinstance(e, Finished)), None)
        end = end if row.status.terminal else None
        failed = None if end is None or end.error is None else blamed(seen.entries)
        error = UNSET if failed is None else failure_of(failed, redactor, awaited(seen.entries))
        head = None if failed is None else head_of(failed)
        said = None if head is None else (class_of(head), head.message)
        shows = self.reader(seen, redactor)
        run = await self.run(row)
        workers = await self.engine.store.workers() if row.worker is not None else []
        code = next((w.offers.get(row.workflow) for w in workers if w.id == row.worker), None)
        return RunDetail(
            **{name: getattr(run, name) for name in Run.__struct_fields__},
            input=None if started is None else shows(started, started.input),
            result=UNSET if end is None or end.value is None else shows(end, end.value),
            error=error,
            attempt=1 if started is None else started.attempt,
            current=[call.id for call in open_of(seen.calls)],
            generations=row.generation,
            code=row.pin or code or _code_of(row, seen.entries),
            python=None if started is None else started.python or None,
            counts=await self._counts(seen),
            actions=[verb.value for verb, states in VERBS.items() if row.status in states and _useful(row, verb.value)],
            summary=summary_of(row, seen.calls, now, tries=self._tries(seen.calls), error=said,
                               unserved=await self.unserved(row)),
            why=why_of(row),
        )  # fmt: skip

    async def unserved(self, row: RunRow) -> str | None:
        """Why no worker can take a run, in a few words; None when one can, or when it is not ready."""
        if row.status is not RunStatus.QUEUED:
            return None
        return unserved(row, await self._workers.get(), self.engine.clock.now())

    async def _counts(self, seen: Looked) -> Counts:
        store = self.engine.store
        children = await store.count(RunFilter(parent=seen.row.key))
        last = await store.records(KIND, owner=seen.row.key, limit=1, newest=True)
        calls = sum(call.kind != "scope" for call in seen.calls)
        return Counts(entries=len(seen.entries), children=sum(children.values()), calls=calls,
                      logs=decode_batch(last[0].data).count if last else 0)  # fmt: skip

    def _tries(self, calls: Sequence[CallView]) -> dict[str, int]:
        found = {}
        for call in calls:
            rules = self._rules(call)
            if rules is not None:
                found[call.name.partition(" #")[0]] = rules.retry.retries + 1
        return found

    def _rules(self, call: CallView) -> Any:
        definition = self.engine.definitions.workflow(call.name.partition(" #")[0])
        if definition is None or call.kind in ("scope", "sleep", "wait", "timeout", "fold"):
            return None
        return definition.rules if definition.step is None else definition.step.rules

    async def timeline(self, row: RunRow, generation: int | None, redactor: Redactor) -> Timeline:
        """The calls of a generation. Raises NotFound."""
        return await self.timeline_of(await self.look(row, generation), redactor)

    async def timeline_of(self, seen: Looked, redactor: Redactor) -> Timeline:
        """The same of what has been read already."""
        keys = [bytes.fromhex(call.target) for call in seen.calls if call.target is not None]
        children = {r.key.hex(): r for r in await self.engine.store.rows(keys)} if keys else {}
        calls, shows = list[Call](), self.reader(seen, redactor)
        for call in seen.calls:
            calls.append(self.call(call, seen, children, shows, redactor))
            if not len(calls) % AT_ONCE:
                await asyncio.sleep(0)  # noqa: TID251 - let the loop do other things, too
        return Timeline(run=await self.run(seen.row), now=moment(self.engine.clock.now()), calls=calls,
                        generation=seen.generation, generations=seen.row.generation)  # fmt: skip

    def call(self, call: CallView, seen: Looked, children: dict[str, RunRow], shows: Reader,
             redactor: Redactor) -> Call:  # fmt: skip
        """A call as the API says it."""
        rules, size = self._rules(call), sizes_of(seen.blobs, call.value)
        small = size is not None and size <= MOST_VALUE and call.error is None
        decided = None if call.seq is None or not small else seen.entries[call.seq]
        child = children.get(call.target or "")
        status = call.status or "waiting"
        ran = None if call.child is None else CallChild(
            call.child, call.workflow or (child.workflow if child else ""),
            child.status.value if child else status)  # fmt: skip
        return Call(
            id=call.id, parent=call.parent, name=call.name, kind=call.kind, status=status,  # type: ignore[arg-type]
            opened_at=moment_or_none(call.opened), began_at=moment_or_none(call.began),
            ended_at=moment_or_none(call.ended), due_at=moment_or_none(call.due),
            policy=None if rules is None else policy_of(rules), source=self._source(call), undo=call.undo,
            attempts=[_try(attempt, redactor) for attempt in call.attempts],
            event=None if call.event is None else CallEvent(call.event, call.key, moment_or_none(call.received)),
            child=ran,
            value=UNSET if decided is None or call.value is None else shows(decided, call.value),
            value_size=None if call.error is not None else size,
            error=UNSET if call.error is None else failure_of(call.error, redactor), seq=call.seq)  # fmt: skip

    def _source(self, call: CallView) -> Source | None:
        if call.kind not in ("step", "undo", "nested", "child"):
            return None
        definition = self.engine.definitions.workflow(call.workflow or call.name.partition(" #")[0])
        code = getattr(getattr(definition, "fn", None), "__code__", None)
        return None if code is None else Source(shown(code.co_filename), code.co_firstlineno)

    def reader(self, seen: Looked, redactor: Redactor) -> Reader:
        """What reads the stored values of a generation's entries as plain data, with what is secret hidden."""
        return Reader(self.marks, redactor, seen.row.workflow, seen.blobs, seen.entries)


def _try(attempt: Attempt, redactor: Redactor) -> Try:
    return Try(n=attempt.n, began_at=moment_or_none(attempt.began), ended_at=moment_or_none(attempt.ended),
               status=attempt.status,  # type: ignore[arg-type]
               error=UNSET if attempt.error is None else failure_of(attempt.error, redactor),
               again_at=moment_or_none(attempt.again), lost=attempt.lost)  # fmt: skip


def _code_of(row: RunRow, entries: Sequence[AnyEntry]) -> str | None:
    """The code that a generation went on by last, as its journal says; None while none has."""
    if row.started_at is None:
        return None
    return next((e.code for e in reversed(entries) if isinstance(e, Recoded | Started) and e.code), None)


def _useful(row: RunRow, verb: str) -> bool:
    """Whether a verb that is allowed would change anything."""
    done = {"pause": RunStatus.PAUSED, "cancel": RunStatus.CANCELLED, "terminate": RunStatus.TERMINATED}
    if verb == "resume":
        return row.status in (RunStatus.PAUSED, RunStatus.PARKED)
    if verb == "unpin":
        return row.pin is not None
    if verb == "cancel" and row.cancelling:
        return False
    return done.get(verb) is not row.status
