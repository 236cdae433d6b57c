"""API keys and the audit over REST."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_a_key_is_made_listed_used_and_revoked(api: Client) -> None:
    made = await api.post("/keys", json={"name": "ops", "scopes": ["admin"], "expires_in": "30d"})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith(made.json()["prefix"])
    admin = {"authorization": f"Bearer {secret}"}
    (listed,) = (await api.get("/keys", headers=admin)).json()["keys"]
    assert "secret" not in listed
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("ops", ["admin"], None)
    assert listed["last_used_at"] is not None
    assert listed["expires_at"] is not None
    other = (await api.post("/keys", json={"name": "r", "scopes": ["read"]}, headers=admin)).json()
    assert (await api.delete(f"/keys/{other['id']}", headers=admin)).status_code == 204
    assert (await api.delete(f"/keys/{other['id']}", headers=admin)).status_code == 204
    assert (await api.delete("/keys/0000000000000000", headers=admin)).status_code == 404
    gone = await api.get("/runs", headers={"authorization": f"Bearer {other['secret']}"})
    assert gone.status_code == 401
    audit = (await api.get("/audit", headers=admin)).json()["entries"]
    assert [entry["action"] for entry in audit] == ["keys.revoke"] * 3 + ["keys.create"] * 2
    assert secret not in repr(audit)


@pytest.mark.parametrize(
    "body",
    [{"name": "", "scopes": ["read"]}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}, {"name": "x"},
     {"name": "x", "scopes": ["read"], "expires_in": "soon"}, {"name": "x" * 101, "scopes": ["read"]}],
)  # fmt: skip
async def test_a_key_that_cannot_be_is_refused(api: Client, body: dict[str, object]) -> None:
    assert (await api.post("/keys", json=body)).status_code == 422
    assert (await api.get("/session")).json()["open"] is True
