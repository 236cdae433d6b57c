"""Examples of what is sent and answered, by the name of its schema."""

from typing import Any, Final

_AT: Final = "2026-11-21T12:00:00.123456Z"
RUN: Final[dict[str, Any]] = {
    "id": "order-17", "key": "019aa6b2c4d57e8f90a1b2c3d4e5f607", "workflow": "place_order", "status": "waiting",
    "queue": "default", "priority": 100, "generation": 1, "epoch": 1, "deaths": 0, "worker": None, "parent": None,
    "parent_call": None, "progress": None, "note": None, "reason": "waiting for event payment.settled",
    "cancelling": False, "pin": None, "tags": {"customer": "acme"}, "due_at": "2026-11-21T12:10:00.000000Z",
    "created_at": _AT, "started_at": _AT, "finished_at": None, "expires_at": None,
    "now": "Waits for payment.settled, 10m 00s left", "parent_key": None, "brief": None,
}  # fmt: skip
DONE: Final[dict[str, Any]] = RUN | {
    "id": "order-16", "key": "019aa6b2c4d57e8f90a1b2c3d4e5f606", "status": "succeeded", "reason": None, "due_at": None,
    "finished_at": "2026-11-21T12:00:09.000000Z", "now": None, "took_s": 8.876544,
    "brief": '{"charge":"ch_1","invoice":"1204","token":"••••"}',
}  # fmt: skip
START: Final[dict[str, Any]] = {"workflow": "place_order", "input": {"order": {"id": "17", "amount": 4200}},
                                "id": "order-17", "tags": {"customer": "acme"}}  # fmt: skip
EXAMPLES: Final[dict[str, Any]] = {
    "Run": RUN,
    "RunPage": {"runs": [RUN, DONE], "after": None},
    "RunCount": {"total": 3, "by_status": {"failed": 1, "succeeded": 2}},
    "StartBody": START,
    "BatchBody": {"runs": [START]},
    "EventBody": {"event": "payment.settled", "payload": {"ok": True}, "id": "evt-9"},
    "PublishBody": {"event": "payment.settled", "key": "17", "payload": {"ok": True}, "id": "evt-9"},
    "Login": {"key": "swk_…"},
    "KeyBody": {"name": "dashboard", "scopes": ["read", "operate"], "expires_in": "90d"},
    "BulkBody": {"action": "retry", "filter": {"status": ["failed"], "since": "24h"}, "expect": 87},
    "Problem": {
        "type": "urn:stepwell:error:illegal_state", "title": "Illegal state", "status": 409, "code": "illegal_state",
        "detail": "run order-17 is succeeded: cancel is not possible", "hint": "Possible now: restart.",
    },
    "Session": {
        "authenticated": True, "open": False, "name": "dashboard", "scopes": ["operate", "read"], "csrf": "…",
        "namespace": "default", "database": "PostgreSQL", "version": "0.1.0", "expires_at": _AT,
    },
    "Bulk": {"id": "019aa6b2c4d57e8f90a1b2c3d4e5f608", "action": "retry", "total": 87, "done": 40, "refused": 1,
             "failed": 0, "started_at": _AT, "ended_at": None,
             "interrupted": False},
    "Preview": {"action": "retry", "matched": 87, "allowed": 85, "by_status": {"failed": 85, "succeeded": 2},
                "refused": [{"why": "succeeded: retry is not possible", "count": 2}]},
    "LogPage": {"lines": [{"id": "019aa6b2c4d5.0", "at": _AT, "level": "info", "call": "charge", "attempt": 1,
                           "text": "charged 4200"}], "after": None},
}  # fmt: skip
