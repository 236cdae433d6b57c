"""A change: one run's guards, writes and wake-ups, committed as a whole or refused as a whole.

Whoever decides builds a `Change`; the store applies it without deciding anything but its guards.
"""

import msgspec

from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus


class NewRun(msgspec.Struct, frozen=True):
    """A run to create with its first journal row.

    `named`: it has an id of its own, not the key's. `yields`: nobody chose that id; where it is another run's, this
    one is created without.
    """

    row: RunRow
    started: bytes
    named: bool = False
    blobs: tuple[tuple[str, bytes], ...] = ()
    yields: bool = False

    def beside(self, holder: bytes | None) -> "NewRun":
        """As it is created where `holder` has its id: without one, if it yields and that is another run."""
        if not self.yields or holder in (None, self.row.key):
            return self
        row = msgspec.structs.replace(self.row, id=self.row.key.hex())
        return msgspec.structs.replace(self, row=row, named=False, yields=False)


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """New values for the run's row. None leaves a field alone, except where said.

    `release`: the lease is given back; `status` and `due` (None clears it) and `rank` are then set.
    `seen`: refuse to release if the inbox mark has moved beyond it (the reply tells the mark).
    `bump`: raise the epoch by one: whoever held the run is fenced off from here on.
    `pin`: the code that the run is to go on with, by fingerprint; empty for any.
    """

    status: RunStatus | None = None
    release: bool = False
    due: float | None = None
    rank: float | None = None
    seen: int | None = None
    bump: bool = False
    generation: int | None = None
    finished_at: float | None = None
    reopen: bool = False
    expires_at: float | None = None
    progress: float | None = None
    note: str | None = None
    reason: str | None = None
    deaths: int | None = None
    cancelling: bool | None = None
    digest: str | None = None
    pin: str | None = None


class Expect(msgspec.Struct, frozen=True):
    """What an operator saw when deciding; checked on the locked row."""

    epoch: int
    status: RunStatus
    generation: int
    inbox: int


class Wait(msgspec.Struct, frozen=True):
    """A wait to place in the mailbox of (event, key) for one call of the run."""

    call: str
    event: str
    key: str


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """An item for another run's inbox; the run is woken if it waits. A closed run takes nothing."""

    target: bytes
    item: InboxItem


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A message for the mailbox of (event, key), or for one run's own (`target`).

    `id` de-duplicates within (event, key) or (event, target) for as long as retention keeps it.
    """

    event: str
    key: str = ""
    target: bytes | None = None
    id: str | None = None
    data: bytes = b"null"
    at: float = 0.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one actor wants committed about one run.

    `epoch`: the holder's fence (P3). `expect`: an operator's guard. Neither: creation or a message.
    `data` is the stored form of the entries from number `seq` on, in `generation`.
    `opens` is the first journal row (number 0) of `patch.generation`, when the change begins a generation.
    `closes`: the run lets go of its waits, and keyed messages not yet taken go back to their mailboxes.
    """

    run: bytes = b""
    epoch: int | None = None
    expect: Expect | None = None
    create: NewRun | None = None
    generation: int = 1
    seq: int = 0
    count: int = 0
    data: bytes = b""
    patch: Patch | None = None
    took: tuple[int, ...] = ()
    arm: tuple[Wait, ...] = ()
    disarm: tuple[str, ...] = ()
    put_back: tuple[InboxItem, ...] = ()
    start: tuple[NewRun, ...] = ()
    post: tuple[Post, ...] = ()
    send: Send | None = None
    blobs: tuple[tuple[str, bytes], ...] = ()
    closes: bool = False
    opens: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """What became of a change.

    `ok`: applied (or found applied already, P6). Not ok: `why` is "stale" (fence or guard missed),
    "exists" (a run with that id is there: `row`), "closed" (the target has ended), "missing",
    "duplicate" (a message with that id was taken before), "busy" (another transaction holds a row that it needs:
    nothing was written, and it is to be tried again, without keeping others waiting).
    `inbox` is the run's mark after the change. `released` is False when a release was refused by `seen`.
    `children` are the rows of runs that were there already when this change wanted to start them.
    """

    ok: bool
    why: str = ""
    inbox: int = 0
    released: bool = True
    row: RunRow | None = None
    children: tuple[RunRow, ...] = ()


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's wish for runs: at most `limit`, of workflows it has the code for.

    `only` restricts it to one run (also one that must be alone). `queues` empty means all.
    `codes` are the fingerprints of the code of `workflows`, in the same order; empty when none are known. A run with a
    `pin` is given only to a worker whose code of its workflow is that.
    """

    worker: str
    workflows: tuple[str, ...]
    queues: tuple[str, ...] = ()
    limit: int = 1
    now: float = 0.0
    only: bytes | None = None
    codes: tuple[str, ...] = ()
