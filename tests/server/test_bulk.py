"""Actions on many runs over REST."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_preview_then_do(api: Client) -> None:
    for number in range(5):
        await api.start("nap", 3600, id=f"n{number}")
    await api.start("echo", 1, id="e")
    await api.ended("e")
    body = {"action": "cancel", "filter": {"since": "1h"}}
    preview = (await api.post("/bulk/preview", json=body)).json()
    assert preview == {"action": "cancel", "matched": 6, "allowed": 5, "by_status": {"succeeded": 1, "waiting": 5},
                       "refused": [{"why": "succeeded: cancel is not possible", "count": 1}]}  # fmt: skip
    assert (await api.get("/runs/count?status=waiting")).json()["total"] == 5
    more = await api.post("/bulk", json=body | {"expect": 5})
    assert (more.status_code, more.json()["code"]) == (409, "conflict")
    begun = await api.post("/bulk", json=body | {"expect": 6})
    assert begun.status_code == 202
    await api.env.settle()
    ended = (await api.get(f"/bulk/{begun.json()['id']}")).json()
    assert (ended["total"], ended["done"], ended["refused"], ended["failed"]) == (6, 5, 1, 0)
    assert ended["ended_at"] is not None
    assert (await api.get("/runs/count?status=cancelled")).json()["total"] == 5
    record = (await api.get("/audit?limit=1")).json()["entries"][0]
    assert (record["action"], record["target"]) == ("bulk.begin", ended["id"])
    assert record["after"] == {"action": "cancel", "filter": {"since": "1h"}, "total": 6}


async def test_by_ids(api: Client) -> None:
    await api.start("nap", 3600, id="n")
    preview = (await api.post("/bulk/preview", json={"action": "pause", "ids": ["n", "n", "nobody"]})).json()
    assert (preview["matched"], preview["allowed"]) == (1, 1)
    assert preview["refused"] == [{"why": "there is no such run (any more)", "count": 1}]
    begun = await api.post("/bulk", json={"action": "pause", "ids": ["n"]})
    await api.env.settle()
    assert (await api.get(f"/bulk/{begun.json()['id']}")).json()["done"] == 1
    assert (await api.get("/runs/n")).json()["status"] == "paused"


@pytest.mark.parametrize(
    "body",
    [{"action": "cancel"}, {"action": "cancel", "ids": ["a"], "filter": {}}, {"action": "purge", "ids": ["a"]},
     {"action": "cancel", "filter": {"state": ["failed"]}}, {"action": "cancel", "filter": {"status": ["lost"]}}],
)  # fmt: skip
async def test_what_is_unclear_is_refused(api: Client, body: dict[str, object]) -> None:
    for path in ("/bulk", "/bulk/preview"):
        assert (await api.post(path, json=body)).status_code == 422


async def test_an_unknown_action_is_not_found(api: Client) -> None:
    assert (await api.get("/bulk/none")).status_code == 404
