"""Stores for tests: opened by a factory, closed at the end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.store.sqlite import SqliteStore
from stepwell.testing.clock import VirtualClock

OpenStore = Callable[..., Awaitable[SqliteStore]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def open_store(path: Path, clock: VirtualClock) -> AsyncIterator[OpenStore]:
    """Opens stores on one file, unless another path is given."""
    opened: list[SqliteStore] = []

    async def open_one(at: Path | str | None = None, *, create: bool = True, **options: Any) -> SqliteStore:
        store = SqliteStore(at or path, options.pop("namespace", "default"), clock, **options)
        await store.open(create=create)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> SqliteStore:
    return await open_store()
