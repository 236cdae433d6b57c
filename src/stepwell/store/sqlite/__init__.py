"""`SqliteStore`: runs in an SQLite file, shared by the processes of one machine, every commit on disk.

One thread writes: whatever is queued while a transaction is being written to disk becomes the next one. Another
reads, over a connection of its own, so that a page of runs never waits for a commit; one more counts, once somebody
asks for figures, so that none waits for a long count; a heart has a connection, too.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from stepwell.errors import InvalidOption
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.record import Depth, Record, Tally
from stepwell.model.run import Claimed, InboxItem, RunFilter, RunRow, WorkerRow
from stepwell.ports.clock import Clock
from stepwell.ports.guest import Guest
from stepwell.ports.store import Capabilities, Heart, Retire
from stepwell.store.sql.namespaces import no_namespace
from stepwell.store.sql.sealing import arrival_key, refuse, seal_key
from stepwell.store.sqlite import figures, leases, reads
from stepwell.store.sqlite import records as recording
from stepwell.store.sqlite.bulk import Hot
from stepwell.store.sqlite.changes import Group
from stepwell.store.sqlite.claims import Claims, claim
from stepwell.store.sqlite.connection import Db, connect
from stepwell.store.sqlite.dump import dump
from stepwell.store.sqlite.filesystem import Mounts, refuse_network
from stepwell.store.sqlite.guest import SqliteGuest
from stepwell.store.sqlite.heart import SharedHeart, SqliteHeart
from stepwell.store.sqlite.hints import Hints
from stepwell.store.sqlite.listing import count_runs, list_runs
from stepwell.store.sqlite.retention import retire
from stepwell.store.sqlite.schema import SchemaStatus, check, migrate, read_status, schema_status, upgrade, upgrade_sql
from stepwell.store.sqlite.threads import Again, ConnectionThread, closed

__all__ = ["SchemaStatus", "SqliteStore", "schema_status", "upgrade", "upgrade_sql"]
MEMORY = ":memory:"
T = TypeVar("T")
Rows = list[RunRow]
Records = list[Record]


class SqliteStore:
    """Implements `ports.store.Store`. `path` may be ":memory:": a private database that ends with the store.

    `durability="normal"` leaves it to the system when commits reach the disk: a power cut may then undo the last
    ones, though acknowledged; the death of a process never does. `busy_timeout` (seconds) is how long to wait for
    another process's transaction. `mounts` stands in for the system's list of mounted file systems.
    """

    def __init__(
        self,
        path: str | Path,
        namespace: str,
        clock: Clock,
        *,
        durability: Literal["full", "normal"] = "full",
        busy_timeout: float = 30.0,
        mounts: Callable[[], Mounts] | None = None,
    ) -> None:
        self.path = str(path)
        self.private = self.path == MEMORY
        self.capabilities = Capabilities(
            durable=durability == "full" and not self.private, shared=not self.private, hints=not self.private
        )
        self._namespace = namespace
        self.clock = clock
        self._durability = durability
        self._busy_timeout = busy_timeout
        self._mounts = mounts
        self._ns = 0
        self._hot = Hot(0)
        self._claims = Claims(0)
        self._writer: ConnectionThread | None = None
        self._reader: ConnectionThread | None = None
        self._counter: ConnectionThread | None = None
        self._hints: Hints | None = None

    # -- life ----------------------------------------------------------------------------------

    async def open(self, *, create: bool = True) -> None:
        if not self.private:
            await asyncio.to_thread(self._look_at_file, create)
        self._writer = ConnectionThread("stepwell-writer", self.path, lambda: self._connect(reading=False))
        self._writer.start()
        try:
            await self._writer.submit(lambda db: self._prepare(db, create), writes=False)
            # Whoever only looks at what is there waits for nobody who writes.
            self._ns = await self._writer.submit(self._enter if create else self._look_up, writes=create)
        except BaseException:
            await self.close()
            raise
        self._hot = Hot(self._ns)
        self._claims = Claims(self._ns)
        self._reader = self._counter = self._writer
        if not self.private:
            self._reader = ConnectionThread("stepwell-reader", self.path, lambda: self._connect(reading=True))
            self._reader.start()
            self._counter = None  # begins with the first count: most workers never count
            self._hints = Hints(self.path, self._data_version)
            await self._hints.begin()

    async def close(self) -> None:
        if self._hints is not None:
            self._hints.close()
        threads = {thread for thread in (self._reader, self._counter, self._writer) if thread is not None}
        self._writer = self._reader = self._counter = self._hints = None
        for thread in threads:
            await asyncio.to_thread(thread.close)

    def _look_at_file(self, create: bool) -> None:
        refuse_network(Path(self.path), self._mounts)
        if not create and not Path(self.path).exists():
            check(schema_status(self.path))

    def _connect(self, *, reading: bool) -> Db:
        db = connect(self.path, durability=self._durability, busy_timeout=self._busy_timeout, reading=reading)
        db.ns = self._ns
        return db

    def _prepare(self, db: Db, create: bool) -> None:
        status = read_status(db)
        if status.schema == 0 and create:
            status = migrate(db, self.clock.now())
        check(status)
        found = dict(db.all("SELECT name, value FROM stepwell_meta"))
        refuse(self._namespace, found.get(seal_key(self._namespace)), found.get(arrival_key(self._namespace)))

    def _look_up(self, db: Db) -> int:
        """The number of the namespace; 0 when there is none of that name: then there is nothing to be read in it."""
        db.ns = db.value("SELECT ns FROM stepwell_namespaces WHERE name = ?", (self._namespace,)) or 0
        return db.ns

    def _enter(self, db: Db) -> int:
        db.run("INSERT INTO stepwell_namespaces (name) VALUES (?) ON CONFLICT DO NOTHING", (self._namespace,))
        return self._look_up(db)

    # -- writing -------------------------------------------------------------------------------

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        careful = False

        def work(db: Db) -> list[Reply]:
            nonlocal careful
            try:
                return Group(db, self._hot, changes, careful).apply()
            except Again:
                careful = True
                raise

        return await self._write(work)

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        return await self._write(lambda db: claim(db, self._claims, request, cached))

    async def retire(self, which: Retire) -> int:
        return await self._write(lambda db: retire(db, which))

    async def put(self, records: Sequence[Record], *, replace: bool = False) -> list[bool]:
        return await self._write(lambda db: recording.put(db, records, replace=replace)) if records else []

    async def drop(self, kind: str, ids: Sequence[str], *, owner: bytes = b"") -> int:
        return await self._write(lambda db: recording.drop(db, kind, ids, owner))

    async def subscribe(self, subscriptions: Sequence[tuple[str, str]]) -> None:
        def work(db: Db) -> None:
            for event, workflow in subscriptions:
                sql = "INSERT INTO stepwell_subscriptions (ns, event, workflow) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                db.run(sql, (db.ns, event, workflow))

        if subscriptions:
            await self._write(work)

    # -- reading -------------------------------------------------------------------------------

    async def load(self, key: bytes, after_inbox: int = 0) -> Claimed | None:
        return await self._read(lambda db: reads.read_loaded(db, key, after_inbox))

    async def inbox(self, key: bytes, after: int) -> list[InboxItem]:
        return await self._read(lambda db: reads.read_inbox(db, key, after))

    async def journal(self, key: bytes, generation: int | None = None) -> list[tuple[int, int, bytes]]:
        return await self._read(lambda db: reads.read_journal(db, key, generation))

    async def blobs(self, key: bytes) -> dict[str, bytes]:
        return await self._read(lambda db: reads.read_blobs(db, key))

    async def row(self, key: bytes) -> RunRow | None:
        return await self._read(lambda db: reads.read_row(db, key))

    async def row_by_id(self, run_id: str) -> RunRow | None:
        return await self._read(lambda db: reads.read_row_by_id(db, run_id))

    async def rows(self, keys: Sequence[bytes]) -> Rows:
        return await self._read(lambda db: reads.read_rows(db, keys))

    async def closings(self, keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
        return await self._read(lambda db: reads.read_closings(db, keys, most))

    async def count(self, which: RunFilter) -> dict[str, int]:
        return await self._count(lambda db: count_runs(db, which))

    async def next_due(self, workflows: Sequence[str], codes: Sequence[str] = ()) -> float | None:
        return await self._read(lambda db: leases.next_due(db, workflows, codes, self.clock.now()))

    async def lonely(self, workflows: Sequence[str], limit: int, codes: Sequence[str] = ()) -> list[bytes]:
        return await self._read(lambda db: leases.lonely(db, workflows, limit, codes))

    async def records(self, kind: str, *, owner: bytes | None = b"", after: str | None = None, limit: int = 100,
                      newest: bool = False) -> Records:  # fmt: skip
        return await self._read(lambda db: recording.read(db, kind, owner, after, limit, newest=newest))

    async def tally(self, since: float, until: float, step: float) -> list[Tally]:
        return await self._count(lambda db: figures.tally(db, since, until, step))

    async def depths(self) -> list[Depth]:
        return await self._count(figures.depths)

    async def workers(self) -> list[WorkerRow]:
        return await self._read(leases.read_workers)

    async def subscribers(self, event: str) -> list[str]:
        sql = "SELECT workflow FROM stepwell_subscriptions WHERE ns = ? AND event = ? ORDER BY workflow"
        return await self._read(lambda db: [workflow for (workflow,) in db.all(sql, (db.ns, event))])

    async def dump(self) -> dict[str, object]:
        return await self._read(dump)

    # -- beside --------------------------------------------------------------------------------

    async def heart(self) -> Heart:
        if self._writer is None:
            raise closed(self.path)
        if self.private:
            writer = self._writer
            return SharedHeart(lambda work: writer.call(work, writes=True))
        return SqliteHeart(lambda: self._connect(reading=False))

    def guest(self) -> Guest:
        if self.private:
            raise InvalidOption(
                "a database in memory has one connection, the store's own",
                expected="a file, for conn= and for transactional steps",
            )
        return SqliteGuest(self.path, self._namespace)

    async def wait_hint(self, timeout: float) -> bool:
        if self._hints is not None:
            return await self._hints.wait(timeout)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=timeout)
        return False

    async def _data_version(self) -> int:
        if self._writer is None:
            return 0
        return await self._writer.submit(lambda db: int(db.value("PRAGMA data_version")), writes=False)

    def _write(self, work: Callable[[Db], T]) -> "asyncio.Future[T]":
        if self._writer is None:
            raise closed(self.path)
        if not self._ns:
            raise no_namespace(self._namespace, self.path)
        return self._writer.submit(work, writes=True)

    def _read(self, work: Callable[[Db], T]) -> "asyncio.Future[T]":
        if self._reader is None:
            raise closed(self.path)
        return self._reader.submit(work, writes=False)

    def _count(self, work: Callable[[Db], T]) -> "asyncio.Future[T]":
        """A reading that may take a while, so that no page waits for it."""
        if self._reader is None:
            raise closed(self.path)
        if self._counter is None:
            self._counter = ConnectionThread("stepwell-counter", self.path, lambda: self._connect(reading=True))
            self._counter.start()
        return self._counter.submit(work, writes=False)

    async def list(self, which: RunFilter, *, after: bytes | None = None, limit: int = 50) -> Rows:
        return await self._read(lambda db: list_runs(db, which, after, limit))
