"""Chromium, and a real server over a database with runs in every state."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.dashboard.browsing import Site, browsing
from tests.dashboard.busy import Switch, busy, fill
from tests.dashboard.shopfront import shopfront
from tests.server.live import Live, live


@pytest.fixture(scope="module")
def server() -> Generator[Live]:
    """A server of this module's own, with the shop and no runs."""
    with live(shopfront) as found:
        yield found


@pytest.fixture(scope="module")
def site(server: Live) -> Generator[Site]:
    """A browser at that server."""
    with browsing(server.url) as found:
        yield found


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
def desk(crowd: Live) -> Generator[Site]:
    """A browser at that server."""
    with browsing(crowd.url) as site:
        yield site
