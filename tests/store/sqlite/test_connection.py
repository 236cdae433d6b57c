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
