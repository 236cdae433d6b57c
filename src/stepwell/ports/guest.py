"""What the engine needs in order to write inside a transaction that is somebody else's: their connection, our part.

Everything is said in async words. Over a synchronous connection nothing ever suspends, so that `at_once` can carry
the same code out in the caller's own thread.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import msgspec

from stepwell.errors import InvalidOption, WrongContext
from stepwell.model.change import NewRun, Reply

T = TypeVar("T")
Row = tuple[Any, ...]
OUTCOME = "outcome"
"""The kind of the records that say how a transactional step came out; each belongs to its run."""
VOID = b"{}"
"""The outcome of an attempt that was in doubt and is known not to have been committed; the next one takes its place."""


class Connection(Protocol):
    """A database connection of the caller's, of whatever driver. `database` is "sqlite" or "postgresql".

    What its methods raise are the driver's own errors: the transaction is the caller's, and so is what to do about it.
    """

    database: str
    native: Any

    async def begun(self) -> bool:
        """Whether what is executed now is part of a transaction that the caller will end."""
        ...

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Execute one statement, its parameters marked `?`; all rows of its answer."""
        ...


class Transaction(Protocol):
    """A transaction that is the engine's to end, on a connection that a step's body works with (`native`)."""

    conn: Connection
    native: Any

    async def flush(self) -> None:
        """Have everything written that the body has left to be written with the commit."""
        ...

    async def commit(self) -> None: ...

    async def leave(self) -> None:
        """Roll back what is not committed, and give the connection back. Raises nothing."""
        ...


Admit = Callable[[Connection], Awaitable[None]]


class Transactions(Protocol):
    """How connections and pools of users' drivers are used."""

    def connection(self, native: Any) -> Connection:
        """The caller's connection. Raises InvalidOption for an object that is none."""
        ...

    async def begin(self, source: Any, *, admit: Admit, wait: bool = True) -> Transaction:
        """Take a connection from a pool, an engine, a session maker or a function, and begin a transaction on it.

        `admit` is asked before anything is executed, and raises for a connection that must not be used.

        Raises:
            InvalidOption: `source` is none of these; and whatever its driver raises.
            WrongContext: with `wait`, which says that the caller is synchronous, `source` is an asynchronous one.
            StoreLocked: without `wait`, when an SQLite file is locked by another transaction.
        """
        ...


class NoDrivers:
    """Where no driver is known: definitions of no app."""

    def connection(self, native: Any) -> Connection:
        raise InvalidOption(f"a connection ({type(native).__qualname__}) was given to definitions of no app")

    async def begin(self, source: Any, *, admit: Admit, wait: bool = True) -> Transaction:
        raise InvalidOption(f"a transaction ({type(source).__qualname__}) was asked of definitions of no app")


class Fence(msgspec.Struct, frozen=True):
    """Which lease a step's outcome is written under, and which call it is the outcome of."""

    run: bytes
    epoch: int
    call: str


class Verdict(StrEnum):
    """What became of an outcome: written, refused since the run was taken away, or written before by somebody else."""

    WRITTEN = "written"
    STALE = "stale"
    KNOWN = "known"


class Guest(Protocol):
    """What a store does in a transaction of others'. Nothing is committed here.

    Raises, besides the driver's errors: InvalidOption for a connection to another database, or of a kind that must not
    write to this one; SchemaMissing; StoreMoved.
    """

    async def admit(self, conn: Connection) -> None:
        """Raises InvalidOption for a connection with which not even a transaction may begin. Reads nothing."""
        ...

    async def start(self, conn: Connection, news: Sequence[NewRun]) -> list[Reply]:
        """Create runs; as `Store.commit` does with `create`: "exists" with the row, where the id is taken."""
        ...

    async def enter(self, conn: Connection, fence: Fence) -> bytes | None:
        """Before a step's body: the outcome that is recorded already, if there is one. Marks the transaction."""
        ...

    async def settle(self, conn: Connection, fence: Fence, outcome: bytes, at: float) -> Verdict:
        """After the body: lock the run's row, check the lease, record the outcome.

        Raises:
            WrongContext: the transaction is not the one that was marked: the body has ended that one itself.
        """
        ...


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Carry out what never suspends, here and now.

    Raises:
        WrongContext: it wanted to wait for something: the connection is an asynchronous one.
    """
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    except RuntimeError as error:
        if "no running event loop" not in str(error):
            raise
    work.close()
    raise WrongContext(
        "an asynchronous connection was used in synchronous code",
        hint="Give a connection of the driver's synchronous kind, or use the async form.",
    )
