"""The client of a server: what it asks of the server first, whose it is, and how it is opened and closed."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stepwell import RunFailed
from stepwell.client import remote
from stepwell.client.http import Http
from stepwell.client.keys import Keys
from stepwell.client.remote import RemoteClient
from stepwell.errors import (
    AppClosed,
    Forbidden,
    InvalidOption,
    NotAServer,
    ServerUnavailable,
    StepError,
    Unauthenticated,
    UnknownEvent,
)
from tests.client.serving import served
from tests.client.shop import Order, Receipt, Shop


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[tuple[Shop, str]]:
    shop = Shop(f"sqlite:///{folder / 'shop.db'}")
    async with shop.app, served(shop.app) as url:
        yield shop, url


def client_of(url: str, **options: Any) -> RemoteClient:
    return RemoteClient(url, environment={}, **options)


def test_what_the_server_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (_, url):
            async with client_of(url, namespace="default") as client:
                session = client.session
                assert session is not None
                assert (session.open, session.namespace, session.database) == (True, "default", "SQLite")
                assert repr(client) == f"<RemoteClient {url}>"
                with pytest.raises(AppClosed, match="open already"):
                    await client.open()
            with pytest.raises(AppClosed, match="not open"):
                await client.runs.count()
            with pytest.raises(InvalidOption, match="serves 'default'"):
                await client_of(url, namespace="other").open()
            async with RemoteClient(environment={"STEPWELL_API_URL": url}) as other:
                assert await other.runs.count() == {}

    asyncio.run(main())


def test_a_server_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "VERSION", "7.0.0")

    async def main() -> None:
        async with serving(tmp_path) as (_, url):
            with pytest.raises(NotAServer, match=r"and this client 7\.0\.0"):
                await client_of(url).open()

    asyncio.run(main())


def test_another_server_is_told_from_ours() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(NotAServer, match="is no Stepwell server"):
                await client_of(f"http://127.0.0.1:{port}").open()
        with socket.socket() as nobody:  # has a port that nobody else can listen at
            nobody.bind(("127.0.0.1", 0))
            with pytest.raises(ServerUnavailable, match="Is `stepwell server` running"):
                await client_of(f"http://127.0.0.1:{nobody.getsockname()[1]}", retries=0).open()

    asyncio.run(main())


def test_without_a_url_there_is_no_client() -> None:
    with pytest.raises(InvalidOption, match="STEPWELL_API_URL"):
        RemoteClient(environment={})


def test_keys_and_scopes(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (shop, url):
            engine = shop.app._engine()
            keys = Keys(engine.store, engine.clock)
            _, secret = await keys.create("reader", ["read"])
            with pytest.raises(Unauthenticated) as nobody:
                async with client_of(url) as client:
                    await client.runs.count()
            assert nobody.value.code == "unauthenticated"
            assert "STEPWELL_API_KEY" in str(nobody.value)
            async with RemoteClient(url, environment={"STEPWELL_API_KEY": secret}) as client:
                assert await client.runs.count() == {}
                with pytest.raises(Forbidden, match="execute") as refused:
                    await client.start(shop.buy, Order("a"))
                assert refused.value.code == "forbidden"
                assert secret not in repr(client) + str(refused.value)
            with pytest.raises(Unauthenticated) as wrong:
                async with client_of(url, key="swk_wrong") as client:
                    await client.runs.count()
            assert wrong.value.code == "unauthenticated"

    asyncio.run(main())


def test_without_definitions_values_are_plain(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (shop, url), client_of(url) as client:
            run = await client.start("buy", {"id": "a", "amount": 2}, id="plain")
            assert await run.result(60) == {"order": {"id": "a", "amount": 2}, "total": 5.0}
            # What is started by its function knows its types.
            assert await (await client.start(shop.buy, Order("b"))).result(60) == Receipt(Order("b"), 2.5)
            failing = await client.start("fetch", {"id": "x"})
            with pytest.raises(RunFailed) as failed:
                await failing.result(60)
            cause = failed.value.__cause__
            assert isinstance(cause, StepError)
            assert cause.type_name == "OutOfStock"
            (published,) = await client.send("ordered", {"id": "c"})
            assert (await published.result(60))["order"]["id"] == "c"
            with pytest.raises(UnknownEvent):
                await client.send("nonesuch", 1)

    asyncio.run(main())


def test_a_start_that_is_sent_twice_starts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the first try is lost on the way: the client repeats it with the same key (P6)."""
    import httpx

    sent: list[str] = []
    send = httpx.AsyncClient.send

    async def losing(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        response = await send(self, request, **options)
        if request.method == "POST":
            sent.append(request.url.path)
            if len(sent) % 2:
                raise httpx.ReadError("the connection was lost")
        return response

    monkeypatch.setattr(httpx.AsyncClient, "send", losing)
    monkeypatch.setattr("stepwell.client.http.FIRST_PAUSE", 0.001)

    async def main() -> None:
        async with serving(tmp_path) as (shop, url), client_of(url) as client:
            run = await client.start(shop.wait, "k")
            runs = await client.start_many(shop.wait, [("a",), ("b",)])
            assert sum((await client.runs.count()).values()) == 3
            assert len({run.key, *(other.key for other in runs)}) == 3
            await client.events.send("paid", key="k", data=1)
            assert await run.result(60) == 1
            again = await client.start(shop.wait.options(id="again"), "k")
            with pytest.raises(TimeoutError):  # the event came once
                await again.result(0.2)

    asyncio.run(main())
    assert len(sent) >= 8


def test_the_synchronous_face(tmp_path: Path) -> None:
    ready: Any = {}

    async def serve(done: asyncio.Event) -> None:
        async with serving(tmp_path) as (shop, url):
            ready["shop"], ready["url"] = shop, url
            await done.wait()

    async def main() -> None:
        done = asyncio.Event()
        task = asyncio.create_task(serve(done))
        while "url" not in ready:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(talk)
        done.set()
        await task

    def talk() -> None:
        shop = ready["shop"]
        with client_of(ready["url"]).sync as face:
            assert face.start(shop.buy, Order("a", 2)).result(60) == Receipt(Order("a", 2), 5.0)
            many = face.start_many(shop.buy, [(Order("x"),), (Order("y"),)])
            assert [run.result(60).order.id for run in many] == ["x", "y"]
            waiting = face.start(shop.wait.options(id="w"), "k")
            face.send(shop.paid, 9, key="k")
            assert waiting.result(60) == 9
            assert face.get("w").status().state == "succeeded"
            assert face.count() == {"succeeded": 4}
            assert len(face.list(workflow="buy").runs) == 3

    asyncio.run(main())


def test_it_imports_nothing_for_http_before_it_is_opened() -> None:
    import subprocess
    import sys

    code = "import sys, stepwell.client.remote; print('httpx' in sys.modules, 'litestar' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False False\n"


def test_the_session_says_what_else_it_wants() -> None:
    """Fields that a newer server adds are passed over."""
    data = {"authenticated": True, "open": False, "namespace": "n", "database": "SQLite", "version": "0.1", "new": 1}
    assert msgspec.json.decode(msgspec.json.encode(data), type=remote.Session).namespace == "n"
    assert repr(Http("https://x.example", "swk_secret")) == "<Http https://x.example>"


def test_a_verb_needs_its_own_scope_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (shop, url):
            engine = shop.app._engine()
            keys = Keys(engine.store, engine.clock)
            starts, steers = [(await keys.create(scope, [scope]))[1] for scope in ("execute", "operate")]
            async with client_of(url, key=starts, like=shop.app) as client:
                run = await client.start(shop.buy, Order("a"))
                assert await run.result(60) == Receipt(Order("a"), 2.5)
                failing = await client.start("fetch", {"id": "x"})
                with pytest.raises(RunFailed, match=failing.id):
                    await failing.result(60)
                waits = await client.start("listen", id="waits")
                await client.events.send(shop.paid, run="waits", data=7)
                assert await (await client.runs.get("waits")).result(60) == 7
                assert (await waits.status()).result is None  # which is for those who may read
                with pytest.raises(Forbidden, match="operate"):
                    await waits.cancel()
                held = await client.start("listen", id="held")
            async with client_of(url, key=steers) as client:
                run = await client.runs.get("held")
                assert (run.key, (await run.status()).input) == (held.key, "••••")
                await run.pause()
                await run.resume()
                await run.cancel()
                for refused in (run.result(1), run.journal(), client.runs.list(), client.start("listen")):
                    with pytest.raises(Forbidden):
                        await refused

    asyncio.run(main())


def test_a_wait_ends_when_its_key_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.server.visits.EVERY", 0.05)
    monkeypatch.setattr("stepwell.client.remote_engine.RECONNECT_S", 0.05)

    async def main() -> None:
        async with serving(tmp_path) as (shop, url):
            engine = shop.app._engine()
            keys = Keys(engine.store, engine.clock)
            run = await shop.app.start("listen", id="long")
            key, secret = await keys.create("k", ["read"])
            async with client_of(url, key=secret) as client:
                seen = client.runs.watch("long")
                await anext(seen)
                while (await anext(seen)).status != "waiting":
                    pass

                async def rest() -> None:
                    async for _ in seen:
                        pass

                waiting = [asyncio.ensure_future(work) for work in (rest(), (await client.runs.get("long")).result())]
                await asyncio.wait(waiting, timeout=0.2)
                await keys.revoke(key.id)
                async with asyncio.timeout(60):
                    for work in waiting:
                        with pytest.raises(Unauthenticated) as refused:
                            await work
                        assert refused.value.code == "unauthenticated"
            await run.cancel()

    asyncio.run(main())
