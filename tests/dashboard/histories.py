"""Made-up histories of runs, as the API tells of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any


def text_of(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def call(name: str, at: datetime, seconds: float, **more: Any) -> dict[str, Any]:
    """A call as the API tells of it: one attempt of so many seconds."""
    ended = text_of(at + timedelta(seconds=seconds))
    tries = [{"n": 1, "began_at": text_of(at), "ended_at": ended, "status": "succeeded"}]
    made: dict[str, Any] = {
        "id": name,
        "parent": None,
        "name": name,
        "kind": "step",
        "status": "succeeded",
        "opened_at": text_of(at),
        "began_at": text_of(at),
        "ended_at": ended,
        "due_at": None,
        "policy": None,
        "source": None,
        "undo": False,
        "attempts": tries,
        "event": None,
        "child": None,
        "value_size": None,
        "seq": None,
    }
    return {**made, **more}


def long_history(count: int, start: datetime) -> Iterator[dict[str, Any]]:
    """A run of many calls, one after the other, each of its own name."""
    for number in range(count):
        yield call(f"step_{number}x", start + timedelta(seconds=number), 0.5)


def sleepy_history(now: datetime) -> list[dict[str, Any]]:
    """Three seconds of work, twelve hours of sleep, and work that goes on."""
    start = now - timedelta(hours=12, seconds=20)
    woke = now - timedelta(seconds=10)
    running = {"n": 2, "began_at": text_of(woke + timedelta(seconds=4)), "ended_at": None, "status": "running"}
    failed = {
        "n": 1,
        "began_at": text_of(woke + timedelta(seconds=1)),
        "ended_at": text_of(woke + timedelta(seconds=3)),
        "status": "failed",
        "error": failure("SMTPServerDisconnected", "closed"),
    }
    return [
        call("validate", start, 1),
        call("charge", start + timedelta(seconds=1), 2),
        call("sleep", start + timedelta(seconds=3), 12 * 3600 + 7, kind="sleep", attempts=[], due_at=text_of(woke)),
        call(
            "send_invoice",
            woke,
            0,
            status="running",
            ended_at=None,
            attempts=[failed, running],
            policy="6 attempts, 4s apart, doubling",
        ),
        call(
            "guess",
            woke,
            2,
            status="unknown",
            attempts=[
                {
                    "n": 1,
                    "began_at": text_of(woke),
                    "ended_at": text_of(woke + timedelta(seconds=2)),
                    "status": "unknown",
                }
            ],
        ),
        call(
            "review",
            woke,
            0,
            kind="wait",
            status="waiting",
            ended_at=None,
            attempts=[],
            event={"name": "review", "key": None, "received_at": None},
            due_at=text_of(now + timedelta(hours=48)),
        ),
    ]


def failure(type: str, message: str) -> dict[str, Any]:
    """A failure as the API tells of it, with a frame of the user's and one of a library."""
    own = {
        "file": "billing/mail.py",
        "line": 41,
        "function": "send",
        "own": True,
        "context": [{"line": 40, "text": "    connect()"}, {"line": 41, "text": "    post(message)"}],
    }
    library = {"file": "/usr/lib/python3.12/smtplib.py", "line": 900, "function": "post", "own": False, "context": []}
    return {
        "type": type,
        "message": message,
        "code": None,
        "retryable": True,
        "details": None,
        "traceback": f"Traceback\n{type}: {message}",
        "frames": [own, library],
        "cause": None,
        "group": [],
        "notes": [],
    }


def moment() -> datetime:
    return datetime.now(UTC)


def stubbed(id: str, calls: list[dict[str, Any]], now: Any, **more: Any) -> dict[str, Any]:
    """Answers of the API for a made-up run."""
    first = calls[0]["opened_at"]
    run = {
        "id": id,
        "key": "01",
        "workflow": "invoices",
        "status": "running",
        "queue": "default",
        "priority": 100,
        "generation": 1,
        "epoch": 1,
        "deaths": 0,
        "worker": "w1",
        "parent": None,
        "parent_call": None,
        "progress": 0.72,
        "note": "step 6 of 8",
        "reason": None,
        "cancelling": False,
        "pin": None,
        "tags": {},
        "due_at": None,
        "created_at": first,
        "started_at": first,
        "finished_at": None,
        "expires_at": None,
        "now": None,
    }
    run.update({name: value for name, value in more.items() if name in run})
    detail = {
        "input": {"n": 1},
        "attempt": 1,
        "current": [],
        "generations": 1,
        "code": "7f3c2e1",
        "python": "3.12",
        "counts": {"entries": 3, "children": 0, "logs": 0, "calls": len(calls)},
        "actions": ["pause", "cancel", "terminate"],
        "summary": {"text": "Sends.", "parts": [{"text": "Sends.", "strong": True}]},
    }
    detail.update({name: value for name, value in more.items() if name in (*detail, "error", "result")})
    path = f"/runs/{id}"
    lines = {"lines": more.get("lines", []), "after": None}
    return {
        path: {**run, **detail},
        f"{path}/timeline": {"run": run, "now": text_of(now), "calls": calls, "generation": 1, "generations": 1},
        f"{path}/stream": "retry: 100000\n\n: nothing\n\n",
        f"{path}/logs": lines,
        f"{path}/events": more.get("events", {"waiting": [], "received": []}),
        f"{path}/journal": {"entries": [], "after": None, "generations": 1},
    }


def made_up(id: str) -> dict[str, Any]:
    now = moment()
    return stubbed(id, sleepy_history(now), now)
