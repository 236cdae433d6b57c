"""What the API says of runs, calls and failures: the shapes of its JSON, which the server writes and a client reads.

Times are RFC 3339 in UTC with microseconds, lengths of time are seconds. A field that may be left out is `UNSET` then.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
CallKind = Literal["step", "sleep", "wait", "child", "scope", "fold", "timeout", "nested", "undo"]
CallStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "unknown"]
TryStatus = Literal["running", "succeeded", "failed", "unknown"]
TagValue = str | int | float | bool
EARLIEST, LATEST = 0.0, 253_402_300_799.0
"""Year 9999: what RFC 3339 can say."""


def moment(at: float) -> Moment:
    """Epoch seconds as the API says them: "2026-11-21T12:00:00.123456Z"."""
    there = datetime.fromtimestamp(min(max(at, EARLIEST), LATEST), UTC)
    return there.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_or_none(at: float | None) -> Moment | None:
    """The same, of what may be missing."""
    return None if at is None else moment(at)


def at(moment: Moment | None) -> float | None:
    """Epoch seconds of a moment as the API says it."""
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run's row. `parent` is the parent's id; `now` is a short sentence: what it does, waits for or failed with.

    `worker_name`: the holder as people know it ("host:pid"). `took_s`: from creation to the end, None before that.
    `brief`: the result of one that succeeded, as JSON of at most 80 characters in which what is secret is hidden; None
    where that result is null, is long, or the run stands otherwise. It is to be shown, not to be parsed.
    """

    id: str
    key: str
    workflow: str
    status: RunStatus
    queue: str
    priority: int
    generation: int
    epoch: int
    deaths: int
    worker: str | None
    parent: str | None
    parent_call: str | None
    progress: float | None
    note: str | None
    reason: str | None
    cancelling: bool
    pin: str | None
    tags: dict[str, TagValue]
    due_at: Moment | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    expires_at: Moment | None
    now: str | None
    parent_key: str | None = None
    worker_name: str | None = None
    took_s: float | None = None
    brief: str | None = None


class SourceLine(msgspec.Struct, frozen=True):
    """One line of source beside the line of a frame."""

    line: int
    text: str


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame of a traceback; `own`: it is the user's code, not a library's, which `package` names then.

    `file` begins where imports do: "shop/billing.py"; a library's with its package: "httpx/_client.py".
    """

    file: str
    line: int
    function: str
    own: bool
    context: list[SourceLine]
    package: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as it was recorded; `args`, `fields` and `retry_after` are for clients that raise it again.

    `type` is the bare name of the class, also of one that could not be rebuilt; `module` is what stands before it,
    None where only the name is known. `awaited`: where the workflow's body got the failure of a step.
    """

    type: str
    message: str
    code: str | None = None
    retryable: bool | None = None
    details: Any = None
    traceback: str | None = None
    frames: list[Frame] = []
    cause: "Failure | None" = None
    group: list["Failure"] = []
    notes: list[str] = []
    args: list[Any] | None = None
    fields: dict[str, Any] | None = None
    retry_after: float | None = None
    module: str | None = None
    awaited: Frame | None = None


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of a sentence; `strong`: it is what the sentence is about."""

    text: str
    strong: bool = False


class Summary(msgspec.Struct, frozen=True):
    """One or two sentences that say where a run stands, whole and in pieces."""

    text: str
    parts: list[Part]


class DiffLine(msgspec.Struct, frozen=True):
    """What one side of a comparison has: the journal, or the code."""

    label: str
    text: str


class Why(msgspec.Struct, frozen=True):
    """Why a run is parked: what happened in a sentence, journal and code side by side, what can be done."""

    text: str
    diff: list[DiffLine]
    advice: str | None


class Counts(msgspec.Struct, frozen=True):
    """How much there is of a run."""

    entries: int
    children: int
    logs: int
    calls: int


class RunDetail(Run, frozen=True, kw_only=True):
    """A run with what its journal adds to its row."""

    input: Any
    result: Any | UnsetType = UNSET
    error: Failure | UnsetType = UNSET
    attempt: int
    current: list[str]
    generations: int
    code: str | None
    python: str | None
    counts: Counts
    actions: list[str]
    summary: Summary
    why: Why | None = None


class Source(msgspec.Struct, frozen=True):
    """A place in the user's code."""

    file: str
    line: int


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a step. `again_at`: when the next one is, or was, due.

    `lost`: nothing is known of this time but that the present worker did not hold the run, and no outcome came.
    """

    n: int
    began_at: Moment | None
    ended_at: Moment | None
    status: TryStatus
    error: Failure | UnsetType = UNSET
    again_at: Moment | None = None
    lost: bool = False


class CallEvent(msgspec.Struct, frozen=True):
    """The event that a wait is for."""

    name: str
    key: str | None
    received_at: Moment | None


class CallChild(msgspec.Struct, frozen=True):
    """The run that a call started."""

    id: str
    workflow: str
    status: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a run's body, or a scope around several.

    `id` is its identity as recorded, `seq` the number of the entry that decided it. `value` is left out above 4 kB.
    """

    id: str
    parent: str | None
    name: str
    kind: CallKind
    status: CallStatus
    opened_at: Moment | None
    began_at: Moment | None
    ended_at: Moment | None
    due_at: Moment | None
    policy: str | None
    source: Source | None
    undo: bool
    attempts: list[Try]
    event: CallEvent | None
    child: CallChild | None
    value: Any | UnsetType = UNSET
    value_size: int | None
    error: Failure | UnsetType = UNSET
    seq: int | None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All calls of one generation, in the order in which they were first heard of."""

    run: Run
    now: Moment
    calls: list[Call]
    generation: int
    generations: int


def run_of(row: RunRow, *, now: str | None = None, parent: str | None = None, worker: str | None = None,
           brief: str | None = None) -> Run:  # fmt: skip
    """A row as the API says it. `parent`: the parent's id, where it is known, its key otherwise; `worker`: its name."""
    above = row.parent.hex() if parent is None and row.parent is not None else parent
    return Run(
        id=row.id, key=row.key.hex(), workflow=row.workflow, status=row.status, queue=row.queue,
        priority=row.priority, generation=row.generation, epoch=row.epoch, deaths=row.deaths, worker=row.worker,
        parent=above, parent_call=row.parent_call, progress=row.progress, note=row.note, reason=row.reason,
        cancelling=row.cancelling, pin=row.pin, tags=row.tags, due_at=moment_or_none(row.due),
        created_at=moment(row.created_at), started_at=moment_or_none(row.started_at),
        finished_at=moment_or_none(row.finished_at), expires_at=moment_or_none(row.expires_at), now=now,
        parent_key=None if row.parent is None else row.parent.hex(), worker_name=worker, brief=brief,
        took_s=None if row.finished_at is None else round(max(0.0, row.finished_at - row.created_at), 6))  # fmt: skip
