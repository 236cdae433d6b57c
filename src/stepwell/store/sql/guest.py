"""What the SQL stores do in transactions of others': start runs, and record how a transactional step came out.

Statements are templates: `{runs}` stands for that table, `?` for a parameter, whatever the caller's driver has. None
of them fails for what is there already: on PostgreSQL that would end the caller's transaction.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from stepwell.errors import InvalidOption, SchemaMissing, StoreUnavailable, WrongContext
from stepwell.model.change import NewRun, Reply
from stepwell.model.run import RunRow
from stepwell.model.status import CODE, RunStatus
from stepwell.ports.guest import OUTCOME, VOID, Connection, Fence, Row, Verdict
from stepwell.store.sql.rows import Tag, text
from stepwell.store.sql.sealing import moved

JOURNAL: Final = "key, generation, seq, epoch, count, data"
ROWS: Final = 100
"""Rows of one statement."""
TRIES: Final = 3
_RUNNING: Final = CODE[RunStatus.RUNNING]
_HELD: Final = "SELECT epoch, status FROM {runs} WHERE ns = ? AND key = ?"
_KEEP: Final = (
    "INSERT INTO {records} (ns, kind, owner, id, at, data) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING RETURNING at"
)
_KEPT: Final = "SELECT data FROM {records} WHERE ns = ? AND kind = ? AND owner = ? AND id = ?"
_FORGET: Final = "DELETE FROM {records} WHERE ns = ? AND kind = ? AND owner = ? AND id = ? AND data = ?"


class SqlGuest(ABC):
    """Implements `ports.guest.Guest` but for what the databases spell differently."""

    database: str
    shown: str
    run_names: Sequence[str]
    tag_names: str
    read_run: str
    lock: str = ""

    @abstractmethod
    def template(self, sql: str) -> str:
        """The statement with its tables' names."""

    @abstractmethod
    async def find(self, conn: Connection) -> int:
        """The number of the namespace, after making sure that the connection leads to this very database."""

    @abstractmethod
    async def admit(self, conn: Connection) -> None:
        """As `ports.guest.Guest.admit`."""

    @abstractmethod
    def run_values(self, row: RunRow, named: bool) -> Sequence[Any]:
        """The values of `run_names`."""

    @abstractmethod
    def tag_values(self, value: Tag) -> Sequence[Any]:
        """The values of `tag_names` beyond (ns, key, name)."""

    @abstractmethod
    def run_row(self, values: Row, tags: Sequence[Row]) -> RunRow:
        """The row from the values of `read_run`; tags as (name, …)."""

    @abstractmethod
    async def mark(self, conn: Connection, token: str) -> None:
        """Mark the transaction, so that another one is told from it."""

    @abstractmethod
    async def marked(self, conn: Connection, token: str) -> bool:
        """Whether this is the transaction that was marked."""

    @abstractmethod
    async def hint(self, conn: Connection) -> None:
        """Let workers hear of new runs with the commit, where the database can."""

    # -- starting ------------------------------------------------------------------------------

    async def start(self, conn: Connection, news: Sequence[NewRun]) -> list[Reply]:
        if not await conn.begun():
            raise InvalidOption(
                "conn= is not in a transaction",
                expected="a transaction that the caller will commit",
                hint="Begin one first; the run exists if and only if it commits.",
            )
        ns = await self._entered(conn)
        replies: list[Reply] = []
        for at in range(0, len(news), ROWS):
            replies += await self._start(conn, ns, news[at : at + ROWS])
        if any(reply.ok for reply in replies):
            await self.hint(conn)
        return replies

    async def _start(self, conn: Connection, ns: int, news: Sequence[NewRun]) -> list[Reply]:
        created = await self._created(conn, ns, news)
        await self._beside(conn, ns, [new for new in news if new.row.key in created])
        return [Reply(True) if new.row.key in created else await self._taken(conn, ns, new) for new in news]

    async def _created(self, conn: Connection, ns: int, news: Sequence[NewRun]) -> set[bytes]:
        rows = [(ns, *self.run_values(new.row, new.named)) for new in news]
        names = f"ns, {', '.join(self.run_names)}"
        found = await self._insert(conn, "{runs}", names, rows, " ON CONFLICT DO NOTHING RETURNING key")
        return {bytes(key) for (key,) in found}

    async def _beside(self, conn: Connection, ns: int, news: Sequence[NewRun]) -> None:
        """What belongs to new runs: their first journal rows, tags, blobs."""
        journal = [(ns, n.row.key, n.row.generation, 0, n.row.epoch, max(1, n.row.claimed_seq), text(n.started))
                   for n in news]  # fmt: skip
        tags = [(ns, n.row.key, name, *self.tag_values(value)) for n in news for name, value in n.row.tags.items()]
        blobs = [(ns, n.row.key, digest, data) for n in news for digest, data in dict(n.blobs).items()]
        await self._insert(conn, "{journal}", f"ns, {JOURNAL}", journal)
        await self._insert(conn, "{tags}", f"ns, key, name, {self.tag_names}", tags)
        await self._insert(conn, "{blobs}", "ns, key, digest, data", blobs)

    async def _taken(self, conn: Connection, ns: int, new: NewRun) -> Reply:
        """The run that has the id already; if it went meanwhile, the new one after all."""
        for _ in range(TRIES):
            found = await self._all(conn, self.read_run, (ns, new.row.id))
            if found:
                tags = await self._all(
                    conn, f"SELECT name, {self.tag_names} FROM {{tags}} WHERE ns = ? AND key = ?", (ns, found[0][0])
                )
                return Reply(False, "exists", row=self.run_row(found[0][1:], tags))
            if await self._created(conn, ns, [new]):
                await self._beside(conn, ns, [new])
                return Reply(True)
        raise StoreUnavailable(f"run {new.row.id!r} comes and goes while it is being started", hint="Try again.")

    async def _insert(
        self, conn: Connection, table: str, names: str, rows: Sequence[Sequence[Any]], more: str = ""
    ) -> list[Row]:
        found: list[Row] = []
        for at in range(0, len(rows), ROWS):
            some = rows[at : at + ROWS]
            places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
            sql = f"INSERT INTO {table} ({names}) VALUES {places}{more}"
            found += await self._all(conn, sql, [value for row in some for value in row])
        return found

    # -- outcomes ------------------------------------------------------------------------------

    async def enter(self, conn: Connection, fence: Fence) -> bytes | None:
        ns = await self._entered(conn)
        await self.mark(conn, fence.call)
        outcome = await self._outcome(conn, ns, fence)
        if outcome != VOID:
            return outcome
        await self._all(conn, _FORGET, (ns, OUTCOME, fence.run, fence.call, text(VOID)))
        return None

    async def settle(self, conn: Connection, fence: Fence, outcome: bytes, at: float) -> Verdict:
        if not await conn.begun() or not await self.marked(conn, fence.call):
            raise WrongContext(
                "a transactional step has ended its transaction itself",
                hint="Leave commit and rollback to Stepwell: it commits when the body returns.",
            )
        ns = await self.find(conn)
        held = await self._all(conn, _HELD + self.lock, (ns, fence.run))
        if held != [(fence.epoch, _RUNNING)]:
            return Verdict.STALE
        values = (ns, OUTCOME, fence.run, fence.call, at, text(outcome))
        if await self._all(conn, _KEEP, values):
            return Verdict.WRITTEN
        return Verdict.KNOWN

    async def _outcome(self, conn: Connection, ns: int, fence: Fence) -> bytes | None:
        found = await self._all(conn, _KEPT, (ns, OUTCOME, fence.run, fence.call))
        return str(found[0][0]).encode() if found else None

    # -- both ----------------------------------------------------------------------------------

    async def _entered(self, conn: Connection) -> int:
        if conn.database != self.database:
            raise self.elsewhere(f"a connection to {conn.database} was given, and the app is on {self.database}")
        return await self.find(conn)

    async def _all(self, conn: Connection, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        try:
            return await conn.execute(self.template(sql), params)
        except Exception as error:
            sealed = moved(str(error))
            if sealed is None:
                raise
            raise sealed from error

    def elsewhere(self, what: str) -> InvalidOption:
        """The error of a connection that leads to another database."""
        hint = "Only what is in one database can be committed together."
        return InvalidOption(what, expected=f"a connection to {self.shown}", hint=hint)

    def missing(self) -> SchemaMissing:
        """The error of a database without our tables."""
        return SchemaMissing("the connection's database has no Stepwell tables", hint="Create them: stepwell db init")
