"""A guest in other connections to the same SQLite file.

Two copies of the SQLite library in one process do not see each other's locks: both may hold the write lock, and one of
two acknowledged commits is then overwritten. apsw brings a copy of its own, so a connection of Python's `sqlite3` is
let in only where both stand on the same library.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from stepwell.errors import InvalidOption
from stepwell.model.run import RunRow
from stepwell.ports.guest import Connection, Row
from stepwell.store.sql.dialect import SQLITE
from stepwell.store.sql.guest import SqlGuest
from stepwell.store.sql.rows import RUN, Tag, run_columns, run_row, run_values, tag, tag_values

TABLES: Final = ("runs", "journal", "tags", "blobs", "records", "namespaces")
_NAMES: Final = {table: f"stepwell_{table}" for table in TABLES}
_MARK: Final = "stepwell_step"


class SqliteGuest(SqlGuest):
    """Implements `ports.guest.Guest` for one file."""

    database = "sqlite"
    run_names = RUN
    tag_names = "kind, value"
    read_run = f"SELECT r.key, {', '.join(run_columns(SQLITE))} FROM {{runs}} r WHERE r.ns = ? AND r.id = ?"

    def __init__(self, path: str, namespace: str) -> None:
        self.shown = path
        self._namespace = namespace

    def template(self, sql: str) -> str:
        return sql.format_map(_NAMES)

    async def admit(self, conn: Connection) -> None:
        # Reading is too much: a copy that takes itself for the only one truncates what ours have mapped (SIGBUS).
        if conn.database == self.database and not await self._safe(conn):
            raise InvalidOption(
                "the connection's SQLite library is another copy than Stepwell's; in one process neither would"
                " see the other's locks, and commits would be lost",
                expected="an apsw.Connection",
                hint="Open the file with apsw, or use PostgreSQL. docs/transactions.md says more.",
            )

    async def find(self, conn: Connection) -> int:
        await self.admit(conn)
        files = await conn.execute("SELECT file FROM pragma_database_list WHERE name = 'main'")
        file = str(files[0][0] or "")
        if not _same(file, self.shown):
            raise self.elsewhere(f"the connection is one to {file or 'a database in memory'}")
        try:
            # The write lock first: a transaction that has read cannot get it any more once others have written.
            await self._all(conn, "UPDATE {records} SET at = at WHERE 0")
        except Exception as error:
            if "no such table" in str(error):
                raise self.missing() from error
            raise
        found = await self._all(conn, "SELECT ns FROM {namespaces} WHERE name = ?", (self._namespace,))
        if not found:
            raise self.elsewhere(f"the connection's database has no namespace {self._namespace!r}")
        return int(found[0][0])

    async def _safe(self, conn: Connection) -> bool:
        if isinstance(conn.native, apsw.Connection):
            return True
        if apsw.using_amalgamation:
            return False
        return await conn.execute("SELECT sqlite_source_id()") == [(apsw.sqlite3_sourceid(),)]

    def run_values(self, row: RunRow, named: bool) -> Sequence[Any]:
        return run_values(row, named)

    def tag_values(self, value: Tag) -> Sequence[Any]:
        return tag_values(value)

    def run_row(self, values: Row, tags: Sequence[Row]) -> RunRow:
        return run_row(values, {bytes.fromhex(values[0]): {name: tag(kind, value) for name, kind, value in tags}})

    async def hint(self, conn: Connection) -> None:
        """Every commit changes the file that workers look at."""

    # A savepoint lives as long as its transaction: when it is gone, so is that.

    async def mark(self, conn: Connection, token: str) -> None:
        await conn.execute(f"SAVEPOINT {_MARK}")

    async def marked(self, conn: Connection, token: str) -> bool:
        try:
            await conn.execute(f"RELEASE {_MARK}")
        except Exception as error:
            if "no such savepoint" in str(error):
                return False
            raise
        return True


def _same(file: str, other: str) -> bool:
    return bool(file) and Path(file).exists() and Path(file).samefile(other)
