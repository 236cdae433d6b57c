"""Fleets for tests, each on a schema of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.fleet.fleet import FLOWS, Fleet


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own environment reaches the tests."""
    for name in [*os.environ]:
        if name.startswith("STEPWELL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet on the shared server."""
    fleet = Fleet(tmp_path, f"{postgres.shared().url}?schema={postgres.fresh()}")
    fleet.write("flows.py", FLOWS)
    yield fleet
    fleet.close()
