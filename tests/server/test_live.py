"""Live streams, over real HTTP where the end of a connection matters, and read in this process elsewhere."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stepwell.client.keys import Keys
from stepwell.client.redact import OPEN
from stepwell.client.runstream import RunWatch
from stepwell.client.stream import Listener
from stepwell.model.run import RunFilter
from stepwell.server import front
from stepwell.server import live as module
from stepwell.server import serving as serving_module
from stepwell.server.live import told
from tests.server.conftest import Client, first, serving
from tests.server.live import live
from tests.server.shop import shop

pytestmark = pytest.mark.anyio
ORDER = {"order": {"id": "7", "amount": 5}}


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any, str | None]]:
    name, data, cursor = "", "", None
    async for line in response.aiter_lines():
        if not line and name:
            yield name, json.loads(data), cursor
            name = data = ""
        field, _, value = line.partition(": ")
        name = value if field == "event" else name
        data = value if field == "data" else data
        cursor = value if field == "id" else cursor


async def test_runs_are_followed_and_a_cut_stream_is_taken_up_again() -> None:
    with live(lambda: shop("memory://")) as server:
        async with (
            httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as http,
            http.stream("GET", "/stream?workflow=echo"),  # while anybody listens, places are remembered
        ):
            cursor = None
            async with http.stream("GET", "/stream?workflow=nap") as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                seen = events(response)
                assert (await anext(seen))[0] == "ping"
                await http.post("/runs", json={"workflow": "echo", "input": 1, "id": "other"})
                await http.post("/runs", json={"workflow": "nap", "input": 3600, "id": "n1"})
                async for name, data, last in seen:
                    cursor = last
                    if name == "run":
                        assert data["workflow"] == "nap"
                        if data["status"] == "waiting":
                            break
            await http.post("/runs", json={"workflow": "nap", "input": 3600, "id": "n2"})
            await http.post("/runs/n1/pause")
            async with http.stream("GET", "/stream", headers={"last-event-id": cursor or ""}) as response:
                wanted = {("n1", "paused"), ("n2", "waiting")}
                async for name, data, _ in events(response):
                    assert name != "reset"
                    if name == "run":
                        wanted.discard((data["id"], data["status"]))
                    if not wanted:
                        break
            async with http.stream("GET", "/stream", headers={"last-event-id": "elsewhere-5"}) as response:
                assert (await anext(events(response)))[0] == "reset"


async def test_a_run_is_followed_to_its_end() -> None:
    with live(lambda: shop("memory://")) as server:
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as http:
            await http.post("/runs", json={"workflow": "buy", "input": ORDER, "id": "b"})
            seen: list[tuple[str, Any]] = []
            calls: dict[str, Any] = {}
            async with http.stream("GET", "/runs/b/stream") as response:
                async for name, data, _ in events(response):
                    seen.append((name, data))
                    calls = {c["id"]: c for n, d in seen if n == "timeline" for c in d["calls"]}
                    if "paid" in calls and calls["paid"]["status"] == "waiting" and len(seen) < 50:
                        await http.post("/events", json={"event": "paid", "key": "7", "payload": {}, "id": "once"})
            assert seen[0][0] == "run"
            assert seen[-1][0] == "end"
            assert seen[-1][1]["status"] == "succeeded"
            assert {c: calls[c]["status"] for c in calls} == {"charge": "succeeded", "paid": "succeeded"}
            # One who comes late is told all, and the end.
            late = [name async for name, _, _ in events_of(http, "/runs/b/stream")]
            assert (late[0], late[-1]) == ("run", "end")


async def events_of(http: httpx.AsyncClient, path: str) -> AsyncIterator[tuple[str, Any, str | None]]:
    async with http.stream("GET", path) as response:
        async for event in events(response):
            yield event


async def test_stopping_the_server_ends_its_streams_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "GRACE", 3600)  # for so long uvicorn itself would wait for them
    with live(lambda: shop("memory://")) as server:
        http = httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60)
        await http.post("/runs", json={"workflow": "nap", "input": 3600, "id": "n"})
        begun = [asyncio.Event(), asyncio.Event()]
        paths = ("/stream", "/runs/n/stream")
        reading = [asyncio.ensure_future(_read(http, *one)) for one in zip(paths, begun, strict=True)]
        await asyncio.gather(*(one.wait() for one in begun))
    await asyncio.gather(*reading)
    await http.aclose()


async def _read(http: httpx.AsyncClient, path: str, begun: asyncio.Event) -> None:
    """To its end."""
    async for _ in events_of(http, path):
        begun.set()


async def test_a_reader_that_is_too_slow_is_let_go() -> None:
    async with serving() as api:
        await api.get("/session")
        broadcaster = api.at.backend._services.broadcaster
        listener, _ = broadcaster.listen(RunFilter())
        for _ in range(200):
            listener.put(b"x" * 100)
        assert listener.cut
        parts = [part async for part in told(listener, b"hello")]
        assert parts == [b"hello"]  # what it had not read is not kept for it
        broadcaster.forget(RunFilter(), listener)
        assert broadcaster.listening == 0


async def test_a_stalled_connection_costs_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "STALLED", 0.5)
    with live(lambda: shop("memory://")) as server:
        port = server.serving.port
        lazy = socket.create_connection(("127.0.0.1", port))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        services = server.serving._front.backend._services
        while services is None or services.broadcaster.listening == 0:
            await asyncio.sleep(0.02)
            services = server.serving._front.backend._services
        (group,) = services.broadcaster._groups.values()
        big = b": " + b"x" * 4_000_000 + b"\n\n"
        server.loop.call_soon_threadsafe(group.tell, big)
        async with asyncio.timeout(60):
            while services.broadcaster.listening:
                server.loop.call_soon_threadsafe(group.tell, b": more\n\n")
                await asyncio.sleep(0.05)
        lazy.close()


async def test_only_so_many_streams() -> None:
    async with serving(streams=0) as api:
        status, headers, body = await first(api.at, "GET", "/api/v1/stream")
        assert (status, headers["retry-after"]) == (429, "5")
        assert b"too_many_requests" in body


async def test_quiet_streams_are_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING", 0.01)
    listener = Listener()
    stream = told(listener, b"")
    assert await anext(stream) == b""
    assert await anext(stream) == module.PINGED
    listener.end()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_secrets_stay_out_of_streams(api: Client) -> None:
    await api.start("buy", ORDER, id="b")
    await api.env.settle()
    payload = {"event": "paid", "key": "7", "payload": {"password": "p4ss"}}
    await api.post("/events", json=payload)
    await api.ended("b")
    services = api.at.backend._services
    row = await services.engine.find("b")
    said = {}
    for name, redactor in (("all", services.redactor_for(None)), ("admin", OPEN)):
        watch = RunWatch(services.views, row, redactor)
        listener = watch.listen()
        await watch.look()
        said[name] = await listener.get(1) or b""
        await watch.close()
    assert b"p4ss" in said["admin"]
    assert b"p4ss" not in said["all"]


@pytest.mark.parametrize("path", ["/stream", "/runs/n/stream"])
async def test_a_stream_ends_with_its_key(path: str) -> None:
    with live(lambda: shop("memory://")) as server:
        engine = server.app._engine()
        keys = Keys(engine.store, engine.clock)
        run = server.run(server.app.start("nap", 3600, id="n"))
        (key, secret), (_, lasting) = (server.run(keys.create(name, ["read"])) for name in ("one", "two"))
        headers = [{"authorization": f"Bearer {one}"} for one in (secret, lasting)]
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as http:
            async with (http.stream("GET", path, headers=headers[0]) as ends,
                        http.stream("GET", path, headers=headers[1]) as stays):  # fmt: skip
                seen, others = events(ends), events(stays)
                await anext(seen)
                await anext(others)
                server.run(keys.revoke(key.id))
                async with asyncio.timeout(60):
                    told = [name async for name, _, _ in seen]
                assert "end" not in told
                server.run(run.pause())
                async for name, data, _ in others:
                    if name == "run" and data["status"] == "paused":
                        break
            again = await http.get(path, headers=headers[0])
            assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")


async def test_a_stream_ends_with_its_session_and_with_the_first_key() -> None:
    with live(lambda: shop("memory://")) as server:
        engine = server.app._engine()
        async with (httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as http,
                    http.stream("GET", "/stream") as response):  # fmt: skip
            seen = events(response)
            await anext(seen)
            _, secret = server.run(Keys(engine.store, engine.clock).create("first", ["read"]))
            async with asyncio.timeout(60):
                assert [name async for name, _, _ in seen if name == "run"] == []
            token = (await http.post("/session", json={"key": secret})).json()["csrf"]
            async with http.stream("GET", "/stream") as own:
                seen = events(own)
                await anext(seen)
                assert (await http.delete("/session", headers={"x-csrf-token": token})).status_code == 204
                async with asyncio.timeout(60):
                    assert [name async for name, _, _ in seen if name == "run"] == []
            assert (await http.get("/stream")).status_code == 401
