"""The journal, the log, values, events, the result."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from stepwell.client.keys import Keys
from stepwell.model.logline import KIND, Batch, Line
from stepwell.model.record import Record
from stepwell.server import visits
from tests.server.conftest import Client
from tests.server.live import live
from tests.server.shop import shop

pytestmark = pytest.mark.anyio
ORDER = {"order": {"id": "7", "amount": 5}}


async def test_the_journal_in_pages(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.env.settle()
    whole = (await api.get("/runs/b/journal")).json()
    assert [entry["k"] for entry in whole["entries"]] == ["started", "step", "armed"]
    assert (whole["after"], whole["generations"]) == (None, 1)
    seen, after = [], None
    while True:
        params = {"limit": 1, "generation": 1} | ({"after": after} if after is not None else {})
        page = (await api.get("/runs/b/journal", params=params)).json()
        seen += page["entries"]
        after = page["after"]
        if after is None:
            break
    assert seen == whole["entries"]
    await api.post("/runs/b/restart")
    await api.env.settle()
    both = (await api.get("/runs/b/journal")).json()
    assert both["generations"] == 2
    assert {entry["generation"] for entry in both["entries"]} == {1, 2}
    pages, after = [], None
    while True:
        page = (await api.get("/runs/b/journal", params={"limit": 2} | ({"after": after} if after else {}))).json()
        pages += page["entries"]
        after = page["after"]
        if after is None:
            break
    assert pages == both["entries"]
    assert (await api.get("/runs/b/journal?generation=3")).status_code == 404


async def test_one_value(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.env.settle()
    assert (await api.get("/runs/b/calls/1/value")).json() == "c-7"
    assert (await api.get("/runs/b/calls/0/value")).json()["order"]["amount"] == 5
    assert (await api.get("/runs/b/calls/2/value")).status_code == 404
    assert (await api.get("/runs/b/calls/99/value")).status_code == 404
    big = "x" * 100_000
    await api.start("echo", big, id="e")
    await api.ended("e")
    timeline = (await api.get("/runs/e/timeline")).json()
    assert timeline["calls"] == []
    assert (await api.get("/runs/e/calls/0/value")).json() == {"value": big}


async def test_what_a_run_waits_for_and_received(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.env.settle()
    events = (await api.get("/runs/b/events")).json()
    (waiting,) = events["waiting"]
    assert (waiting["call"], waiting["event"], waiting["key"]) == ("paid", "paid", "7")
    assert waiting["schema"]["type"] == "object"
    assert waiting["until"] > waiting["since"]
    sent = await api.post("/events", json={"event": "paid", "key": "7", "payload": {"ok": True}, "id": "m1"})
    assert (sent.status_code, sent.json()) == (202, {"runs": []})
    assert (await api.ended("b"))["result"]["message"] == {"ok": True}
    events = (await api.get("/runs/b/events")).json()
    assert events["waiting"] == []
    assert [(e["event"], e["key"], e["id"], e["value"]) for e in events["received"]] == [
        ("paid", "7", "m1", {"ok": True})
    ]


async def test_the_result_is_waited_for(api: Client) -> None:
    await api.start("nap", 30, id="n")
    still = await api.get("/runs/n/result?timeout=0")
    assert (still.status_code, still.json()) == (202, {"status": "waiting"})
    waiting = asyncio.ensure_future(api.get("/runs/n/result?timeout=60"))
    await api.env.advance(31)
    ended = await waiting
    told = ended.json()
    assert (ended.status_code, told["status"], told["result"]) == (200, "succeeded", None)
    assert (told["run"]["id"], told["run"]["workflow"], told["run"]["status"]) == ("n", "nap", "succeeded")
    await api.start("fail", "no", id="f")
    failed = (await api.get("/runs/f/result?timeout=60")).json()
    assert (failed["status"], failed["error"]["type"], failed["error"]["message"]) == ("failed", "ValueError", "no")
    assert "result" not in failed
    assert (await api.get("/runs/f/result?timeout=61")).status_code == 422


async def test_the_result_is_whole_for_programs_and_redacted_for_readers(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.post("/events", json={"event": "paid", "key": "7", "payload": {"ok": True}})
    await api.ended("b")
    keys = Keys(api.app._engine().store, api.app._engine().clock)
    for scopes, token in ((["read"], "••••"), (["read", "operate"], "••••"), (["read", "execute"], "t0p"),
                          (["execute"], "t0p"), (["admin"], "t0p")):  # fmt: skip
        _, secret = await keys.create(str(scopes), scopes)
        headers = {"authorization": f"Bearer {secret}"}
        told = (await api.get("/runs/b/result", headers=headers)).json()
        assert told["result"] == {"charge": "c-7", "message": {"ok": True}, "token": token}
        if scopes != ["execute"]:
            shown = (await api.get("/runs/b", headers=headers)).json()["result"]["token"]
            assert shown == ("t0p" if "admin" in scopes else "••••")


async def test_who_waits_for_a_result_is_refused_when_the_key_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "EVERY", 0.02)
    with live(lambda: shop("memory://")) as server:
        keys = Keys(server.app._engine().store, server.app._engine().clock)
        server.run(server.app.start("nap", 3600, id="n"))
        key, secret = server.run(keys.create("k", ["execute"]))
        headers = {"authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as http:
            waiting = asyncio.ensure_future(http.get("/runs/n/result?timeout=60", headers=headers))
            backend = server.serving._front.backend
            while not waiting.done() and (backend._services is None or not backend._services.visits._visits):
                await asyncio.sleep(0.005)
            server.run(keys.revoke(key.id))
            answer = await waiting
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_the_log_in_pages(api: Client) -> None:
    run = await api.start("nap", 3600, id="n")
    key = bytes.fromhex(run["key"])
    texts = [f"line {n}" for n in range(10)]
    for part in range(5):
        lines = [Line(at=float(n), level="warning" if n % 3 == 0 else "info", text=texts[n], call="" if n else "charge")
                 for n in (2 * part, 2 * part + 1)]  # fmt: skip
        data = msgspec.json.encode(Batch(lines, 2 * part + 2, 100))
        await api.app._engine().store.put([Record(kind=KIND, id=f"{part:08}", at=0.0, data=data, owner=key)])
    newest = (await api.get("/runs/n/logs")).json()
    assert [line["text"] for line in newest["lines"]] == texts[::-1]
    assert newest["lines"][-1] == {"id": "00000000.0", "at": "1970-01-01T00:00:00.000000Z", "level": "warning",
                                   "call": "charge", "attempt": 1, "text": "line 0"}  # fmt: skip
    for way, wanted in (("true", texts[::-1]), ("false", texts)):
        seen, after = [], None
        while True:
            params: dict[str, Any] = {"limit": 3, "newest": way} | ({"after": after} if after else {})
            page = (await api.get("/runs/n/logs", params=params)).json()
            seen += [line["text"] for line in page["lines"]]
            after = page["after"]
            if after is None:
                break
        assert seen == wanted
    warnings = (await api.get("/runs/n/logs?level=warning")).json()["lines"]
    assert [line["text"] for line in warnings] == ["line 9", "line 6", "line 3", "line 0"]
    assert (await api.get("/runs/n")).json()["counts"]["logs"] == 10
    assert (await api.get("/runs/n/logs?level=loud")).status_code == 422
    assert (await api.get("/runs/n/logs?after=nowhere")).status_code == 422
