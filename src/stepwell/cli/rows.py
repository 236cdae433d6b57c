"""Runs and workers as data for `--json`: the names of Python, times in ISO 8601."""

from typing import Any

import msgspec

from stepwell.authoring.handle import RunStatusReport
from stepwell.cli.moments import iso
from stepwell.model.run import RunRow, WorkerRow

_TIMES = {"due": "due_at", "created_at": "created_at", "started_at": "started_at", "finished_at": "finished_at",
          "expires_at": "expires_at"}  # fmt: skip


def run_data(row: RunRow) -> dict[str, Any]:
    """A run's row."""
    data: dict[str, Any] = {
        "id": row.id,
        "key": row.key.hex(),
        "workflow": row.workflow,
        "status": row.status.value,
        "queue": row.queue,
        "priority": row.priority,
        "generation": row.generation,
        "epoch": row.epoch,
        "deaths": row.deaths,
        "worker": row.worker,
        "parent": None if row.parent is None else row.parent.hex(),
        "parent_call": row.parent_call,
        "progress": row.progress,
        "note": row.note,
        "reason": row.reason,
        "cancelling": row.cancelling,
        "pin": row.pin,
        "tags": row.tags,
    }
    return data | {name: iso(getattr(row, field)) for field, name in _TIMES.items()}


def report_data(report: RunStatusReport) -> dict[str, Any]:
    """What the journal adds to a run's row."""
    error = report.error
    return {
        "input": report.input,
        "result": plain(report.result),
        "error": None if error is None else error_data(error),
        "attempt": report.attempt,
        "current": list(report.current),
    }


def error_data(error: BaseException) -> dict[str, Any]:
    """An exception in a few words."""
    return {"type": type(error).__name__, "message": str(error), "code": getattr(error, "code", None)}


def worker_data(worker: WorkerRow) -> dict[str, Any]:
    """A worker's row."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "concurrency": worker.concurrency,
        "held": worker.held,
        "queues": list(worker.queues),
        "offers": worker.offers,
        "lag": worker.lag,
        "draining": worker.draining,
        "started_at": iso(worker.started_at),
        "beat_at": iso(worker.beat_at),
        "expires_at": iso(worker.expires_at),
    }


def plain(value: Any) -> Any:
    """A result that was decoded to a user's type, as JSON again."""
    try:
        return msgspec.to_builtins(value, enc_hook=str)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return str(value)
