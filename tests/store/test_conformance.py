"""The conformance suite, put to every store of ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryBase, MemoryStore
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.conformance import *  # noqa: F403 - the suite is what is imported


@pytest.fixture(params=["memory", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Clock], Store]:
    if request.param == "memory":
        base = MemoryBase()
        return lambda namespace, clock: MemoryStore(namespace, clock, base)
    return lambda namespace, clock: SqliteStore(tmp_path / "runs.db", namespace, clock)
