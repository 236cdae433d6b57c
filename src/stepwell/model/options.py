"""Options of one start, resolved: what `.options(...)` says beside the workflow's own defaults."""

from typing import Any, Literal

import msgspec

from stepwell.model.policy import Retention

Reuse = Literal["never", "after_close"]
Tag = str | int | float | bool


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one run is to be started; durations in seconds, None where the workflow's default holds.

    `reuse`: what an id that belongs to an ended run means: "never" answers with that run (P7), "after_close"
    opens a new generation of it. `conn`: the caller's own database transaction to start in.
    """

    id: str | None = None
    name: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: float = 0.0
    tags: dict[str, Tag] = {}
    retries: int | None = None
    retention: Retention | None = None
    queue_timeout: float | None = None
    deadline: float | None = None
    reuse: Reuse = "never"
    conn: Any = None


class StoredOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of the options a run keeps in its row, for later decisions. Ages in seconds."""

    retries: int | None = None
    keep_succeeded: float | None = None
    keep_failed: float | None = None
