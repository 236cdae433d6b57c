"""A new run, from its order: pure; key, stamp and parent are arguments."""

import hashlib
import platform

import msgspec

from stepwell.core.admission import rank_of
from stepwell.core.payloads import payload_of
from stepwell.model.change import NewRun
from stepwell.model.entry import Started, encode_entries
from stepwell.model.options import StartOptions, StoredOptions
from stepwell.model.rules import WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

PYTHON = ".".join(platform.python_version_tuple()[:2])


def input_digest(workflow: str, data: bytes) -> str:
    """What decides whether two starts with one id are the same start (P7)."""
    return hashlib.blake2b(workflow.encode() + b"\0" + data, digest_size=12).hexdigest()


def new_run(
    workflow: str,
    data: bytes,
    options: StartOptions,
    rules: WorkflowRules | None,
    *,
    key: bytes,
    now: float,
    parent: bytes | None = None,
    parent_call: str | None = None,
    worker: str | None = None,
    code: str = "",
) -> NewRun:
    """The run to create; with `worker`, as claimed by it. Clients without the code have no `rules` and no `code`."""
    deadline = options.deadline if options.deadline is not None else (rules.deadline if rules else None)
    patience = options.queue_timeout if options.queue_timeout is not None else (rules.queue_timeout if rules else None)
    priority = options.priority if options.priority is not None else (rules.priority if rules else 100)
    due = now + options.delay if options.delay else None
    blobs: list[tuple[str, bytes]] = []
    started = Started(
        at=now,
        input=payload_of(data, blobs, f"the input of {workflow!r}"),
        deadline=None if deadline is None else now + deadline,
        queue_timeout=patience,
        python=PYTHON,
        code=code,
    )
    claimed = worker is not None and due is None
    row = RunRow(
        key=key,
        id=options.id or key.hex(),
        workflow=workflow,
        queue=options.queue or (rules.queue if rules else "default"),
        status=RunStatus.RUNNING if claimed else RunStatus.QUEUED,
        priority=priority,
        epoch=1 if claimed else 0,
        worker=worker if claimed else None,
        claimed_seq=1,
        due=due,
        rank=rank_of(due if due is not None else now, priority),
        created_at=now,
        started_at=now if claimed else None,
        parent=parent,
        parent_call=parent_call,
        digest=input_digest(workflow, data),
        options=_stored(options),
        pin=code if code and rules is not None and rules.versioning == "pin" else None,
        tags=options.tags,
    )
    return NewRun(row, encode_entries([started]), options.id is not None, tuple(blobs))


def _stored(options: StartOptions) -> str | None:
    if options.retention is None and options.retries is None:
        return None
    keep = options.retention
    stored = StoredOptions(
        retries=options.retries,
        keep_succeeded=keep.succeeded if keep else None,
        keep_failed=keep.failed if keep else None,
    )
    return msgspec.json.encode(stored).decode()


def stored_options(row: RunRow) -> StoredOptions:
    """The options that a run keeps."""
    return msgspec.json.decode(row.options, type=StoredOptions) if row.options else _NONE


_NONE = StoredOptions()


def begun_at(row: RunRow, started: Started) -> float:
    """When the body began, the same at every replay: when a worker first had the run, not when it was made.

    A run that has waited an hour for a worker must not find its first sleep over (P8).
    """
    return started.at if row.started_at is None else max(started.at, row.started_at)
