"""Connections to an SQLite file, in the settings that our promises need, and SQLite's errors as ours."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from stepwell.errors import (
    DiskFull,
    NotSerializable,
    SchemaMissing,
    StepwellError,
    StoreCorrupt,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
)
from stepwell.store.sql.rows import Value
from stepwell.store.sql.sealing import moved

T = TypeVar("T")
OLDEST_SQLITE: Final = (3, 51, 3)
"""Before it, a WAL database that several processes write can be corrupted (the WAL-reset bug)."""
CHECKPOINT_PAGES: Final = 4000
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 32 * 1024
DATA_ERRORS: Final = (
    apsw.ConstraintError, apsw.MismatchError, apsw.RangeError, apsw.TooBigError,
    UnicodeError, OverflowError, TypeError, ValueError,
)  # fmt: skip
"""Errors of what was to be written, not of where: only the change that has them fails."""
_VALUE_CONSTRAINTS: Final = frozenset({
    apsw.SQLITE_CONSTRAINT_DATATYPE, apsw.SQLITE_CONSTRAINT_CHECK, apsw.SQLITE_CONSTRAINT_NOTNULL,
})  # fmt: skip


class Db:
    """A connection that works in one namespace."""

    __slots__ = ("conn", "ns", "path")

    def __init__(self, conn: apsw.Connection, path: str, ns: int = 0) -> None:
        self.conn = conn
        self.path = path
        self.ns = ns

    def all(self, sql: str, params: Sequence[Value] = ()) -> list[Any]:
        """All rows."""
        return self.conn.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Value] = ()) -> Any:
        """The first row, or None."""
        return self.conn.execute(sql, params).fetchone()

    def value(self, sql: str, params: Sequence[Value] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.conn.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def run(self, sql: str, params: Sequence[Value] = ()) -> int:
        """Execute a write; how many rows it concerned."""
        self.conn.execute(sql, params)
        return self.conn.changes()

    def transaction(self, work: "Callable[[Db], T]") -> T:
        """Commit what `work` does, or nothing. Raises our errors for SQLite's, and whatever `work` raises."""
        try:
            self.conn.execute("BEGIN IMMEDIATE")
            result = work(self)
            self.conn.execute("COMMIT")
        except apsw.Error as error:
            raise translated(error, self.path) from error
        finally:
            self.rollback()
        return result

    def rollback(self) -> None:
        """End the transaction, unless SQLite has done so itself (it does when the disk is full)."""
        if self.conn.in_transaction:
            self.conn.execute("ROLLBACK")


def connect(path: str, *, durability: str = "full", busy_timeout: float = 30.0, reading: bool = False) -> Db:
    """Open the file.

    Raises:
        StoreUnavailable, StoreLocked, StoreCorrupt, StoreReadOnly, DiskFull.
    """
    check_library(apsw.sqlite_lib_version())
    try:
        conn = apsw.Connection(path, statementcachesize=256)
        conn.set_busy_timeout(int(busy_timeout * 1000))
        _to_wal(conn, busy_timeout)
        conn.execute(f"PRAGMA synchronous = {'NORMAL' if durability == 'normal' else 'FULL'}")
        conn.execute("PRAGMA fullfsync = ON")  # where fsync alone leaves data in the disk's cache: macOS
        conn.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}").fetchall()
        conn.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}").fetchall()
        conn.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        conn.execute("PRAGMA temp_store = MEMORY")
        if reading:
            conn.execute("PRAGMA query_only = ON")
    except apsw.Error as error:
        raise translated(error, path) from error
    return Db(conn, path)


def _to_wal(conn: apsw.Connection, busy_timeout: float) -> None:
    """Make it a WAL database. While another process does the same, SQLite refuses whatever the busy timeout."""
    waited, pause = 0.0, 0.001
    while True:
        try:
            conn.execute("PRAGMA journal_mode = WAL").fetchall()
        except apsw.BusyError:
            if waited >= busy_timeout:
                raise
            apsw.sleep(int(pause * 1000))
            waited, pause = waited + pause, min(pause * 2, 0.05)
        else:
            return


def check_library(version: str) -> None:
    """Raises StoreUnavailable for a library that can corrupt the database."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        error = StoreUnavailable(
            f"SQLite {version} can corrupt a database that several processes write",
            expected=f"at least {'.'.join(map(str, OLDEST_SQLITE))}",
            hint="Upgrade the package that brings it: pip install --upgrade apsw",
        )
        error.retryable = False
        raise error


def translated(error: BaseException, path: str) -> StepwellError:
    """SQLite's error, or one of the values given to it, as ours."""
    match error:
        case StepwellError():
            return error
        case apsw.ConstraintError() if (sealed := moved(str(error))) is not None:
            return sealed
        case apsw.BusyError() | apsw.LockedError():
            what, hint = "is held by another process", "Look for one that keeps a transaction open, or for a backup."
            return StoreLocked(f"the database {path} {what} ({error})", hint=hint)
        case apsw.FullError():
            hint = "Make space: nothing that was acknowledged is lost, and work goes on by itself."
            return DiskFull(f"there is no space left for the database {path}", hint=hint)
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.CantOpenError() if _exists_read_only(error, path):
            hint = "Check the owner and the mode of the file and of its directory."
            return StoreReadOnly(f"the database {path} cannot be written ({error})", hint=hint)
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            hint = "Restore a backup; `sqlite3 FILE .recover` saves what can be read."
            return StoreCorrupt(f"{path} is damaged, or not an SQLite database ({error})", hint=hint)
        case apsw.SQLError() if "no such table" in str(error):
            hint = "Create them: stepwell db init"
            return SchemaMissing(f"the database {path} lacks Stepwell's tables ({error})", hint=hint)
        case apsw.ConstraintError() if getattr(error, "extendedresult", 0) not in _VALUE_CONSTRAINTS:
            return StoreCorrupt(f"a change contradicts what is stored in {path} ({error})")
        case _ if isinstance(error, DATA_ERRORS):
            return NotSerializable(f"a value cannot be stored: {error}")
        case apsw.CantOpenError():
            hint = "Check that its directory exists and that you may write there."
            return StoreUnavailable(f"the database {path} cannot be opened ({error})", hint=hint)
    return StoreUnavailable(f"the database {path} does not answer ({type(error).__name__}: {error})")


def _exists_read_only(error: BaseException, path: str) -> bool:
    """Whether an error means that the file may not be written; SQLite may say that it cannot open it."""
    if not isinstance(error, apsw.CantOpenError):
        return True
    effective = os.access in os.supports_effective_ids
    file = Path(path)
    places = (file, file.parent)
    return file.exists() and not all(os.access(place, os.W_OK, effective_ids=effective) for place in places)
