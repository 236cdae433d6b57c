"""SQLAlchemy's engines for tests: each keeps a connection, which is closed with it and not by the collector."""

from collections.abc import Generator
from pathlib import Path

import sqlalchemy

_made: list[sqlalchemy.Engine] = []


def engine_of(file: Path) -> sqlalchemy.Engine:
    """An engine over an SQLite file, until the test ends."""
    _made.append(sqlalchemy.create_engine(f"sqlite:///{file}"))
    return _made[-1]


def disposed() -> Generator[None]:
    """Around a test: its engines are closed at its end."""
    yield
    while _made:
        _made.pop().dispose()
