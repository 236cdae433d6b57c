"""A run as the store keeps it: the narrow row, and what may be asked about many of them."""

import msgspec

from stepwell.model.status import RunStatus


class RunRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run's row. Times are epoch seconds; `key` is 16 bytes, time-ordered, ours alone.

    `inbox` counts everything ever posted to the run: the mark that tells the holder to look.
    `due` is when a queued run may start or a waiting one wakes; `rank` orders the queue.
    `pin` is the fingerprint of the only code that may go on with it, or None: any worker that knows the workflow.
    """

    key: bytes
    id: str
    workflow: str
    queue: str = "default"
    status: RunStatus = RunStatus.QUEUED
    priority: int = 100
    epoch: int = 0
    generation: int = 1
    inbox: int = 0
    worker: str | None = None
    claimed_seq: int = 0
    deaths: int = 0
    due: float | None = None
    rank: float = 0.0
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    parent: bytes | None = None
    parent_call: str | None = None
    origin: bytes | None = None
    digest: str = ""
    progress: float | None = None
    note: str | None = None
    reason: str | None = None
    cancelling: bool = False
    options: str | None = None
    pin: str | None = None
    tags: dict[str, str | int | float | bool] = {}


class InboxItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something posted to a run by anyone but its holder. `n` is its number in the run's inbox.

    kinds: "message" (a direct one has call None; a keyed one was matched to the wait `call` and
    came from place `mail_seq` of its mailbox), "child" (data is an encoded ChildEnded), "cancel", "pause".
    """

    n: int
    kind: str
    at: float
    event: str | None = None
    key: str | None = None
    call: str | None = None
    mail_seq: int = 0
    message_id: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class Claimed(msgspec.Struct, frozen=True):
    """A run just claimed: its row after the claim, its journal, its inbox.

    `journal` is None when the caller said that it still holds the run as it was at the previous epoch.
    """

    row: RunRow
    journal: list[tuple[int, bytes]] | None
    inbox: list[InboxItem]
    blobs: dict[str, bytes] = {}


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs: every field given must hold. Times are epoch seconds, `since` inclusive.

    `text` is contained, whatever the case of A to Z, in the id, workflow, reason or note; `reason` is how the reason
    begins. `pinned`: whether the run has a `pin`.
    """

    status: tuple[RunStatus, ...] = ()
    workflow: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    id_prefix: str | None = None
    parent: bytes | None = None
    tags: dict[str, str | int | float | bool] = {}
    since: float | None = None
    until: float | None = None
    text: str | None = None
    reason: str | None = None
    pinned: bool | None = None


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as the store knows it; `expires_at` is when its leases end unless it beats again.

    `offers`: the workflows it has the code of, with their fingerprints. `lag`: the longest that its loop was blocked
    since the beat before, in seconds.
    """

    id: str
    host: str = ""
    pid: int = 0
    version: str = ""
    concurrency: int = 0
    started_at: float = 0.0
    beat_at: float = 0.0
    expires_at: float = 0.0
    held: int = 0
    queues: tuple[str, ...] = ()
    offers: dict[str, str] = {}
    lag: float = 0.0
    draining: bool = False


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def lowered(text: str) -> str:
    """With small letters for A to Z and nothing else changed: what every database does alike."""
    return text.translate(_LOWER)


def matches(row: RunRow, which: RunFilter) -> bool:
    """Whether a run fits a filter: what the stores' queries mean, for rows that are in memory already."""
    return (
        (not which.status or row.status in which.status)
        and (not which.workflow or row.workflow in which.workflow)
        and (not which.queue or row.queue in which.queue)
        and (which.id_prefix is None or row.id.startswith(which.id_prefix))
        and (which.parent is None or row.parent == which.parent)
        and (which.since is None or row.created_at >= which.since)
        and (which.until is None or row.created_at < which.until)
        and (which.text is None or _contains(row, which.text))
        and (which.reason is None or (row.reason or "").startswith(which.reason))
        and (which.pinned is None or (row.pin is not None) == which.pinned)
        and all(_same(row.tags.get(name), value) for name, value in which.tags.items())
    )


def _contains(row: RunRow, text: str) -> bool:
    return any(lowered(text) in lowered(place) for place in (row.id, row.workflow, row.reason or "", row.note or ""))


def _same(a: object, b: object) -> bool:
    """Equal as tags: numbers by value, but True is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)
