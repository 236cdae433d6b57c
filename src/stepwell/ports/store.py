"""What the engine needs of a place that keeps runs: commit changes, claim runs, read.

The contract in words; `stepwell.testing.conformance` is the same contract as tests. Every method may
raise the errors of `stepwell.errors.WorldError`; after one of them a commit may or may not have happened,
and repeating it is safe (P6).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.record import Depth, Record, Tally
from stepwell.model.run import Claimed, InboxItem, RunFilter, RunRow, WorkerRow
from stepwell.ports.clock import Clock
from stepwell.ports.guest import Guest

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
    `hints`: `wait_hint` hears of other processes' commits (polling remains the truth). `lanes`: how many commits may be
    under way at once; the changes of one run always go by the same lane, in order.
    """

    durable: bool
    shared: bool
    hints: bool
    lanes: int = 1


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
    `records`: kind → age, for records that belong to no run.
    """

    now: float
    ages: Mapping[tuple[str, str], float]
    keeps: Mapping[tuple[str, str], int]
    limit: int = 500
    records: Mapping[str, float] = {}


class Store(Protocol):
    """One namespace of one database. All methods may be called concurrently from one event loop.

    `clock` is what leases and timers are counted by: the database's own time where hosts share one (P8).
    """

    capabilities: Capabilities
    clock: Clock

    async def open(self, *, create: bool = True) -> None:
        """Connect and check the schema; `create` makes it when the database is empty.

        Raises: SchemaMissing, SchemaTooNew, SchemaTooOld, NetworkFilesystem, StoreUnavailable, StoreReadOnly.
        """
        ...

    async def close(self) -> None: ...

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        """Apply changes in one transaction, each accepted or refused on its own, as if one after another.

        At most one of them is fenced with the same (run, epoch): the caller has folded them.
        For one change, in this order; a change that is refused writes nothing:

        - `create`: insert the run, its first journal row (`started`, which holds `row.claimed_seq` entries, at least
          one), its tags and blobs. A row with the same key is our own earlier attempt (ok, nothing is done, `row` is
          as it now stands). A row with the same user id: not ok, "exists", `row` is that run's. With `row.worker` set
          it is created as claimed; if that worker has no lease (it never beat, signed off or is dead), it is created
          as QUEUED with epoch 0 instead, and `row` says so.
        - applied before (P6): a change with `data` that is in the journal at (generation, seq), the same bytes
          written under its epoch (one higher with `bump`, as it was written); without data, a release whose epoch is
          still the row's though the run is no longer held, and an operator's change whose effect is visible (own
          post, or bump and status). Then ok.
        - fence: `epoch` must equal the row's and the row be held (RUNNING), else "stale".
        - `expect`: the row's (epoch, status, generation, inbox) must equal it, else "stale". A journal row at
          (generation, seq) that is not ours: "stale" as well. `patch` without a guard on a missing run: "missing".
        - `send` to a run that is "missing" or "closed" refuses the change; one whose id was taken before is
          "duplicate": ok, nothing is done.
        - append the journal row (key, generation, seq, data), with the row's epoch, or with the raised one if the
          patch has `bump`: what an operator writes must never look like the holder's own repeat. `opens` likewise as
          (key, patch.generation, 0). Store blobs; delete `took` from the inbox.
        - `arm`: under the mailbox's lock, give the oldest message to the wait as an inbox item of this run
          (kind "message", with `call`, mark + 1), else place the wait; nothing for a call that has a wait, or an item
          in the inbox, already. `disarm`: remove waits of those calls.
        - `put_back`: the message returns to its mailbox at its old place, or goes to the first wait there. An item
          that is also in `took` and was not in the inbox any more was put back before.
        - `start`: create children like `create`; rows that exist already under their ids come back in `children`.
          One whose id `yields` is created without it where the id is another run's.
        - a row that another transaction holds (a caller's own transaction that has not ended, a process that stands
          still): "busy", and nothing is written. A store that never waits for others' rows never says so.
        - `patch`: as `Patch` says. Leaving RUNNING clears `worker`. A release that `seen` forbids leaves status, due,
          rank and worker alone; the rest of the change is applied. An empty `note` or `reason` clears it. A new
          `generation` sets `claimed_seq` to 0. Ending a run sets `finished_at`.
        - `closes`: remove the run's waits, and put its untaken keyed messages back (kind "message" with `call` set).
        - `post`: number and insert the item in the target's inbox, mark + 1; a WAITING target becomes QUEUED
          (due None, rank = item.at + priority * 10). A closed or missing target takes nothing (still ok).
        - `send`: with `key`, under the mailbox's lock, to the first wait (as a posted inbox item) or kept; with
          `target`, as a posted item with call None.
        """
        ...

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        """Give runs to a worker: of its workflows and queues, best rank first; QUEUED → RUNNING, epoch + 1.

        First, in the same transaction: workers whose `expires_at` is not after `now` are marked dead and their runs
        queued with epoch + 1, rank as it was (a run whose journal has not grown since its claim gets deaths + 1,
        else deaths 0; with `DEATHS` it is PARKED, reason `QUARANTINE`). Then what is due (WAITING or QUEUED, at most
        `DUE_AT_ONCE`, longest due first) becomes claimable: due None, WAITING → QUEUED with rank = due + priority *
        10 - 5. A run with `ALONE` deaths is not given to a general claim, only to `only`. `started_at` is set by
        the first claim. `claimed_seq` becomes the number of the next journal entry. The journal is read after the
        claim, except for a key that `cached` maps to the epoch before this claim: then it is None, and blobs are
        empty. A worker without a lease (dead, signed off, never seen) gets nothing, since nothing would ever expire.
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

    async def rows(self, keys: Sequence[bytes]) -> list[RunRow]:
        """Those of the runs that there are, by key."""
        ...

    async def closings(self, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
        """Of each of these runs that has ended, the data of the last journal row of its current generation.

        Runs whose row has more than `most` bytes are left out, and their data is not read: this is for pages.
        """
        ...

    async def count(self, which: RunFilter) -> dict[str, int]:
        """How many runs per status."""
        ...

    async def next_due(self, workflows: Sequence[str], codes: Sequence[str] = ()) -> float | None:
        """When the next queued or waiting run of these workflows is due (0.0 when one is due at once).

        Runs that have to be executed alone do not count, nor those pinned to other code: no general claim would get
        them. `codes` as in `ClaimRequest`. Where a thousand others are due before it, an earlier time may be told.
        """
        ...

    async def lonely(self, workflows: Sequence[str], limit: int, codes: Sequence[str] = ()) -> list[bytes]:
        """Queued runs, not due later, with `ALONE` deaths: each must be executed alone."""
        ...

    async def retire(self, which: Retire) -> int:
        """Delete ended runs (rows, journals, tags, blobs, inbox) that `which` lets go, at most `limit`; also
        de-duplication ids older than the longest age and dead workers' rows older than a day. Returns how many runs.
        """
        ...

    async def workers(self) -> list[WorkerRow]:
        """Those that have signed on and have not been marked dead, by id."""
        ...

    async def put(self, records: Sequence[Record], *, replace: bool = False) -> list[bool]:
        """Keep records; for each, whether it was written: without `replace`, one that is there stays as it is."""
        ...

    async def records(
        self, kind: str, *, owner: bytes | None = b"", after: str | None = None, limit: int = 100, newest: bool = False
    ) -> "list[Record]":
        """Records of a kind in the order of their ids, beyond the id `after`; `newest`: the other way round.

        `owner` None: of all owners, ordered by (owner, id); there are no pages then.
        """
        ...

    async def drop(self, kind: str, ids: Sequence[str], *, owner: bytes = b"") -> int:
        """Delete records; how many there were."""
        ...

    async def tally(self, since: float, until: float, step: float) -> "list[Tally]":
        """What runs did from `since` up to `until`, in buckets of `step` seconds that begin at multiples of it.

        Reads no more than the runs created or ended in that time. By (at, workflow, what, band).
        """
        ...

    async def depths(self) -> "list[Depth]":
        """The queues that have runs which have not ended, by name."""
        ...

    async def subscribe(self, subscriptions: Sequence[tuple[str, str]]) -> None:
        """Remember (event, workflow): publishing the event starts the workflow. Idempotent."""
        ...

    async def subscribers(self, event: str) -> list[str]: ...

    async def heart(self) -> Heart: ...

    def guest(self) -> Guest:
        """What is done here inside transactions of others. Raises InvalidOption where there can be none."""
        ...

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
