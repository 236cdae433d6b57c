"""From URLs to stores; passwords are never shown."""

from pathlib import Path

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.client.config import settings
from stepwell.client.stores import masked, sqlite_path, store_for
from stepwell.errors import InvalidOption, MissingExtra
from stepwell.store.memory import MemoryStore
from stepwell.store.sqlite import SqliteStore


def test_each_kind_of_url_has_its_store(tmp_path: Path) -> None:
    clock = SystemClock()
    assert isinstance(store_for(settings({"database_url": "memory://"}, {}), clock), MemoryStore)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert isinstance(store_for(settings({"database_url": url}, {}), clock), SqliteStore)


def test_three_slashes_are_relative_and_four_absolute() -> None:
    assert sqlite_path("sqlite:///a/b.db") == "a/b.db"
    assert sqlite_path("sqlite:////a/b.db") == "/a/b.db"
    with pytest.raises(InvalidOption):
        sqlite_path("sqlite://host/b.db")


def test_other_databases_are_refused_without_showing_the_password() -> None:
    clock = SystemClock()
    with pytest.raises(MissingExtra) as refused:
        store_for(settings({"database_url": "postgresql://me:hunter2@db/x"}, {}), clock)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(InvalidOption) as unknown:
        store_for(settings({"database_url": "mysql://me:hunter2@db/x"}, {}), clock)
    assert "hunter2" not in str(unknown.value)
    assert masked("postgresql://me:hunter2@db/x") == "postgresql://me:***@db/x"
