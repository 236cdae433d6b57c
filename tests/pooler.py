"""A real transaction pooler, small: each transaction of a client gets another server connection than the one before.

It speaks as much of PostgreSQL's protocol as our driver uses. As with the poolers that people have, nothing of a
session lives on from one transaction to the next, and notifications do not arrive.
"""

import asyncio
import struct
from collections import deque
from contextlib import suppress
from typing import Self

_NOT_ENCRYPTED = {80877103, 80877104}
_CANCEL = 80877102


class Pooler:
    """`async with Pooler("127.0.0.1", port, user, database) as pooler:` serves at `pooler.port`."""

    def __init__(self, host: str, port: int, user: str, database: str, size: int = 3) -> None:
        self._to = host, port
        self._login = user, database
        self._size = size
        self._free: deque[Backend] = deque()
        self._backends: list[Backend] = []
        self._returned = asyncio.Condition()
        self._clients: set[asyncio.Task[None]] = set()
        self.port = 0
        self.transactions = 0
        self.switches = 0

    async def __aenter__(self) -> Self:
        for _ in range(self._size):
            self._backends.append(await Backend.begin(*self._to, *self._login))
        self._free.extend(self._backends)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for backend in self._backends:
            backend.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self._client(reader, writer)
        self._clients.discard(task)
        writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            (code,) = struct.unpack("!I", body[:4])
            if code not in _NOT_ENCRYPTED:
                break
            writer.write(b"N")
        if code == _CANCEL:
            return
        ready = _message(b"K", struct.pack("!II", 1, 1)) + _message(b"Z", b"I")
        writer.write(_message(b"R", struct.pack("!I", 0)) + self._backends[0].greeting + ready)
        backend: Backend | None = None
        before: Backend | None = None
        try:
            while True:
                kind, message = await _read(reader)
                if kind == b"X":
                    return
                if backend is None:
                    backend = await self._take()
                    self.transactions += 1
                    self.switches += before not in (None, backend)
                before = backend
                backend.writer.write(message)
                if kind == b"H":  # a description is waited for, in the middle of what belongs together
                    await backend.answer(writer, until=b"TnE")
                elif kind in b"QS" and await backend.answer(writer) == b"I":
                    await self._give(backend)
                    backend = None
        finally:
            if backend is not None:  # gone in the middle of a transaction: so is what it did
                await self._replace(backend)

    async def _take(self) -> "Backend":
        async with self._returned:
            await self._returned.wait_for(lambda: self._free)
            return self._free.popleft()

    async def _give(self, backend: "Backend") -> None:
        async with self._returned:
            self._free.append(backend)
            self._returned.notify()

    async def _replace(self, backend: "Backend") -> None:
        backend.writer.close()
        self._backends.remove(backend)
        other = await Backend.begin(*self._to, *self._login)
        self._backends.append(other)
        await self._give(other)


class Backend:
    """A connection to the server. `greeting`: the parameters that it reported."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = b""

    @classmethod
    async def begin(cls, host: str, port: int, user: str, database: str) -> "Backend":
        backend = cls(*await asyncio.open_connection(host, port))
        named = f"user\0{user}\0database\0{database}\0client_encoding\0UTF8\0\0".encode()
        body = struct.pack("!I", 196608) + named
        backend.writer.write(struct.pack("!I", len(body) + 4) + body)
        while True:
            kind, message = await _read(backend.reader)
            assert kind != b"E", message
            if kind == b"S":
                backend.greeting += message
            if kind == b"Z":
                return backend

    async def answer(self, to: asyncio.StreamWriter, until: bytes = b"Z") -> bytes:
        """Hand on everything up to the end of an answer; how the transaction stands then."""
        while True:
            kind, message = await _read(self.reader)
            if kind != b"A":
                to.write(message)
            if kind in until:
                return message[5:6]


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
