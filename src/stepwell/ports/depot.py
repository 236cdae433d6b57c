"""What a move needs of the databases at both ends."""

from collections.abc import Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Freight(Protocol):
    """A table as a move knows it."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> tuple[str, ...]: ...
    @property
    def batch(self) -> int: ...


class Depot(Protocol):
    """One database, opened for a move. `shown` names it for people, without a password.

    `identity` tells it from all others, however it is reached: the database keeps it. A copy of a database has the
    same one. Known once it is open. Notes are small texts that the database keeps beside its namespaces.
    """

    shown: str
    identity: str

    async def open(self, *, create: bool) -> None:
        """Connect; with `create`, make the tables or bring them up to date.

        Raises:
            SchemaMissing, SchemaTooOld, SchemaTooNew, StoreUnavailable and their like.
        """
        ...

    async def close(self) -> None: ...

    async def namespaces(self) -> list[str]:
        """All of them, by name."""
        ...

    async def note(self, name: str) -> str | None: ...

    async def write_note(self, name: str, text: str | None) -> None:
        """Write a note, or (None) remove it."""
        ...

    async def seal(self, namespace: str, note: str, text: str, message: str) -> None:
        """In one transaction: write the note, and have every write to the namespace refused with the message."""
        ...

    async def unseal(self, namespace: str, note: str) -> None:
        """Take both back."""
        ...

    async def count(self, namespace: str, table: Freight) -> int:
        """How many rows; 0 where the namespace does not exist."""
        ...

    async def read(self, namespace: str, table: Freight, after: Row | None) -> list[Row]:
        """The next rows by key, beyond `after`; none at the end."""
        ...

    async def write(self, namespace: str, table: Freight, rows: Sequence[Row], guard: tuple[str, str]) -> None:
        """Insert rows in one transaction, provided that the note `guard[0]` still reads `guard[1]`.

        Raises:
            Stale: somebody else has taken over.
        """
        ...

    async def clear(self, namespace: str, guard: tuple[str, str]) -> None:
        """Delete everything that the namespace has, but for what is set aside, in bounded batches; guarded likewise."""
        ...

    async def arrive(self, namespace: str, note: str, text: str, kinds: Sequence[str]) -> None:
        """In one transaction: write the note; unless there was one, set the namespace's records of these kinds aside.

        They are kept as kind `ASIDE` + kind, which nobody else looks for, and `clear` leaves them.
        """
        ...

    async def settle(self, namespace: str, note: str) -> None:
        """In one transaction: remove the note, and put back what was set aside, except where the same has arrived."""
        ...

    async def mail(self, namespace: str) -> int:
        """The last number that a message or a wait got."""
        ...

    async def set_mail(self, namespace: str, number: int) -> None:
        """Go on from this number, unless it is behind already."""
        ...
