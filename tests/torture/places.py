"""Where a torture run takes place: an SQLite file, or a PostgreSQL server that is tortured, too."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.torture.verdict import Verdict

if TYPE_CHECKING:
    from tests.postgres import Server


class Place(Protocol):
    """A database, what can be done to it, and its own opinion of its health."""

    url: str

    async def torment(self, dice: random.Random) -> None:
        """Do something nasty to the database itself."""
        ...

    async def integrity(self, verdict: Verdict) -> None:
        """Note what the database finds wrong with itself."""
        ...

    def told(self) -> str:
        """What was done to it, for the report."""
        ...


class SqliteFile:
    """An SQLite file: nothing can be done to it but to those who use it."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    async def torment(self, dice: random.Random) -> None:
        """Leave it in peace."""

    def told(self) -> str:
        return ""

    async def integrity(self, verdict: Verdict) -> None:
        import apsw

        connection = apsw.Connection(str(self._path))
        answer = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
        verdict.expect(answer == ("ok",), f"integrity_check: {answer}")


class PostgresServer:
    """A PostgreSQL server of our own: it is killed and restarted, and its connections are cut."""

    def __init__(self, server: "Server") -> None:
        self.url = server.url
        self.torments = 0
        self.restarts = 0
        self._server = server

    async def torment(self, dice: random.Random) -> None:
        """Cut one connection or all, the listening ones too; now and then kill the server as a power cut would."""
        self.torments += 1
        kind = dice.random()
        if kind < 0.3:
            self.restarts += 1
            await asyncio.to_thread(self._server.restart, "immediate")
        else:
            await self._cut(one=kind < 0.75)

    def told(self) -> str:
        return f", {self.torments - self.restarts} times connections cut, {self.restarts} times the server killed"

    async def _cut(self, *, one: bool) -> None:
        import asyncpg

        some = "ORDER BY random() LIMIT 1" if one else ""
        backends = (
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            f" AND datname = current_database() {some}"
        )
        try:
            connection = await asyncpg.connect(self.url, timeout=5)
            await connection.fetch(f"SELECT pg_terminate_backend(pid) FROM ({backends}) b")
            await connection.close()
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return  # it is not up at the moment: nothing to cut

    async def integrity(self, verdict: Verdict) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
            indexes = (
                "SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " JOIN pg_am a ON a.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE a.amname = 'btree' AND n.nspname = 'stepwell' AND i.indisvalid"
            )
            for (index,) in await connection.fetch(indexes):
                try:
                    await connection.fetch("SELECT bt_index_check($1::regclass, true)", index)
                except asyncpg.PostgresError as error:
                    verdict.expect(False, f"{index}: {error}")
        finally:
            await connection.close()


@asynccontextmanager
async def place(kind: str, folder: Path) -> AsyncIterator[Place]:
    """A place of this kind ("sqlite" or "postgres"), gone afterwards."""
    if kind == "sqlite":
        yield SqliteFile(folder / "torture.db")
        return
    from tests.postgres import private_server

    with private_server(fsync=True) as server:
        yield PostgresServer(server)
