"""Starting runs over REST, and looking at them."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from stepwell.client.keys import Keys
from tests.server.conftest import Client
from tests.server.shop import XSS

pytestmark = pytest.mark.anyio


async def test_a_run_is_started_once(api: Client) -> None:
    body = {"workflow": "echo", "input": {"value": [1, "a"]}, "id": "r-1", "tags": {"a": 1, "b": True}, "priority": 7}
    first = await api.post("/runs", json=body)
    assert first.status_code == 201
    run = first.json()
    assert (run["id"], run["workflow"], run["priority"], run["tags"]) == ("r-1", "echo", 7, {"a": 1, "b": True})
    assert first.headers["location"] == f"/api/v1/runs/{run['key']}"
    again = await api.post("/runs", json=body)
    assert (again.status_code, again.json()["key"]) == (200, run["key"])
    other = await api.post("/runs", json=body | {"input": {"value": 2}})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    ended = await api.ended("r-1")
    assert (ended["status"], ended["result"], ended["input"]) == ("succeeded", [1, "a"], {"value": [1, "a"]})
    assert (await api.post("/runs", json=body)).status_code == 200  # also when it has ended (P7)
    reopened = await api.post("/runs", json=body | {"reuse": "after_close"})
    assert reopened.json()["generation"] == 2


async def test_lists_show_results_in_short_and_secrets_to_nobody(api: Client) -> None:
    await api.start("buy", {"order": {"id": "7", "amount": 5}}, id="b")
    await api.post("/events", json={"event": "paid", "key": "7", "payload": {"ok": True}})
    assert (await api.ended("b"))["result"]["token"] == "t0p"
    await api.start("echo", {"value": {"pin": "1234", "password": "pw"}}, id="e")
    await api.start("echo", "x" * 5000, id="long")
    await api.start("echo", None, id="none")
    await api.start("parent", 2, id="p")
    await api.start("fail", "no", id="f")
    await api.start("nap", 60, id="n")
    await api.env.settle()
    wanted = {"b": '{"charge":"c-7","message":{"ok":true},"token":"••••"}', "e": '{"pin":"••••","password":"••••"}',
              "long": None, "none": None, "p": "[0,1]", "f": None, "n": None}  # fmt: skip
    keys = Keys(api.app._engine().store, api.app._engine().clock)
    _, admin = await keys.create("a", ["admin"])
    _, reader = await keys.create("r", ["read"])
    for secret in (admin, reader):
        headers = {"authorization": f"Bearer {secret}"}
        runs = (await api.get("/runs", headers=headers)).json()["runs"]
        assert {run["id"]: run["brief"] for run in runs if run["parent"] is None} == wanted
        children = (await api.get("/runs/p/children", headers=headers)).json()["runs"]
        assert [run["brief"] for run in children] == ["1", "0"]
        assert (await api.get("/runs/b", headers=headers)).json()["brief"] == wanted["b"]


async def test_a_start_without_input_has_no_arguments(api: Client) -> None:
    started = [
        await api.post("/runs", json={"workflow": "typed", "id": "same", **more}) for more in ({}, {"input": {}})
    ]
    assert [answer.status_code for answer in started] == [201, 200]
    assert (await api.ended("same"))["result"] == "1.5"
    null = await api.post("/runs", json={"workflow": "nap", "input": None})
    assert (null.status_code, null.json()["code"]) == (422, "type_mismatch")
    missing = await api.post("/runs", json={"workflow": "fail"})
    assert (missing.status_code, missing.json()["code"]) == (422, "type_mismatch")
    batch = await api.post("/runs/batch", json={"runs": [{"workflow": "typed"}, {"workflow": "nap", "input": None}]})
    assert [list(one) for one in batch.json()["results"]] == [["run"], ["problem"]]


async def test_keys_that_may_not_read_see_how_a_run_stands_and_no_values(api: Client) -> None:
    await api.start("echo", {"value": "canary-1"}, id="e")
    await api.start("fail", "canary-2", id="f")
    await api.env.settle()
    keys = Keys(api.app._engine().store, api.app._engine().clock)
    for scope in ("execute", "operate"):
        headers = {"authorization": f"Bearer {(await keys.create(scope, [scope]))[1]}"}
        told = (await api.get("/runs/e", headers=headers)).json()
        assert (told["id"], told["status"], told["input"], told["brief"]) == ("e", "succeeded", "••••", None)
        assert not {"result", "error"} & set(told)
        assert "canary" not in str(told)
        failed = (await api.get("/runs/f", headers=headers)).json()
        assert failed["reason"] == "ValueError: canary-2"  # how it stands is told
        assert "error" not in failed


async def test_the_idempotency_key_is_the_id(api: Client) -> None:
    headers = {"idempotency-key": "once"}
    for status in (201, 200):
        answer = await api.post("/runs", json={"workflow": "echo", "input": 1}, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (status, "once")
    own = await api.post("/runs", json={"workflow": "echo", "input": 1, "id": "mine"}, headers=headers)
    assert own.json()["id"] == "mine"


async def test_starting_it_twice_at_once_starts_it_once(api: Client) -> None:
    body = {"workflow": "echo", "input": 5, "id": "both"}
    answers = await asyncio.gather(*(api.post("/runs", json=body) for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["key"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        ({"workflow": "nope"}, 404, "unknown_workflow", None),
        ({"workflow": "buy", "input": {"id": "1", "amount": 0}}, 422, "type_mismatch", "order.amount"),
        ({"workflow": "buy", "input": {"order": {"id": "1", "amount": "x"}}}, 422, "type_mismatch", "order.amount"),
        ({"workflow": "buy"}, 422, "type_mismatch", None),
        ({"workflow": "echo", "wait": True}, 422, "invalid_request", ""),
        ({"workflow": 5}, 422, "invalid_request", "workflow"),
        ({"input": 5}, 422, "invalid_request", ""),
        ({"workflow": "echo", "id": ""}, 422, "invalid_request", "id"),
        ({"workflow": "echo", "delay": "5 parsecs"}, 422, "invalid_duration", None),
        ({"workflow": "echo", "priority": 10**9}, 422, "invalid_request", "priority"),
        ({"workflow": "echo", "reuse": "always"}, 422, "invalid_request", "reuse"),
        ([], 422, "invalid_request", ""),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_told_with_its_place(
    api: Client, body: Any, status: int, code: str, path: str | None
) -> None:
    answer = await api.post("/runs", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    if path is not None:
        assert [error["path"] for error in problem["errors"]] == [path]
    assert (await api.get("/runs/count")).json() == {"total": 0, "by_status": {}}


async def test_an_unknown_field_is_told_with_those_that_are_known(api: Client) -> None:
    problem = (await api.post("/runs", json={"workflow": "echo", "inputs": 1})).json()
    assert "`inputs`" in problem["detail"]
    assert "workflow, input, id" in problem["expected"]


async def test_a_batch_is_answered_by_position(api: Client) -> None:
    runs = [{"workflow": "echo", "input": 1, "id": "a"}, {"workflow": "nope"}, {"workflow": "buy", "input": "x"},
            {"workflow": "echo", "input": 2, "id": "a"}, {"workflow": "echo", "input": 3}]  # fmt: skip
    answer = await api.post("/runs/batch", json={"runs": runs})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result.get("problem", {}).get("code") for result in results] == [
        None, "unknown_workflow", "type_mismatch", "conflict", None]  # fmt: skip
    assert results[0]["run"]["id"] == "a"
    assert (await api.get("/runs/count")).json()["total"] == 2


async def test_a_batch_has_a_bound(api: Client) -> None:
    answer = await api.post("/runs/batch", json={"runs": [{"workflow": "echo"}] * 1001})
    assert answer.status_code == 422
    assert (await api.post("/runs/batch", json={"runs": [{"workflow": "echo"}] * 1000})).status_code == 200


async def test_pages_follow_each_other(api: Client) -> None:
    for number in range(7):
        await api.start("nap", number + 1, id=f"n{number}")
    seen, after = [], None
    while True:
        page = (await api.get("/runs", params={"limit": 3} | ({"after": after} if after else {}))).json()
        seen += [run["id"] for run in page["runs"]]
        after = page["after"]
        if after is None:
            break
    assert seen == [f"n{number}" for number in reversed(range(7))]
    assert (await api.get("/runs?after=zz")).status_code == 404


async def test_filters_hold_together(api: Client) -> None:
    await api.start("echo", 1, id="e-1", tags={"customer": "acme", "n": 5})
    await api.start("echo", 2, id="e-2", tags={"customer": "acme", "n": "5"}, queue="slow", delay="1h")
    await api.start("fail", "card gone", id="f-1")
    await api.ended("f-1")
    await api.ended("e-1")

    async def ids(query: str) -> list[str]:
        answer = await api.get(f"/runs?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(run["id"] for run in answer.json()["runs"])

    assert await ids("workflow=echo") == ["e-1", "e-2"]
    assert await ids("status=failed,queued") == ["e-2", "f-1"]
    assert await ids("status=failed&status=queued") == ["e-2", "f-1"]
    assert await ids("status=completed") == ["e-1"]
    assert await ids("queue=slow") == ["e-2"]
    assert await ids("tag=customer=acme&tag=n=5") == ["e-1"]
    assert await ids('tag=n="5"') == ["e-2"]
    assert await ids("id=e-") == ["e-1", "e-2"]
    assert await ids("text=CARD") == ["f-1"]
    assert await ids("error=ValueError") == ["f-1"]
    assert await ids("since=1h") == ["e-1", "e-2", "f-1"]
    assert await ids("until=1h") == []
    count = (await api.get("/runs/count?workflow=echo")).json()
    assert count == {"total": 2, "by_status": {"queued": 1, "succeeded": 1}}


@pytest.mark.parametrize(
    "query", ["status=lost", "since=yesterday", "tag=x", "limit=0", "limit=1001", "limit=x", "since=inf", "until=-1h"]
)
async def test_a_filter_that_cannot_be_is_refused(api: Client, query: str) -> None:
    answer = await api.get(f"/runs?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"]


async def test_the_run_with_exactly_an_id(api: Client) -> None:
    keys = {id: (await api.start("echo", 1, id=id))["key"] for id in ("p", "p/1", "pp")}

    async def found(query: str) -> list[str]:
        answer = await api.get(f"/runs?{query}&exact=true")
        assert (answer.status_code, answer.json()["after"]) == (200, None)
        return [run["id"] for run in answer.json()["runs"]]

    assert await found("id=p") == ["p"]
    assert await found("id=p/1&workflow=echo") == ["p/1"]
    for query in ("id=q", "id=p&workflow=buy", "id=", "workflow=echo", f"id={keys['p']}", f"id=p&after={keys['pp']}"):
        assert await found(query) == [], query


async def test_children_and_ids_with_a_slash(api: Client) -> None:
    await api.start("parent", 3, id="p/1 #2?")
    await api.app.runs.get("p/1 #2?")
    await api.env.settle()
    detail = (await api.get("/runs/p%2F1%20%232%3F")).json()
    assert detail["counts"]["children"] == 3
    children = (await api.get("/runs/p%2F1%20%232%3F/children?limit=2")).json()
    assert len(children["runs"]) == 2
    assert children["after"] is not None
    child = children["runs"][0]
    assert child["parent"] == "p/1 #2?"
    encoded = quote(child["id"], safe="")
    assert (await api.get(f"/runs/{encoded}")).json()["id"] == child["id"]
    assert (await api.get(f"/runs/{child['key']}")).json()["id"] == child["id"]
    assert (await api.get("/runs?parent=p%2F1%20%232%3F")).json()["runs"][0]["parent"] == "p/1 #2?"
    assert (await api.get("/runs?parent=nobody")).status_code == 404


async def test_a_missing_run_is_not_found_everywhere(api: Client) -> None:
    for path in ("", "/timeline", "/journal", "/children", "/logs", "/result", "/events", "/stream", "/calls/0/value"):
        answer = await api.get(f"/runs/nobody{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    for verb in ("pause", "resume", "cancel", "terminate", "restart", "retry"):
        assert (await api.post(f"/runs/nobody/{verb}")).status_code == 404


@pytest.mark.parametrize("text", XSS)
async def test_texts_travel_as_data_only(api: Client, text: str) -> None:
    run = await api.start("fail", text, id=f"x{text}", tags={text: text})
    await api.env.settle()
    detail = await api.get(f"/runs/{run['key']}")
    assert detail.headers["content-type"] == "application/json"
    assert detail.headers["x-content-type-options"] == "nosniff"
    told = detail.json()
    assert (told["id"], told["input"], told["tags"]) == (f"x{text}", {"text": text}, {text: text})
    assert told["error"]["message"] == text
    assert text.splitlines()[0] in told["summary"]["text"]
    assert (await api.get("/runs", params={"text": text})).json()["runs"][0]["id"] == f"x{text}"
    missing = await api.get(f"/runs/{run['key']}/calls/99/value")
    assert missing.headers["content-type"] == "application/problem+json"
