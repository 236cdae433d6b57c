"""Chromium, and a real server over a database with runs in every state."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.dashboard.browsing import Site, browsing
from tests.dashboard.busy import Switch, busy, fill
from tests.server.live import Live, live


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """Debian's Chromium; installed when it is missing and we may."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(command, check=True, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    assert found is not None, "the dashboard's tests need Chromium: apt-get install chromium"
    return found


@contextmanager
def busily() -> Generator[Live]:
    """A server with runs in every state; when it ends, the step that holds its run is let go."""
    switch = Switch()
    with live(lambda: busy(switch)) as server:
        server.run(fill(server.app))
        try:
            yield server
        finally:
            server.loop.call_soon_threadsafe(switch.go.set)


@pytest.fixture(scope="module")
def crowd() -> Generator[Live]:
    """A server of this module's own, with runs in every state."""
    with busily() as server:
        yield server


@pytest.fixture(scope="module")
def desk(crowd: Live, chromium: str) -> Generator[Site]:
    """A browser at that server."""
    with browsing(crowd.url) as site:
        yield site
