"""The reference model: a store made of dictionaries, which says in code what `ports.store` says in words.

No cleverness here: every other store is compared with this one, operation by operation.
"""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from stepwell.errors import InvalidOption
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.record import Depth, Record, Tally
from stepwell.model.run import Claimed, InboxItem, RunFilter, RunRow, WorkerRow, matches
from stepwell.ports.clock import Clock
from stepwell.ports.guest import Guest
from stepwell.ports.store import Capabilities, Retire
from stepwell.store.memory import figures, leases
from stepwell.store.memory.changes import apply
from stepwell.store.memory.dump import dump
from stepwell.store.memory.retention import retire
from stepwell.store.memory.space import MemoryBase, Space

__all__ = ["MemoryBase", "MemoryStore"]
Rows = list[RunRow]
Records = list[Record]


class MemoryHeart:
    """Implements `ports.store.Heart`."""

    def __init__(self, store: "MemoryStore") -> None:
        self._store = store

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        with self._store.base.lock:
            return leases.beat(self._store.space, worker)

    def stop(self, worker: str) -> None:
        with self._store.writing() as space:
            leases.stop(space, worker)

    def close(self) -> None:
        pass


class MemoryStore:
    """Implements `ports.store.Store`; stores given the same base see the same runs."""

    capabilities = Capabilities(durable=False, shared=False, hints=True)

    def __init__(self, namespace: str, clock: Clock, base: MemoryBase | None = None) -> None:
        self.clock = clock
        self.base = base or MemoryBase()
        self.space = self.base.spaces.setdefault(namespace, Space())
        self._heard = asyncio.Event()

    async def open(self, *, create: bool = True) -> None:
        loop = asyncio.get_running_loop()
        self.base.listeners[self] = lambda: loop.is_closed() or loop.call_soon_threadsafe(self._heard.set)

    async def close(self) -> None:
        self.base.listeners.pop(self, None)

    @contextmanager
    def writing(self) -> Generator[Space]:
        """The namespace, for one writer at a time; other stores of the base hear of it afterwards."""
        with self.base.lock:
            yield self.space
            for store, tell in self.base.listeners.items():
                if store is not self:
                    tell()

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        with self.writing() as space:
            return [apply(space, change) for change in changes]

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        with self.writing() as space:
            return leases.claim(space, request, cached)

    async def load(self, key: bytes, after_inbox: int = 0) -> Claimed | None:
        row = self.space.runs.get(key)
        if row is None:
            return None
        journal = [(seq, data) for _, seq, data in await self.journal(key, row.generation)]
        return Claimed(row, journal, await self.inbox(key, after_inbox), await self.blobs(key))

    async def inbox(self, key: bytes, after: int) -> list[InboxItem]:
        return [item for n, item in sorted(self.space.inboxes.get(key, {}).items()) if n > after]

    async def journal(self, key: bytes, generation: int | None = None) -> list[tuple[int, int, bytes]]:
        rows = sorted(self.space.journals.get(key, {}).items())
        return [(gen, seq, data) for (gen, seq), (_, _, data) in rows if generation in (None, gen)]

    async def blobs(self, key: bytes) -> dict[str, bytes]:
        return dict(self.space.blobs.get(key, {}))

    async def row(self, key: bytes) -> RunRow | None:
        return self.space.runs.get(key)

    async def row_by_id(self, run_id: str) -> RunRow | None:
        key = self.space.ids.get(run_id)
        if key is None:
            key = next((key for key in self.space.runs if key.hex() == run_id), b"")
        return self.space.runs.get(key)

    async def rows(self, keys: Sequence[bytes]) -> Rows:
        return [self.space.runs[key] for key in sorted(set(keys)) if key in self.space.runs]

    async def closings(self, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
        ended = [row for row in await self.rows(keys) if row.status.terminal]
        last = {row.key: (await self.journal(row.key, row.generation))[-1] for row in ended}
        return {key: data for key, (_, _, data) in last.items() if len(data) <= most}

    async def count(self, which: RunFilter) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in self.space.runs.values():
            if matches(row, which):
                counts[row.status.value] = counts.get(row.status.value, 0) + 1
        return counts

    async def next_due(self, workflows: Sequence[str], codes: Sequence[str] = ()) -> float | None:
        return leases.next_due(self.space, workflows, codes, self.clock.now())

    async def lonely(self, workflows: Sequence[str], limit: int, codes: Sequence[str] = ()) -> list[bytes]:
        return leases.lonely(self.space, workflows, limit, codes)

    async def retire(self, which: Retire) -> int:
        with self.writing() as space:
            return retire(space, which)

    async def workers(self) -> list[WorkerRow]:
        space = self.space
        return [row for name, row in sorted(space.workers.items()) if name not in space.dead]

    async def put(self, records: Sequence[Record], *, replace: bool = False) -> list[bool]:
        with self.writing() as space:
            return [_put(space, record, replace) for record in records]

    async def records(self, kind: str, *, owner: bytes | None = b"", after: str | None = None, limit: int = 100,
                      newest: bool = False) -> Records:  # fmt: skip
        found = [r for _, r in sorted(self.space.records.items(), reverse=newest)
                 if r.kind == kind and owner in (None, r.owner)]  # fmt: skip
        beyond = [r for r in found if after is None or (r.id < after if newest else r.id > after)]
        return beyond[:limit]

    async def drop(self, kind: str, ids: Sequence[str], *, owner: bytes = b"") -> int:
        with self.writing() as space:
            return sum(space.records.pop((kind, owner, id_), None) is not None for id_ in ids)

    async def tally(self, since: float, until: float, step: float) -> list[Tally]:
        return figures.tally(self.space, since, until, step)

    async def depths(self) -> list[Depth]:
        return figures.depths(self.space)

    async def subscribe(self, subscriptions: Sequence[tuple[str, str]]) -> None:
        with self.writing() as space:
            space.subscriptions.update(subscriptions)

    async def subscribers(self, event: str) -> list[str]:
        return sorted(workflow for name, workflow in self.space.subscriptions if name == event)

    def guest(self) -> Guest:
        raise InvalidOption(
            "a store in memory has no transactions that others could share",
            expected="a database, for conn= and for transactional steps",
            hint="In a test: Environment(app, store=SqliteStore(path, 'test', clock), clock=clock), or mock the step.",
        )

    async def heart(self) -> MemoryHeart:
        return MemoryHeart(self)

    async def wait_hint(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    async def dump(self) -> dict[str, object]:
        return dump(self.space)

    async def list(self, which: RunFilter, *, after: bytes | None = None, limit: int = 50) -> Rows:
        newest = sorted(self.space.runs.items(), reverse=True)
        found = (row for key, row in newest if (after is None or key < after) and matches(row, which))
        return list(islice(found, limit))


def _put(space: Space, record: Record, replace: bool) -> bool:
    name = (record.kind, record.owner, record.id)
    if name in space.records and not replace:
        return False
    space.records[name] = record
    return True
