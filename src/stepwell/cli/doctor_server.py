"""What `stepwell doctor` sees of a server: that it answers, who it takes us for, and what runs behind it."""

from typing import Any, Final

import msgspec

from stepwell.cli.moments import span
from stepwell.client.database import Finding
from stepwell.client.version import VERSION

LATE: Final = 60.0
"""Seconds that a run may have been ready for."""


class _Now(msgspec.Struct, frozen=True):
    oldest_ready_s: float | None


class _Overview(msgspec.Struct, frozen=True):
    now: _Now


def server(client: Any) -> list[Finding]:
    """The server itself, and the key that it was shown; the client is open, so that it has answered."""
    session = client.session
    about = f"{client.http.url}, Stepwell {session.version} on {session.database}, namespace {session.namespace}"
    if session.version != VERSION:
        hint = "Install the same version on both sides."
        return [Finding("server", "warn", f"{about}; this is {VERSION}", hint), _key(session)]
    return [Finding("server", "ok", about), _key(session)]


def _key(session: Any) -> Finding:
    if session.open:
        return Finding("key", "ok", "none is needed from here")
    if session.authenticated:
        return Finding("key", "ok", f"{session.name}, which may {', '.join(session.scopes)}")
    hint = "Set STEPWELL_API_KEY; whoever serves makes one: stepwell keys create NAME"
    return Finding("key", "fail", "the server wants one, and was shown none that is valid", hint)


async def queue(client: Any, any_worker: bool) -> Finding:
    """Whether runs are taken; the server sees since when each could have been. Raises Forbidden."""
    return waited((await client.http.get("/overview", _Overview)).now.oldest_ready_s, any_worker)


def waited(longest: float | None, any_worker: bool) -> Finding:
    """What it means that a run has been ready for so long."""
    if longest is None or longest < LATE:
        return Finding("queue", "ok", "no run has been ready for more than a minute")
    why = "No worker has its workflow or its queue, or they are all busy." if any_worker else "No worker is alive."
    return Finding("queue", "warn", f"a run has been ready for {span(longest)} and nobody takes it",
                   f"See which: stepwell runs list --status queued. {why}")  # fmt: skip
