"""The API's description, as it is served."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_it_is_public_and_holds_no_data(api: Client) -> None:
    await api.post("/keys", json={"name": "k", "scopes": ["read"]})
    answer = await api.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.1")
