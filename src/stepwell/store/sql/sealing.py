"""Marks of a move: a source that refuses writes, a target that is still arriving, and what both say."""

import re
from typing import Final

import msgspec

from stepwell.errors import StoreMoved

SQLSTATE: Final = "SW001"
"""What PostgreSQL's triggers raise."""
SEALED: Final = (
    "runs", "journal", "inbox", "blobs", "tags", "messages", "waits", "sent", "workers", "subscriptions", "records",
)  # fmt: skip
"""The tables that a seal closes, in the order in which they are locked."""
IDENTITY: Final = "identity"
"""The name of the note by which a database is told from others."""
ASIDE: Final = "kept:"
"""What the kinds of records begin with that were set aside while a namespace arrives."""
_MOVING: Final = "stepwell: this namespace is being moved to "
_MOVED: Final = "stepwell: this namespace was moved to "
_SAID: Final = re.compile(f"({re.escape(_MOVING)}|{re.escape(_MOVED)})([^\r\n]*)")


class Seal(msgspec.Struct, frozen=True):
    """On the source. `move` is the id of the move, `target` where it goes, for people; `identity` is that of there."""

    move: str
    target: str
    done: bool = False
    identity: str = ""

    @property
    def message(self) -> str:
        """What is raised against whoever writes."""
        return (_MOVED if self.done else _MOVING) + self.target


class Arrival(msgspec.Struct, frozen=True):
    """On the target, until it is complete. `mover` is the process that copies: another one has to take it over.

    `source` is for people; `identity` is that of there.
    """

    move: str
    source: str
    mover: str
    identity: str = ""


def seal_key(namespace: str) -> str:
    """The name of the seal's note."""
    return f"seal:{namespace}"


def arrival_key(namespace: str) -> str:
    """The name of the arrival's note."""
    return f"arrival:{namespace}"


def moved(text: str) -> StoreMoved | None:
    """The error that a database's refusal stands for, if it is a seal's."""
    found = _SAID.search(text)
    return None if found is None else _sealed(found[2].strip(), done=found[1] == _MOVED)


def refuse(namespace: str, seal: str | None, arrival: str | None) -> None:
    """Whether a namespace may be opened, by its notes. Raises StoreMoved."""
    if seal is not None:
        found = msgspec.json.decode(seal, type=Seal)
        raise _sealed(found.target, done=found.done)
    if arrival is not None:
        source = msgspec.json.decode(arrival, type=Arrival).source
        raise StoreMoved(
            f"namespace {namespace!r} is still arriving from {source}",
            hint="It can be used when `stepwell move` has ended; run it again if it was interrupted.",
            target="",
        )


def _sealed(target: str, *, done: bool) -> StoreMoved:
    if not done:
        hint = "Nothing is lost: what was not acknowledged goes on there. `stepwell move --abort` takes it back."
        return StoreMoved(f"the database is being moved to {target}", hint=hint, target=target)
    error = StoreMoved(f"the database was moved to {target}", hint="Use that one from now on.", target=target)
    error.retryable = False
    return error
