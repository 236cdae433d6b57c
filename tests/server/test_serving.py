"""Serving over HTTP: where, for whom, and how it ends."""

import asyncio
import socket

import httpx
import pytest

from stepwell import App
from stepwell.client.keys import Keys
from stepwell.errors import InvalidOption
from stepwell.server.refusals import NoKey
from stepwell.server.serving import Serving, serve
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


async def test_beyond_this_machine_only_with_a_key() -> None:
    async with shop(mode="client") as app:
        for host in ("0.0.0.0", "::", "192.0.2.1"):
            with pytest.raises(NoKey, match=r"stepwell keys create"):
                await serve(app, host, 0)
        engine = app._engine()
        _, secret = await Keys(engine.store, engine.clock).create("k", ["read"])
        serving = await serve(app, "0.0.0.0", 0)
        try:
            assert serving.url == f"http://127.0.0.1:{serving.port}"
            async with httpx.AsyncClient(base_url=serving.url, timeout=60) as http:
                assert (await http.get("/api/v1/runs")).status_code == 401
                answer = await http.get("/api/v1/runs", headers={"authorization": f"Bearer {secret}"})
                assert answer.status_code == 200
        finally:
            await serving.stop()
            await serving.stop()  # once is enough, twice does no harm


async def test_a_port_that_is_taken() -> None:
    async with shop(mode="client") as app:
        first = await serve(app, port=0)
        try:
            with pytest.raises(InvalidOption, match="cannot be served"):
                await serve(app, port=first.port)
            second = await serve(app, port=first.port, next_free=True)
            assert first.port < second.port <= first.port + 50
            await second.stop()
        finally:
            await first.stop()
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", first.port))


async def test_large_and_many_headers_are_refused_by_size() -> None:
    async with shop(mode="client") as app:
        serving = await serve(app, port=0)
        try:
            async with httpx.AsyncClient(base_url=serving.url, timeout=60) as http:
                answer = await http.get("/api/v1/session", headers={f"x-{n}": "a" * 8000 for n in range(20)})
                assert answer.status_code == 431
        finally:
            await serving.stop()


async def has_come(serving: Serving) -> None:
    """Wait until the server has a request that lasts."""
    backend = serving._front.backend
    while backend._services is None or not backend._services.visits._visits:
        await asyncio.sleep(0.005)


async def test_stopping_lets_a_request_finish() -> None:
    async with App("memory://", like=shop()) as app:
        serving = await serve(app, port=0)
        async with httpx.AsyncClient(base_url=serving.url, timeout=60) as http:
            await http.post("/api/v1/runs", json={"workflow": "nap", "input": 0.3, "id": "n"})
            waiting = asyncio.ensure_future(http.get("/api/v1/runs/n/result?timeout=60"))
            await has_come(serving)
            await serving.stop()
            assert (await waiting).json()["status"] == "succeeded"


async def test_stopping_ends_what_waits_for_longer() -> None:
    async with App("memory://", like=shop()) as app:
        serving = await serve(app, port=0)
        async with httpx.AsyncClient(base_url=serving.url, timeout=60) as http:
            await http.post("/api/v1/runs", json={"workflow": "nap", "input": 3600, "id": "n"})
            waiting = asyncio.ensure_future(http.get("/api/v1/runs/n/result?timeout=60"))
            await has_come(serving)
            await serving.stop()
            answer = await waiting
            assert (answer.status_code, answer.json()) == (202, {"status": "waiting"})
