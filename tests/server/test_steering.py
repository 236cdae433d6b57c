"""Verbs over REST, and events."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio
ORDER = {"order": {"id": "7", "amount": 5}}


async def test_every_verb(api: Client) -> None:
    await api.start("nap", 3600, id="n")
    await api.env.settle()
    steps = [("pause", "paused"), ("pause", "paused"), ("resume", None), ("terminate", "terminated"),
             ("restart", None), ("cancel", None)]  # fmt: skip
    for verb, status in steps:
        answer = await api.post(f"/runs/n/{verb}")
        assert answer.status_code == 200, answer.text
        if status is not None:
            assert answer.json()["status"] == status
        await api.env.settle()
    detail = (await api.get("/runs/n")).json()
    assert (detail["status"], detail["generation"]) == ("cancelled", 2)
    assert detail["actions"] == ["restart", "retry"]
    assert detail["summary"]["text"] == "Cancelled."


async def test_a_verb_that_is_not_possible_says_which_are(api: Client) -> None:
    await api.start("echo", 1, id="e")
    await api.ended("e")
    answer = await api.post("/runs/e/cancel")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "illegal_state")
    assert problem["fields"] == {"state": "succeeded", "verb": "cancel", "allowed": ["restart"]}
    assert problem["hint"] == "Possible now: restart."


async def test_a_failed_run_is_retried(api: Client) -> None:
    await api.start("fail", "no", id="f")
    await api.ended("f")
    assert (await api.post("/runs/f/retry")).status_code == 200
    await api.env.settle()
    assert (await api.get("/runs/f")).json()["status"] == "failed"


async def test_events_to_a_run_and_published(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.env.settle()
    assert (await api.post("/runs/b/events", json={"event": "done"})).json() == {}
    published = await api.post("/events", json={"event": "paid", "payload": {}, "id": "p"})
    assert published.status_code == 202
    assert [run["workflow"] for run in published.json()["runs"]] == ["typed"]
    again = await api.post("/events", json={"event": "paid", "payload": {}, "id": "p"})
    assert [run["id"] for run in again.json()["runs"]] == [run["id"] for run in published.json()["runs"]]


async def test_an_event_that_does_not_fit_is_refused(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    wrong = await api.post("/events", json={"event": "paid", "key": "7", "payload": 5})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "payload")
    unknown = await api.post("/runs/b/events", json={"event": "pade"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_event")
    assert "paid" in unknown.json()["hint"]
    await api.post("/runs/b/terminate")
    closed = await api.post("/runs/b/events", json={"event": "done"})
    assert (closed.status_code, closed.json()["code"]) == (409, "illegal_state")
