"""The outermost layer: headers, bounds, deadlines, mounts, the audit, failures of ours."""

import asyncio
import logging
from typing import Any

import pytest

from stepwell.errors import StoreUnavailable
from stepwell.server import asgi
from stepwell.server import front as module
from stepwell.server.front import Answer, split_path
from tests.server.conftest import Client, client_of, first, serving
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


async def test_every_answer_has_the_headers(api: Client) -> None:
    for path in ("/api/v1/runs", "/api/v1/nothing", "/health", "/", "/static/none.js", "/api/v1/stream"):
        _, headers, _ = await first(api.at, "GET", path)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert len(headers["x-request-id"]) == 32
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers
    assert (await first(api.at, "GET", "/api/v1/runs"))[1]["cache-control"] == "no-store"


async def test_a_preflight_is_not_answered_with_leave(api: Client) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await api.options("/runs", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_bodies_have_a_bound() -> None:
    async with serving(body=1000) as api:
        big = b'{"workflow":"echo","input":"' + b"x" * 1000 + b'"}'
        said = await api.post("/runs", content=big, headers={"content-type": "application/json"})
        assert (said.status_code, said.json()["code"]) == (413, "payload_too_large")
        assert said.json()["fields"] == {"size": len(big), "limit": 1000}

        async def parts() -> Any:
            for _ in range(50):
                yield b" " * 100

        streamed = await api.post("/runs", content=parts(), headers={"content-type": "application/json"})
        assert streamed.status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"\xff\xfe", 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"workflow":"echo","input":' + b"[" * 2000 + b"]" * 2000 + b"}", 400),
        (b'{"workflow":"echo","input":"\\ud800"}', 400),
        (b'{"workflow":"echo","input":NaN}', 400),
    ],
)
async def test_bodies_that_are_no_json_are_refused(api: Client, body: bytes, status: int) -> None:
    answer = await api.post("/runs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (status, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_request_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(deadline=0.05) as api:

        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(api.app._engine().store, "list", never)
        answer = await api.get("/runs")
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_passed")


async def test_a_database_that_is_away_is_503(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the database does not answer")

    store = api.app._engine().store
    for name in ("list", "workers", "row_by_id"):
        monkeypatch.setattr(store, name, away)
    for path in ("/runs", "/runs/x", "http://127.0.0.1/ready"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "2"
    assert (await api.get("http://127.0.0.1/health")).status_code == 200


async def test_what_we_did_wrong_is_logged_and_not_told(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("canary 5512")

    monkeypatch.setattr(api.app._engine().store, "list", broken)
    with caplog.at_level(logging.ERROR, "stepwell.server"):
        answer = await api.get("/runs?text=swk_secretsecretsecret")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert "canary 5512" in caplog.text
    assert "swk_secret" not in caplog.text


# -- the audit -----------------------------------------------------------------------------------------


async def test_every_write_has_its_record(api: Client) -> None:
    await api.start("nap", 60, id="n")
    await api.env.settle()
    await api.post("/runs/n/pause")
    await api.post("/runs/n/retry")  # refused: 409
    await api.post("/runs", json={"workflow": "nope", "id": "x"})
    await api.post("/events", json={"event": "done", "key": "k"})
    await api.get("/runs")
    page = (await api.get("/audit")).json()
    told = [(e["action"], e["target"], e["status"]) for e in reversed(page["entries"])]
    assert told == [("runs.start", "n", 201), ("runs.pause", "n", 200), ("runs.retry", "n", 409),
                    ("runs.start", "x", 404), ("events.publish", "k", 202)]  # fmt: skip
    paused = page["entries"][-2]
    assert (paused["who"], paused["before"]["status"], paused["after"]["status"]) == ("local", "waiting", "paused")
    assert page["after"] is None
    one = (await api.get("/audit?limit=1")).json()
    assert one["entries"] == page["entries"][:1]
    two = (await api.get(f"/audit?limit=1&after={one['after']}")).json()
    assert two["entries"] == page["entries"][1:2]


async def test_what_a_scope_refused_is_recorded_and_strangers_are_not(api: Client) -> None:
    secret = (await api.post("/keys", json={"name": "reader", "scopes": ["read"]})).json()["secret"]
    answer = await api.post("/runs/n/cancel", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
    assert (await api.post("/runs/n/cancel")).status_code == 401
    kept = [record.data for record in await api.app._engine().store.records("audit")]
    assert len(kept) == 2
    assert b'"who":"reader","action":"runs.cancel"' in kept[1]
    assert b'"status":403' in kept[1]
    assert secret.encode() not in b"".join(kept)


async def test_a_write_is_not_acknowledged_without_its_record(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("no space")

    monkeypatch.setattr(api.app._engine().store, "put", full)
    answer = await api.post("/runs", json={"workflow": "echo", "input": 1, "id": "e"})
    assert answer.status_code == 503


# -- mounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "path", "raw", "expected"),
    [
        ("", "/a/b", b"/a/b", ("", "/a/b")),
        ("/m", "/m/a", b"/m/a", ("/m", "/a")),
        ("/m", "/a", b"/a", ("/m", "/a")),
        ("/m", "/m", b"/m", ("/m", "/")),
        ("/m/", "/m/a", None, ("/m", "/a")),
        ("/m", "/mother", b"/mother", ("/m", "/mother")),
        ("/m", "/m/runs/a/b", b"/m/runs/a%2Fb", ("/m", "/runs/a\ue000b")),
        ("", "/runs/a/b", b"/runs/a%2Fb?x=%2F", ("", "/runs/a\ue000b")),
        ("", "/runs/ü", b"/runs/%C3%BC", ("", "/runs/ü")),
        ("", "/other", b"/rewritten/elsewhere", ("", "/other")),
    ],
)
def test_paths_under_a_mount(root: str, path: str, raw: bytes | None, expected: tuple[str, str]) -> None:
    assert split_path({"root_path": root, "path": path, "raw_path": raw}) == expected


async def test_mounted_in_fastapi_without_its_lifespan() -> None:
    from fastapi import FastAPI

    app = shop()
    outer = FastAPI()
    server = asgi(app)
    outer.mount("/ops/stepwell", server)

    @outer.get("/own")
    def own() -> str:
        return "mine"

    async with client_of(outer, base_url="http://127.0.0.1:8000") as client:
        assert (await client.get("/own")).json() == "mine"
        api = "/ops/stepwell/api/v1"
        assert (await client.get(f"{api}/session")).json()["open"] is True
        started = await client.post(f"{api}/runs", json={"workflow": "echo", "input": 1, "id": "a/b"})
        assert started.status_code == 201
        assert started.headers["location"].startswith(f"{api}/runs/")
        assert (await client.get(started.headers["location"])).json()["id"] == "a/b"
        assert (await client.get(f"{api}/runs/a%2Fb")).json()["id"] == "a/b"
        assert (await client.get("/ops/stepwell/health")).json() == {"status": "ok"}
        assert (await client.get(f"{api}/none")).json()["code"] == "no_such_route"
        assert app._opened is None  # a client of its own was opened
        store = server.backend._own._engine().store  # type: ignore[union-attr]
        async with app:  # from now on the app itself is served
            app._engine().store = store
            assert (await client.get(f"{api}/runs/count")).status_code == 200
            assert (await server.backend.services()).app is app
        await server.backend.close()


async def test_lifespan_is_understood() -> None:
    server = asgi(shop())
    told: list[Any] = []
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        told.append(message["type"])

    await server({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_is_refused() -> None:
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        told.append(message)

    await asgi(shop())({"type": "websocket"}, receive, send)
    assert told == [{"type": "websocket.close", "code": 1008}]


async def test_a_stream_that_is_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED", 0.01)
    aborted: list[bool] = []

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    answer = Answer(stuck, api=True, abort=lambda: aborted.append(True))
    await answer({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    with pytest.raises(ConnectionAbortedError):
        await answer({"type": "http.response.body", "body": b"x", "more_body": True})
    assert (aborted, answer.stalled) == ([True], True)
