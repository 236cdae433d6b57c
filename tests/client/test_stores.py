"""From URLs to stores; passwords are never shown."""

from pathlib import Path

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.client import stores
from stepwell.client.config import settings
from stepwell.client.stores import masked, sqlite_path, store_for
from stepwell.errors import InvalidOption, MissingExtra
from stepwell.store.memory import MemoryStore
from stepwell.store.postgres import PostgresStore
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


def test_postgres_needs_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    url = settings({"database_url": "postgresql://me:hunter2@db/x?lanes=3"}, {})
    store = store_for(url, SystemClock())
    assert isinstance(store, PostgresStore)
    assert store.capabilities.lanes == 3
    assert store.clock.now() > 1e9
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"stepwell\[postgres\]") as refused:
        store_for(url, SystemClock())
    assert "hunter2" not in str(refused.value)


def test_other_databases_are_refused_without_showing_the_password() -> None:
    clock = SystemClock()
    for url in ("mysql://me:hunter2@db/x", "postgresql://me:hunter2@db/x?lanes=none"):
        with pytest.raises(InvalidOption) as refused:
            store_for(settings({"database_url": url}, {}), clock)
        assert "hunter2" not in str(refused.value)
    assert masked("postgresql://me:hunter2@db/x") == "postgresql://me:***@db/x"
