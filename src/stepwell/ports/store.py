"""What the engine needs of a place that keeps runs: commit changes, claim runs, read.

The contract in words; `stepwell.testing.conformance` is the same contract as tests. Every method may
raise the errors of `stepwell.errors.WorldError`; after one of them a commit may or may not have happened,
and repeating it is safe (P6).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.run import Claimed, InboxItem, RunFilter, RunRow, WorkerRow

ALONE = 2
"""From this many deaths on a run is given only to a claim for it alone (P11)."""
DEATHS = 3
"""With this many deaths a run is parked."""
QUARANTINE = "quarantine: three workers died while they executed this run, and none of them recorded anything new"
"""The reason of a run parked for its deaths."""
DUE_AT_ONCE = 1000
"""Most runs that one claim wakes because they are due: bounds how long it holds the database."""
LINGER = 86_400.0
"""Seconds for which a dead worker's row is kept after its lease ran out."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a store can do; declared, never discovered.

    `durable`: an acknowledged commit survives power loss. `shared`: several processes may open it.
    `hints`: `wait_hint` hears of other processes' commits (polling remains the truth).
    """

    durable: bool
    shared: bool
    hints: bool


class Heart(Protocol):
    """A worker's pulse, beaten from a thread of its own over a connection of its own."""

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        """Renew (or first record) the worker's row; return the keys of the runs that it holds.

        None: the worker was found expired and marked dead; its id is never used again.
        """
        ...

    def stop(self, worker: str) -> None:
        """Remove the worker: it drained. Runs that it still holds are queued at once, no death counted."""
        ...

    def close(self) -> None: ...


class Retire(msgspec.Struct, frozen=True, kw_only=True):
    """Which ended runs may go. Ages in seconds, None for ever; counts kept per workflow, None for all.

    `ages`: (workflow or "*", status) → age; `keeps`: likewise → count. A run's own `expires_at` comes first.
    """

    now: float
    ages: Mapping[tuple[str, str], float]
    keeps: Mapping[tuple[str, str], int]
    limit: int = 500


class Store(Protocol):
    """One namespace of one database. All methods may be called concurrently from one event loop."""

    capabilities: Capabilities

    async def open(self, *, create: bool = True) -> None:
        """Connect and check the schema; `create` makes it when the database is empty.

        Raises: SchemaMissing, SchemaTooNew, SchemaTooOld, NetworkFilesystem, StoreUnavailable, StoreReadOnly.
        """
        ...

    async def close(self) -> None: ...

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        """Apply changes in one transaction, each accepted or refused on its own, as if one after another.

        At most one of them is fenced with the same (run, epoch): the caller has folded them.
        For one change, in this order:

        - `create`: insert the run; a row with the same key is our own earlier attempt (ok). A row with the same
          user id: not ok, "exists", `row` is that run's. With `row.worker` set it is created as claimed.
        - fence: `epoch` must equal the row's and the row be held (RUNNING), else "stale". If the journal
          already has (generation, seq) written under this very epoch, the change was applied before: ok.
        - `expect`: the row's (epoch, status, generation, inbox) must equal it, else "stale".
        - append the journal row (key, generation, seq, data); `opens` likewise as (key, patch.generation, 0);
          store blobs; delete `took` from the inbox.
        - `arm`: under the mailbox's lock, give the oldest message to the wait as an inbox item of this run
          (kind "message", with `call`, mark + 1), else place the wait. `disarm`: remove waits of those calls.
        - `put_back`: the message returns to its mailbox at its old place, or goes to the first wait there.
        - `start`: create children like `create`; rows that exist already come back in `children`.
        - `patch`: as `Patch` says. `bump` also on release? No: a claim raises the epoch; `bump` is for operators.
          Leaving RUNNING clears `worker`.
        - `closes`: remove the run's waits, and put its untaken keyed messages back (inbox items with `call` set).
        - `post`: number and insert the item in the target's inbox, mark + 1; a WAITING target becomes QUEUED
          (due None, rank = item.at + priority * 10). A closed or missing target takes nothing (still ok).
        - `send`: de-duplicate by id ("duplicate": ok is True, nothing done); with `key`, under the mailbox's lock,
          to the first wait (as a posted inbox item) or kept; with `target`, as a posted item with call None
          ("missing" or "closed" when there is no such open run).
        """
        ...

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        """Give runs to a worker: due, of its workflows, best rank first; QUEUED → RUNNING, epoch + 1.

        First, in the same transaction: workers expired at `now` are marked dead and their runs queued with
        epoch + 1 (a run whose journal did not grow since its claim gets deaths + 1, else deaths 0; with three it is
        PARKED, reason "quarantine: ..."); WAITING runs that are due become QUEUED (rank = due + priority * 10 - 5).
        A run with two deaths is not given to a general claim, only to `only`.
        A QUEUED run with `due` in the future is not claimable. `started_at` is set by the first claim.
        `claimed_seq` becomes the number of the next journal entry. The journal is read after the claim, except
        for a key that `cached` maps to the epoch before this claim: then it is None. A worker that is dead gets nothing.
        """
        ...

    async def load(self, key: bytes, after_inbox: int = 0) -> Claimed | None:
        """A run's row, the journal of its current generation, and inbox items numbered above `after_inbox`."""
        ...

    async def inbox(self, key: bytes, after: int) -> list[InboxItem]:
        """The inbox items of a run numbered above `after`, in order."""
        ...

    async def journal(self, key: bytes, generation: int | None = None) -> list[tuple[int, int, bytes]]:
        """(generation, seq, data) in order, of one generation or of all; blobs stay references."""
        ...

    async def blobs(self, key: bytes) -> dict[str, bytes]: ...

    async def row(self, key: bytes) -> RunRow | None: ...

    async def row_by_id(self, run_id: str) -> RunRow | None:
        """The run with this user id, or whose key is written so."""
        ...

    async def rows(self, keys: Sequence[bytes]) -> list[RunRow]: ...

    async def count(self, which: RunFilter) -> dict[str, int]:
        """How many runs per status."""
        ...

    async def next_due(self, workflows: Sequence[str]) -> float | None:
        """When the next queued or waiting run of these workflows is due (0.0 when one is due at once)."""
        ...

    async def lonely(self, workflows: Sequence[str], limit: int) -> list[bytes]:
        """Queued runs with two deaths: each must be executed alone."""
        ...

    async def retire(self, which: Retire) -> int:
        """Delete ended runs (rows, journals, tags, blobs, inbox) that `which` lets go, at most `limit`; also
        de-duplication ids older than the longest age and dead workers' rows older than a day. Returns how many runs.
        """
        ...

    async def workers(self) -> list[WorkerRow]: ...

    async def subscribe(self, subscriptions: Sequence[tuple[str, str]]) -> None:
        """Remember (event, workflow): publishing the event starts the workflow. Idempotent."""
        ...

    async def subscribers(self, event: str) -> list[str]: ...

    async def heart(self) -> Heart: ...

    async def wait_hint(self, timeout: float) -> bool:
        """Wait until somebody else may have committed, at most `timeout` seconds. False: nothing heard."""
        ...

    async def dump(self) -> dict[str, object]:
        """A canonical snapshot of everything, for comparing stores (tests; not for large databases)."""
        ...

    # Last: from here on the name `list` means this method inside the class.
    async def list(self, which: RunFilter, *, after: bytes | None = None, limit: int = 50) -> list[RunRow]:
        """Runs newest first, below the key `after`: keyset pages."""
        ...
