"""Serves an app over HTTP: uvicorn, on a socket of ours, in the loop that runs."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator
from typing import Final

import uvicorn

from stepwell.client.app import App
from stepwell.errors import InvalidOption
from stepwell.server import asgi
from stepwell.server.front import Front
from stepwell.server.guard import is_loopback
from stepwell.server.options import ServerOptions
from stepwell.server.refusals import NoKey

HOST: Final = "127.0.0.1"
PORT: Final = 8765
NEXT: Final = 50
GRACE: Final = 5
ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how it is reached, not bound
KEEP_ALIVE: Final = 30
BACKLOG: Final = 2048


class _Uvicorn(uvicorn.Server):
    """Leaves the process's signals to whoever serves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Serving:
    """A server that is up. `url` is where."""

    def __init__(self, front: Front, server: _Uvicorn, sock: socket.socket, host: str) -> None:
        self._front = front
        self._server = server
        self._sock = sock
        self._task: asyncio.Task[None] | None = None
        self.port: int = sock.getsockname()[1]
        near = ANYWHERE.get(host, host)
        shown = f"[{near}]" if ":" in near else near
        self.url = f"http://{shown}:{self.port}"

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve([self._sock]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn tells in no other way
            await asyncio.sleep(0.005)  # noqa: TID251
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """End streams, let requests finish for a moment, and close."""
        task, self._task = self._task, None
        if task is None:
            return
        self._front.closing = True
        await self._front.backend.end_streams()
        self._server.should_exit = True
        await task


async def serve(app: App, host: str = HOST, port: int = PORT, *, next_free: bool = False,
                options: ServerOptions | None = None, trusted: str | None = None) -> Serving:  # fmt: skip
    """Serve an app; returns when it answers. `next_free`: another port if this one is taken; port 0: any.

    `trusted`: addresses of proxies whose X-Forwarded-* headers are believed.

    Raises:
        NoKey: beyond this machine, and the database has no API key. InvalidOption: the address cannot be had.
    """
    front = asgi(app, options=options)
    if not is_loopback(host):
        await _require_key(front, host)
    sock = _bound(host, port, next_free)
    config = uvicorn.Config(
        front, http="httptools", loop="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=GRACE, backlog=BACKLOG, ws="none",
        proxy_headers=trusted is not None, forwarded_allow_ips=trusted or "")  # fmt: skip
    serving = Serving(front, _Uvicorn(config), sock, host)
    await serving.start()
    return serving


async def _require_key(front: Front, host: str) -> None:
    services = await front.backend.services()
    if not await services.keys.exist():
        await front.backend.close()
        raise NoKey(
            f"the server would listen on {host}, beyond this machine, and nobody needs a key",
            hint="Make one: stepwell keys create --scope admin NAME. Or listen on 127.0.0.1.",
        )


def _bound(host: str, port: int, next_free: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = port + NEXT if next_free and port else port
    for number in range(port, last + 1):
        # The protocol is named: asyncio sends small answers without delay (TCP_NODELAY) only where it is.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, number))
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE and number < last:
                continue
            reason = error.strerror or str(error)
            raise InvalidOption(f"{host}:{number} cannot be served: {reason}", hint="Choose another --port.") from None
        sock.setblocking(False)
        return sock
    raise AssertionError
