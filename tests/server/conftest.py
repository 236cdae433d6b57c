"""A server over an app in memory, under a virtual clock, called in this process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from stepwell import App
from stepwell.server import asgi
from stepwell.testing.environment import Environment
from tests.server.shop import shop

HERE = "http://127.0.0.1:8765"
API = f"{HERE}/api/v1"


class Client(httpx.AsyncClient):
    """Calls a server; `at` is the server."""

    at: Any
    app: App
    env: Environment

    async def start(self, workflow: str, input: Any = None, **more: Any) -> dict[str, Any]:
        answer = await self.post("/runs", json={"workflow": workflow, "input": input, **more})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def ended(self, run_id: str) -> dict[str, Any]:
        run = await self.app.runs.get(run_id)
        with suppress(Exception):
            await run.result(timeout=3600)
        return (await self.get(f"/runs/{run_id}")).json()


def client_of(server: Any, *, client: tuple[str, int] = ("127.0.0.1", 5000), **options: Any) -> Client:
    transport = httpx.ASGITransport(server, client=client, raise_app_exceptions=False)
    return Client(transport=transport, base_url=options.pop("base_url", API), **options)


@asynccontextmanager
async def serving(app: App | None = None, **options: Any) -> AsyncGenerator[Client]:
    """A server under a virtual clock, with a worker, and a client of it."""
    app = app or shop()
    async with Environment(app) as env:
        server = asgi(app, **options)
        async with client_of(server) as client:
            client.at, client.app, client.env = server, app, env
            try:
                yield client
            finally:
                await server.backend.close()


async def first(server: Any, method: str, path: str, headers: dict[str, str] | None = None,
                body: bytes = b"", **scope: Any) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    """Status, headers and the first part of the body; a stream is left then."""
    parts: asyncio.Queue[Any] = asyncio.Queue()
    sent = False

    async def receive() -> Any:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    path, _, query = path.partition("?")
    head = {"host": "127.0.0.1:8765", **(headers or {})}
    asked = {"type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "root_path": "",
             "query_string": query.encode(), "scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 5000),
             "server": ("127.0.0.1", 8765), "headers": [(k.encode(), v.encode()) for k, v in head.items()],
             **scope}  # fmt: skip
    task = asyncio.ensure_future(server(asked, receive, parts.put))
    start = await parts.get()
    data = await parts.get()
    task.cancel()
    await asyncio.wait([task])
    return start["status"], {k.decode().lower(): v.decode() for k, v in start["headers"]}, data.get("body", b"")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api() -> AsyncGenerator[Client]:
    async with serving() as client:
        yield client
