import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from stepwell import errors
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import check_library, connect, translated
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio


async def test_the_settings_that_the_promises_need(store: SqliteStore, open_store: OpenStore) -> None:
    db = connect(store.path)
    assert db.value("PRAGMA journal_mode") == "wal"
    assert db.value("PRAGMA synchronous") == 2
    assert connect(store.path, durability="normal").value("PRAGMA synchronous") == 1
    assert store.capabilities.durable
    assert not (await open_store(durability="normal")).capabilities.durable
    assert not (await open_store(":memory:")).capabilities.durable


# Each says that it is ready, and opens the file when it is told to.
OPENER = """
import sys
from stepwell.store.sqlite.connection import connect
print("ready", flush=True)
sys.stdin.readline()
print(connect(sys.argv[1], busy_timeout=60.0).value("PRAGMA journal_mode"), flush=True)
"""


def test_processes_that_make_one_file_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPENER, str(tmp_path / "new.db")], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=100)
        assert (out, err) == ("wal\n", "")


def test_a_file_that_stays_locked_is_given_up_after_the_busy_timeout(tmp_path: Path) -> None:
    path = str(tmp_path / "held.db")
    holder = apsw.Connection(path)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    holder.execute("BEGIN EXCLUSIVE; CREATE TABLE mine (a); COMMIT; BEGIN EXCLUSIVE")
    with pytest.raises(errors.StoreLocked, match="held by another process"):
        connect(path, busy_timeout=0.05)
    holder.close()
    assert connect(path).value("PRAGMA journal_mode") == "wal"


async def test_a_reading_connection_cannot_write(store: SqliteStore) -> None:
    db = connect(store.path, reading=True)
    with pytest.raises(apsw.ReadOnlyError):
        db.run("DELETE FROM stepwell_runs")


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.17"])
def test_a_library_that_corrupts_is_refused(version: str) -> None:
    with pytest.raises(errors.StoreUnavailable, match=r"at least 3\.51\.3.*pip install --upgrade apsw") as raised:
        check_library(version)
    assert not raised.value.retryable


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.100.0", "4.0.0"])
def test_a_library_that_does_not_is_taken(version: str) -> None:
    check_library(version)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (apsw.BusyError("database is locked"), errors.StoreLocked),
        (apsw.FullError("database or disk is full"), errors.DiskFull),
        (apsw.ReadOnlyError("attempt to write a readonly database"), errors.StoreReadOnly),
        (apsw.CorruptError("database disk image is malformed"), errors.StoreCorrupt),
        (apsw.NotADBError("file is not a database"), errors.StoreCorrupt),
        (apsw.CantOpenError("unable to open database file"), errors.StoreUnavailable),
        (apsw.IOError("disk I/O error"), errors.StoreUnavailable),
        (apsw.SQLError("no such table: stepwell_runs"), errors.SchemaMissing),
        (apsw.ConstraintError("UNIQUE constraint failed"), errors.StoreCorrupt),
        (apsw.TooBigError("string or blob too big"), errors.NotSerializable),
        (OverflowError("int too big"), errors.NotSerializable),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), errors.NotSerializable),
    ],
)
def test_errors_become_ours(error: Exception, ours: type[errors.StepwellError]) -> None:
    found = translated(error, "runs.db")
    assert type(found) is ours
    assert str(error) in str(found) or "no space" in str(found)


def test_our_own_errors_stay() -> None:
    error = errors.StoreCorrupt("rows cannot be read")
    assert translated(error, "runs.db") is error
