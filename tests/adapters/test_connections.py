"""Connections of SQLite's drivers here; those of PostgreSQL's in tests/store/postgres/test_guest.py."""

import sqlite3
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from stepwell.adapters.connections import connection, numbered, percented
from stepwell.errors import InvalidOption
from stepwell.ports.guest import at_once
from tests.adapters.engines import disposed, engine_of

closing = pytest.fixture(autouse=True)(disposed)


def test_placeholders() -> None:
    assert numbered("a = ? AND b = ?") == "a = $1 AND b = $2"
    assert numbered("a") == "a"
    assert percented("a LIKE '%' AND b = ?") == "a LIKE '%%' AND b = %s"


def made(kind: str, file: Path) -> Any:
    engine = engine_of(file)
    session = sessionmaker(engine)
    return {
        "sqlite3": lambda: sqlite3.connect(file),
        "apsw": lambda: apsw.Connection(str(file)),
        "connection": engine.connect,
        "session": lambda: Session(engine),
        "scoped session": lambda: scoped_session(session),
    }[kind]()


KINDS = ["sqlite3", "apsw", "connection", "session", "scoped session"]


@pytest.mark.parametrize("kind", KINDS)
def test_statements_and_rows(kind: str, tmp_path: Path) -> None:
    native = made(kind, tmp_path / "a.db")
    if kind == "sqlite3":
        native.row_factory = sqlite3.Row
    conn = connection(native)
    assert conn.database == "sqlite"
    at_once(conn.execute("CREATE TABLE t (a, b)"))
    assert at_once(conn.execute("INSERT INTO t VALUES (?, ?)", (1, b"x"))) == []
    assert at_once(conn.execute("SELECT a, b FROM t WHERE a = ?", [1])) == [(1, b"x")]
    assert type(at_once(conn.execute("SELECT a FROM t"))[0]) is tuple
    native.close()


def test_whether_there_is_a_transaction(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    plain, own = sqlite3.connect(file), sqlite3.connect(file, isolation_level=None)
    assert at_once(connection(plain).begun())
    assert not at_once(connection(own).begun())
    own.execute("BEGIN")
    assert at_once(connection(own).begun())
    one = apsw.Connection(str(file))
    assert not at_once(connection(one).begun())
    with one:
        assert at_once(connection(one).begun())
    plain.close()
    own.close()
    engine = engine_of(file)
    with engine.connect() as begins:
        assert at_once(connection(begins).begun())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as never:
        assert not at_once(connection(never).begun())


def test_what_is_no_connection() -> None:
    with pytest.raises(InvalidOption, match="is no connection; expected a connection of asyncpg"):
        connection("postgresql://")
    engine = sqlalchemy.create_mock_engine("mysql+pymysql://", lambda *_: None)

    class Session:
        __module__ = "sqlalchemy.orm.session"

        def get_bind(self) -> Any:
            return engine

    with pytest.raises(InvalidOption, match="connection to mysql"):
        connection(Session())
