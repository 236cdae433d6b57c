"""Transactions for steps on SQLite; those on PostgreSQL are in tests/store/postgres/test_guest.py."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlalchemy.orm import sessionmaker

from stepwell.adapters.transactions import Drivers
from stepwell.errors import InvalidOption, StoreLocked, WrongContext
from stepwell.ports.guest import at_once
from tests.adapters.engines import disposed, engine_of

SOURCES: dict[str, Callable[[Path], Any]] = {
    "apsw": lambda file: partial(apsw.Connection, str(file)),
    "sqlite3": lambda file: partial(sqlite3.connect, file),
    "sqlite3 without its own transactions": lambda file: partial(sqlite3.connect, file, isolation_level=None),
    "engine": engine_of,
    "session maker": lambda file: sessionmaker(engine_of(file)),
}
closing = pytest.fixture(autouse=True)(disposed)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    conn = sqlite3.connect(tmp_path / "a.db")
    conn.execute("CREATE TABLE t (a)")
    conn.close()
    return tmp_path / "a.db"


def rows(file: Path) -> list[int]:
    conn = sqlite3.connect(file)
    found = [a for (a,) in conn.execute("SELECT a FROM t")]
    conn.close()
    return found


@pytest.mark.parametrize("kind", SOURCES)
def test_commit_and_roll_back(kind: str, file: Path) -> None:
    source = SOURCES[kind](file)
    for commits, expected in ((False, []), (True, [1])):
        transaction = at_once(Drivers().begin(source))
        assert at_once(transaction.conn.begun())
        at_once(transaction.conn.execute("INSERT INTO t VALUES (?)", (1,)))
        at_once(transaction.flush())
        if commits:
            at_once(transaction.commit())
        at_once(transaction.leave())
        assert rows(file) == expected


@pytest.mark.parametrize("kind", SOURCES)
def test_the_lock_of_the_file_is_taken_at_the_beginning(kind: str, file: Path) -> None:
    transaction = at_once(Drivers().begin(SOURCES[kind](file)))
    other = SOURCES["apsw" if kind == "apsw" else "sqlite3"](file)
    with pytest.raises(StoreLocked):
        at_once(Drivers().begin(other, wait=False))
    at_once(transaction.leave())
    at_once(at_once(Drivers().begin(other, wait=False)).leave())


def test_a_session_writes_what_it_has_left() -> None:
    flushed = []

    class Session:
        def flush(self) -> None:
            flushed.append(1)

    transaction = at_once(Drivers().begin(partial(apsw.Connection, ":memory:")))
    transaction.native = Session()
    at_once(transaction.flush())
    assert flushed == [1]


def test_what_is_no_source(file: Path) -> None:
    class AsyncEngine: ...

    with pytest.raises(InvalidOption, match="a single connection"):
        at_once(Drivers().begin(apsw.Connection(str(file))))
    for nothing in (object(), lambda: None, lambda: "postgresql://"):
        with pytest.raises(InvalidOption, match="expected a pool"):
            at_once(Drivers().begin(nothing))
    with pytest.raises(WrongContext, match="AsyncEngine"):
        at_once(Drivers().begin(AsyncEngine()))
    assert at_once(Drivers().connection(apsw.Connection(str(file))).begun()) is False


def test_leaving_hides_no_error_and_raises_none(file: Path) -> None:
    transaction = at_once(Drivers().begin(partial(apsw.Connection, str(file))))
    transaction.native.close()
    at_once(transaction.leave())
