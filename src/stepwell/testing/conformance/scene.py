"""What every test of the suite plays in: one database, two stores on it, and short words for common things."""

import asyncio
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from typing import Any

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, ClaimRequest, Expect, NewRun, Patch, Reply, Send, Wait
from stepwell.model.run import Claimed, InboxItem, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.testing.clock import VirtualClock

Database = Callable[[str, Clock], Store]
LEASE = 30.0


class Suite:
    """Makes coroutine tests of its subclasses plain ones: `async def test_x(self, scene)` runs in its own loop."""

    def __init_subclass__(cls) -> None:
        for name, test in list(vars(cls).items()):
            if name.startswith("test_") and iscoroutinefunction(test):
                setattr(cls, name, _plain(test))


def _plain(test: Callable[[Any, "Scene"], Any]) -> Callable[[Any, Database], None]:
    def run(self: Any, database: Database) -> None:
        asyncio.run(_staged(self, test, database))

    run.__name__, run.__doc__, run.__qualname__ = test.__name__, test.__doc__, test.__qualname__
    return run


async def _staged(suite: Any, test: Callable[[Any, "Scene"], Any], database: Database) -> None:
    scene = Scene(database)
    try:
        await scene.open()
        await test(suite, scene)
    finally:
        await scene.close()


class Scene:
    """`store` and `other` are two stores of one namespace, as two processes have them."""

    def __init__(self, database: Database) -> None:
        self.clock = VirtualClock()
        self.database = database
        self.store = database("default", self.clock)
        self.other = database("default", self.clock)
        self._opened: list[Store] = []
        self._made = 0

    async def open(self) -> None:
        """Open both stores."""
        for store in (self.store, self.other):
            await store.open()
            self._opened.append(store)

    async def close(self) -> None:
        """Close whatever was opened."""
        for store in self._opened:
            await store.close()

    async def namespace(self, name: str) -> Store:
        """A store of another namespace of the same database."""
        store = self.database(name, self.clock)
        await store.open()
        self._opened.append(store)
        return store

    @property
    def now(self) -> float:
        return self.clock.now()

    def pass_time(self, seconds: float) -> None:
        """Move the clock on."""
        self.clock.move_to(self.now + seconds)

    # -- runs ----------------------------------------------------------------------------------

    def new(self, run_id: str | None = None, *, blobs: tuple[tuple[str, bytes], ...] = (), **fields: Any) -> NewRun:
        """A run to create: of workflow "work", queued, ready now."""
        self._made += 1
        key = int(self.now * 1000).to_bytes(8, "big") + self._made.to_bytes(8, "big")
        worker = fields.get("worker")
        row = RunRow(key=key, id=run_id or key.hex(), workflow="work", claimed_seq=1, digest="0123",
                     rank=rank_of(self.now, 100), created_at=self.now)  # fmt: skip
        if worker is not None:
            row = replace(row, status=RunStatus.RUNNING, epoch=1, started_at=self.now)
        row = replace(row, **fields)
        return NewRun(row, b'[{"k":"started"}]', run_id is not None, blobs)

    async def create(self, new: NewRun, store: Store | None = None) -> Reply:
        """Commit a start."""
        return await self.commit(Change(run=new.row.key, create=new), store)

    async def queued(self, **fields: Any) -> RunRow:
        """A run that has been started."""
        new = self.new(**fields)
        assert (await self.create(new)).ok
        return new.row

    async def running(self, worker: str = "w1", **fields: Any) -> RunRow:
        """A run that a worker holds since just now."""
        await self.beat(worker)
        new = self.new(worker=worker, **fields)
        assert (await self.create(new)).row is None
        return new.row

    async def waiting(self, worker: str = "w1", due: float | None = None, **fields: Any) -> RunRow:
        """A run that was suspended."""
        row = await self.running(worker, **fields)
        await self.done(self.entries(row, patch=Patch(status=RunStatus.WAITING, release=True, due=due)))
        return await self.row(row)

    async def ended(self, status: RunStatus = RunStatus.SUCCEEDED, **fields: Any) -> RunRow:
        """A run that has ended now."""
        row = await self.running(**fields)
        await self.done(self.finish(row, status))
        return await self.row(row)

    async def row(self, row: RunRow, store: Store | None = None) -> RunRow:
        """The run's row as it is now."""
        found = await (store or self.store).row(row.key)
        assert found is not None
        return found

    # -- changes -------------------------------------------------------------------------------

    def entries(self, row: RunRow, seq: int = 1, **fields: Any) -> Change:
        """The holder's entry number `seq`, and what else `fields` says."""
        data = b'[{"k":"step","n":%d}]' % seq
        change = Change(run=row.key, epoch=row.epoch, generation=row.generation, seq=seq, count=1, data=data)
        return replace(change, **fields)

    def finish(self, row: RunRow, status: RunStatus = RunStatus.SUCCEEDED, seq: int = 1, **fields: Any) -> Change:
        """The holder's last change."""
        patch = Patch(status=status, release=True, finished_at=self.now)
        return self.entries(row, seq, **{"patch": patch, "closes": True} | fields)

    def suspend(
        self, row: RunRow, seen: int | None = None, seq: int = 1, due: float | None = None, **fields: Any
    ) -> Change:
        """The holder gives the lease back and waits."""
        patch = Patch(status=RunStatus.WAITING, release=True, due=due, seen=row.inbox if seen is None else seen)
        return self.entries(row, seq, patch=patch, **fields)

    def seen(self, row: RunRow, **fields: Any) -> Change:
        """An operator's change, who has seen the run as `row` says."""
        expect = Expect(row.epoch, row.status, row.generation, row.inbox)
        return Change(run=row.key, expect=expect, generation=row.generation, **fields)

    def item(self, kind: str = "cancel", call: str | None = None) -> InboxItem:
        """Something to post."""
        return InboxItem(n=0, kind=kind, at=self.now, call=call, data=msgspec.Raw(b'{"x":1}'))

    async def commit(self, change: Change, store: Store | None = None) -> Reply:
        """Commit one change; again while somebody else holds a row that it needs."""
        store = store or self.store
        (reply,) = await store.commit([change])
        while reply.why == "busy":
            (reply,) = await store.commit([change])
        return reply

    async def done(self, change: Change, store: Store | None = None) -> Reply:
        """Commit one change that must be accepted."""
        reply = await self.commit(change, store)
        assert reply.ok, reply
        return reply

    async def send(self, event: str = "paid", key: str = "k", **fields: Any) -> Reply:
        """Send a message, by key unless `target` is given."""
        given: dict[str, Any] = {"key": key, "data": b'"hello"', "at": self.now} | fields
        return await self.commit(Change(send=Send(event=event, **given)))

    async def armed(self, call: str = "c", event: str = "paid", key: str = "k", **fields: Any) -> RunRow:
        """A run suspended on a wait."""
        row = await self.running(**fields)
        await self.done(self.suspend(row, arm=(Wait(call, event, key),)))
        return await self.row(row)

    async def items(self, row: RunRow, after: int = 0) -> list[InboxItem]:
        """The run's inbox."""
        return await self.store.inbox(row.key, after)

    # -- workers -------------------------------------------------------------------------------

    async def beat(self, worker: str = "w1", lease: float = LEASE, store: Store | None = None) -> set[bytes] | None:
        """One heartbeat."""
        row = WorkerRow(id=worker, host="here", pid=1, version="1", concurrency=4, started_at=self.now,
                        beat_at=self.now, expires_at=self.now + lease)  # fmt: skip
        heart = await (store or self.store).heart()
        held = heart.beat(row)
        heart.close()
        return None if held is None else set(held)

    async def stop(self, worker: str = "w1") -> None:
        """Sign a worker off."""
        heart = await self.store.heart()
        heart.stop(worker)
        heart.close()

    async def claim(
        self,
        worker: str = "w1",
        *,
        store: Store | None = None,
        cached: Mapping[bytes, int] | None = None,
        **fields: Any,
    ) -> list[Claimed]:
        """Claim up to ten runs of workflow "work"."""
        given: dict[str, Any] = {"worker": worker, "workflows": ("work",), "limit": 10, "now": self.now} | fields
        return await (store or self.store).claim(ClaimRequest(**given), cached or {})

    async def die(self, worker: str = "w1") -> None:
        """Let a worker's lease run out, and somebody notice."""
        self.pass_time(LEASE)
        await self.beat("reaper")
        await self.claim("reaper", workflows=())
