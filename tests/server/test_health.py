"""Whether the process lives, and whether it can serve."""

from typing import Any

import pytest

from stepwell.client.keys import Keys
from stepwell.errors import StoreUnavailable
from tests.server.conftest import HERE, Client

pytestmark = pytest.mark.anyio


async def test_alive_and_ready(api: Client) -> None:
    for path in ("/health", "/ready"):
        answer = await api.get(HERE + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for path in ("/healthz", "/x/health", "/api/v1/health", "/health/x"):
        assert (await api.get(HERE + path)).status_code == 404  # exempt by the route, never by how a path ends


async def test_it_lives_though_the_database_does_not(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without keys asks the database whether there are any, for every other request."""

    async def away(keys: Keys, **_: Any) -> bool:
        raise StoreUnavailable("the database is away")

    assert (await api.get("/runs")).status_code == 200
    monkeypatch.setattr(Keys, "exist", away)
    assert (await api.get(HERE + "/health")).status_code == 200
    assert (await api.get(HERE + "/")).status_code == 200, "the page tells what is wrong"
    assert (await api.get("/runs")).status_code == 503
    assert (await api.post("/runs", json={"workflow": "greet"})).status_code == 503
