"""Whether the process lives, and whether it can serve."""

import pytest

from tests.server.conftest import HERE, Client

pytestmark = pytest.mark.anyio


async def test_alive_and_ready(api: Client) -> None:
    for path in ("/health", "/ready"):
        answer = await api.get(HERE + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for path in ("/healthz", "/x/health", "/api/v1/health", "/health/x"):
        assert (await api.get(HERE + path)).status_code == 404  # exempt by the route, never by how a path ends
