"""A store that does as it is told, and answers that are kept."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from stepwell.errors import PayloadTooLarge
from stepwell.model.change import Change, Reply
from stepwell.model.entry import Fired, encode_entries
from stepwell.ports.store import Capabilities

BUSY = Reply(False, "busy")


class Scripted:
    """A store that keeps the groups it was given, waits at a gate, and fails as it is told."""

    def __init__(self, lanes: int = 1) -> None:
        self.capabilities = Capabilities(durable=True, shared=True, hints=False, lanes=lanes)
        self.groups: list[list[Change]] = []
        self.errors: list[Exception | None] = []
        self.poison: set[bytes] = set()
        self.held: dict[bytes, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        self.groups.append(list(changes))
        await self.gate.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        if any(change.run in self.poison for change in changes):
            raise PayloadTooLarge("a change that no database would take")
        return [Reply(True, inbox=n) if self.free(change) else BUSY for n, change in enumerate(changes)]

    def free(self, change: Change) -> bool:
        """Whether nobody else holds what a change needs, this time."""
        left = self.held.get(change.run, 0)
        self.held[change.run] = left - 1
        return left <= 0

    @property
    def runs(self) -> list[list[bytes]]:
        return [[change.run for change in group] for group in self.groups]


def entry(run: bytes, seq: int = 1, **more: Any) -> Change:
    """A holder's change with one entry."""
    data = encode_entries([Fired(at=float(seq), call=f"t{seq}")])
    return Change(run=run, epoch=1, seq=seq, count=1, data=data, **more)


class Answers:
    """Keeps who was answered, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Reply | Exception]] = []

    def of(self, name: str) -> Callable[[Reply | Exception], None]:
        return lambda reply: self.all.append((name, reply))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.all]
