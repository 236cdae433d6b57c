"""`PostgresStore`: runs in a PostgreSQL database, shared by the processes of many machines.

Nothing in a session matters: plain transactions, row locks and unique keys are all that is needed, so that it works
behind a transaction pooler and on managed servers. LISTEN is a hint only. Time is the database's.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal

from stepwell.errors import StoreUnavailable
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.record import Depth, Record, Tally
from stepwell.model.run import Claimed, InboxItem, RunFilter, RunRow, WorkerRow
from stepwell.ports.clock import Clock
from stepwell.ports.guest import Guest
from stepwell.ports.store import Capabilities, Heart, Retire
from stepwell.store.postgres import figures, leases, reads
from stepwell.store.postgres import records as small
from stepwell.store.postgres.address import Address, address
from stepwell.store.postgres.claims import claim
from stepwell.store.postgres.clock import DatabaseClock
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.dump import dump
from stepwell.store.postgres.guest import Identity, PostgresGuest, read_identity
from stepwell.store.postgres.heart import PostgresHeart
from stepwell.store.postgres.hints import Hints
from stepwell.store.postgres.lanes import Lanes
from stepwell.store.postgres.listing import count_runs, list_runs
from stepwell.store.postgres.retention import Retention
from stepwell.store.postgres.schema import (
    enter,
    migrate,
    read_status,
    refuse_moved,
    schema_status,
    upgrade,
    upgrade_sql,
    visit,
)
from stepwell.store.postgres.server import check_server, is_durable
from stepwell.store.postgres.writing import commit
from stepwell.store.sql.namespaces import no_namespace
from stepwell.store.sql.versions import SchemaStatus, check

__all__ = ["Address", "PostgresStore", "SchemaStatus", "address", "schema_status", "upgrade", "upgrade_sql"]
Rows = list[RunRow]
Records = list[Record]


class PostgresStore:
    """Implements `ports.store.Store`. The URL is described at `address`.

    `durability="normal"` leaves it to the server when commits reach the disk: a crash of the server may then undo the
    last ones, though acknowledged. `time="given"` counts by the given clock instead of the database's: for a virtual
    one.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        clock: Clock,
        *,
        durability: Literal["full", "normal"] = "full",
        time: Literal["database", "given"] = "database",
    ) -> None:
        self.address = address(url)
        self.capabilities = Capabilities(
            durable=durability == "full", shared=True, hints=self.address.listen, lanes=self.address.lanes
        )
        self._time = DatabaseClock(clock) if time == "database" else None
        self.clock: Clock = self._time or clock
        self._namespace = namespace
        self._durable = durability == "full"
        self._home = Home(self.address, durable=self._durable)
        self._lanes: Lanes | None = None
        self._hints: Hints | None = None
        self._retention = Retention()
        self._identity: Identity = ()

    # -- life ----------------------------------------------------------------------------------

    async def open(self, *, create: bool = True) -> None:
        home = Home(self.address, durable=self._durable)
        async with visit(home) as db:
            await check_server(db)
            status = await read_status(db)
            if status.schema == 0 and create:
                status = await migrate(db)
            check(status)
            home.token = await db.value("SELECT gen_random_uuid()::text")
            await refuse_moved(db, self._namespace)
            home.ns = await enter(db, self._namespace, create=create)
            self._identity = await read_identity(db, self._namespace)
            durable = self._durable and await is_durable(db)
            if self._time is not None:
                await self._time.measure(db)
        self.capabilities = Capabilities(
            durable=durable, shared=True, hints=self.address.listen, lanes=self.address.lanes
        )
        self._home, self._lanes = home, Lanes(home)
        if self.address.listen:
            self._hints = Hints(home)
            home.tell = self._hints.tell
            self._hints.begin()

    async def close(self) -> None:
        hints, lanes = self._hints, self._lanes
        self._hints = self._lanes = None
        if hints is not None:
            await hints.close()
        if lanes is not None:
            await lanes.close()

    def _opened(self) -> Lanes:
        if self._lanes is None:
            raise StoreUnavailable(f"the store {self.address.shown} is not open")
        return self._lanes

    def _writable(self) -> Lanes:
        lanes = self._opened()
        if not lanes.home.ns:
            raise no_namespace(self._namespace, self.address.shown)
        return lanes

    # -- writing -------------------------------------------------------------------------------

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        async with self._writable().write() as db:
            return await commit(db, changes)

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        async with self._writable().claim() as db:
            return await claim(db, request, cached)

    async def retire(self, which: Retire) -> int:
        async with self._writable().beside() as db:
            return await self._retention.retire(db, which)

    async def put(self, records: Sequence[Record], *, replace: bool = False) -> list[bool]:
        async with self._writable().beside() as db:
            return await small.put(db, records, replace)

    async def drop(self, kind: str, ids: Sequence[str], *, owner: bytes = b"") -> int:
        async with self._writable().beside() as db:
            return await small.drop(db, kind, ids, owner)

    async def subscribe(self, subscriptions: Sequence[tuple[str, str]]) -> None:
        sql = (
            "INSERT INTO {subscriptions} (ns, event, workflow) SELECT $1, * FROM unnest($2::text[], $3::text[])"
            " ORDER BY 2, 3 ON CONFLICT DO NOTHING"
        )
        if subscriptions:
            async with self._writable().beside() as db:
                await db.run(sql, db.ns, *map(list, zip(*subscriptions, strict=True)))

    # -- reading -------------------------------------------------------------------------------

    async def load(self, key: bytes, after_inbox: int = 0) -> Claimed | None:
        async with self._reading() as db:
            return await reads.read_loaded(db, key, after_inbox)

    async def inbox(self, key: bytes, after: int) -> list[InboxItem]:
        async with self._reading() as db:
            return await reads.read_inbox(db, key, after)

    async def journal(self, key: bytes, generation: int | None = None) -> list[tuple[int, int, bytes]]:
        async with self._reading() as db:
            return await reads.read_journal(db, key, generation)

    async def blobs(self, key: bytes) -> dict[str, bytes]:
        async with self._reading() as db:
            return await reads.read_blobs(db, key)

    async def row(self, key: bytes) -> RunRow | None:
        async with self._reading() as db:
            return await reads.read_row(db, key)

    async def row_by_id(self, run_id: str) -> RunRow | None:
        async with self._reading() as db:
            return await reads.read_row_by_id(db, run_id)

    async def rows(self, keys: Sequence[bytes]) -> Rows:
        async with self._reading() as db:
            return await reads.read_rows(db, keys)

    async def closings(self, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
        async with self._reading() as db:
            return await reads.read_closings(db, keys, most)

    async def count(self, which: RunFilter) -> dict[str, int]:
        async with self._reading() as db:
            return await count_runs(db, which)

    async def next_due(self, workflows: Sequence[str], codes: Sequence[str] = ()) -> float | None:
        async with self._reading() as db:
            if self._time is not None and self._time.stale:
                await self._time.measure(db)
            return await leases.next_due(db, workflows, codes, self.clock.now())

    async def lonely(self, workflows: Sequence[str], limit: int, codes: Sequence[str] = ()) -> list[bytes]:
        async with self._reading() as db:
            return await leases.lonely(db, workflows, limit, codes)

    async def workers(self) -> list[WorkerRow]:
        async with self._reading() as db:
            return await leases.read_workers(db)

    async def records(
        self, kind: str, *, owner: bytes | None = b"", after: str | None = None, limit: int = 100, newest: bool = False
    ) -> Records:
        async with self._reading() as db:
            return await small.read_records(db, kind, owner, after, limit, newest)

    async def tally(self, since: float, until: float, step: float) -> list[Tally]:
        async with self._reading() as db:
            return await figures.tally(db, since, until, step)

    async def depths(self) -> list[Depth]:
        async with self._reading() as db:
            return await figures.depths(db)

    async def subscribers(self, event: str) -> list[str]:
        sql = "SELECT workflow FROM {subscriptions} WHERE ns = $1 AND event = $2 ORDER BY workflow"
        async with self._reading() as db:
            return [workflow for (workflow,) in await db.all(sql, db.ns, event)]

    async def dump(self) -> dict[str, object]:
        async with self._reading() as db:
            return await dump(db)

    def _reading(self) -> AbstractAsyncContextManager[Db]:
        return self._opened().read()

    # -- beside --------------------------------------------------------------------------------

    async def heart(self) -> Heart:
        self._opened()
        return PostgresHeart(self._home, self._time)

    def guest(self) -> Guest:
        self._opened()
        return PostgresGuest(self._home, self._namespace, self._identity)

    async def wait_hint(self, timeout: float) -> bool:
        if self._hints is not None:
            return await self._hints.wait(timeout)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=timeout)
        return False

    async def list(self, which: RunFilter, *, after: bytes | None = None, limit: int = 50) -> Rows:
        async with self._reading() as db:
            return await list_runs(db, which, after, limit)
