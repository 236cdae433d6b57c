"""The conformance suite, put to every store of ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryBase, MemoryStore
from stepwell.store.postgres import PostgresStore
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.conformance import *  # noqa: F403 - the suite is what is imported
from tests import postgres


@pytest.fixture(params=["memory", "sqlite", *postgres.names()])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Clock], Store]:
    if request.param == "memory":
        base = MemoryBase()
        return lambda namespace, clock: MemoryStore(namespace, clock, base)
    if request.param == "sqlite":
        return lambda namespace, clock: SqliteStore(tmp_path / "runs.db", namespace, clock)
    # A namespace is as good as a database here: nothing is shared between two but the numbers of messages.
    url, own = f"{postgres.shared(request.param).url}?listen=off&lanes=1", postgres.fresh()
    return lambda namespace, clock: PostgresStore(url, f"{own}-{namespace}", clock, time="given")
