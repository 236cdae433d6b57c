"""REST: starts per second over HTTP, pages of a large database, and a thousand readers of live streams."""

import asyncio
import os
import socket
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.databases import Fresh
from benchmarks.growth import fill
from benchmarks.report import heading, line, spread
from benchmarks.workloads import opened
from stepwell.server.serving import Serving, serve

PAGES = (
    "/overview?window=15m", "/overview?window=1h", "/overview?window=24h", "/overview?window=7d",
    "/queues?window=1h", "/workers", "/failures?window=24h", "/workflows", "/workflows/w1", "/event-types",
    "/versions?workflow=w1", "/pins", "/runs", "/runs?limit=1000", "/runs?status=succeeded", "/runs?status=failed",
    "/runs?status=queued,running,waiting", "/runs?workflow=w1", "/runs?workflow=none", "/runs?queue=none", "/runs?id=0",
    "/runs?tag=a%3D1", "/runs?text=none", "/runs?error=None", "/runs?since=24h", "/runs?until=24h", "/runs/count",
    "/runs/count?since=24h", "/runs/count?status=failed", "/runs/count?workflow=w1",
    "/runs/count?workflow=w1&since=24h",
    "/runs/count?queue=default", "/runs/count?id=0", "/runs/count?tag=a%3D1", "/runs/count?text=none",
    "/runs/histogram?buckets=96", "/runs/histogram?since=7d", "/runs/histogram?since=24h&workflow=w1",
    "{run}", "{run}/timeline", "{run}/journal", "{run}/children", "{run}/logs", "{run}/events", "{run}/result",
)  # fmt: skip
"""All that the dashboard reads; where a filter finds nothing, every run was looked at."""
TARGET_MS = 200
LONG = 60.0
STALLED = 30
"""Seconds after which a reader that takes nothing has surely been dropped."""
DAY = 86_400.0


@asynccontextmanager
async def serving(url: str, **options: Any) -> AsyncGenerator[tuple[Any, Serving]]:
    """An app that works in this process and is served by it."""
    async with opened(url, **options) as app:
        server = await serve(app, port=0)
        try:
            yield app, server
        finally:
            await server.stop()


def caller(server: Serving) -> httpx.AsyncClient:
    """A client for pages."""
    limits = httpx.Limits(max_connections=64)
    return httpx.AsyncClient(base_url=f"{server.url}/api/v1", limits=limits, timeout=120)


class Wire:
    """One connection that posts and reads answers, as cheaply as can be: callers share the server's process."""

    def __init__(self, server: Serving) -> None:
        self._port = server.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any) -> int:
        """The status of the answer."""
        if self._streams is None or self._streams[0].at_eof():  # which the server does when it was idle for long
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        stream, writer = self._streams
        data = msgspec.json.encode(body)
        writer.write(f"POST /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(data)}\r\n\r\n".encode() + data)  # fmt: skip
        head = await stream.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        await stream.readexactly(int(length))
        return int(head[9:12])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


async def starts(server: Serving, count: int, at_once: int, batch: int) -> float:
    """Runs started per second."""
    left = iter(range(0, count, batch))
    one = {"workflow": "w1", "input": 1}

    async def caller() -> None:
        wire = Wire(server)
        for _ in left:
            if batch == 1:
                assert await wire.post("/runs", one) == 201
            else:
                assert await wire.post("/runs/batch", {"runs": [one] * batch}) == 200
        wire.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


async def page(url: str, path: str, repeats: int) -> tuple[float, list[float]]:
    """How long a page takes (ms): of a server that has just begun, and of one that has read it before."""
    async with serving(url, mode="client") as (_, server), caller(server) as http:
        (newest,) = (await http.get("/runs?limit=1")).json()["runs"]
        path = path.format(run=f"/runs/{newest['id']}")
        cold = await timed(http, path)
        for _ in range(100):
            if (await http.get(path)).json().get("complete", True):
                break
            await asyncio.sleep(0.2)
        return cold, [await timed(http, path) for _ in range(repeats)]


async def timed(http: httpx.AsyncClient, path: str) -> float:
    """Milliseconds until a page is there."""
    began = time.perf_counter()
    answer = await http.get(path)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1e3


async def pages(url: str, size: int, repeats: int) -> None:
    """How long each page takes."""
    line(f"pages of {size:,} runs", f"cold, warm (target {TARGET_MS} ms)")
    slow = []
    for path in PAGES:
        cold, warm = await page(url, path, repeats)
        line(f"GET {path}", f"{cold:,.0f} ms, {spread(warm, ' ms', 1)}")
        if max(cold, statistics.median(warm)) > TARGET_MS:
            slow.append(path)
    line("  slower than the target", ", ".join(slow) or "none")


async def reader(server: Serving, ready: asyncio.Event, counted: list[int]) -> None:
    """Read a live stream and throw it away, as cheaply as can be: the reader must not be what is measured."""
    stream, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    try:
        while data := await stream.read(1 << 18):
            counted[0] += len(data)
            ready.set()
    finally:
        writer.close()


def resident() -> float:
    """Megabytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def idler(server: Serving) -> socket.socket:
    """A reader that asks for a live stream and then takes nothing."""
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects, or the system has its own idea
    lazy.connect(("127.0.0.1", server.port))
    lazy.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return lazy


async def listening(server: Serving) -> int:
    """How many live streams the server has open, by its own metrics."""
    async with httpx.AsyncClient(timeout=120) as http:
        text = (await http.get(f"{server.url}/metrics")).text
    return int(text.partition("\nstepwell_http_streams ")[2].partition("\n")[0])


async def streams(server: Serving, readers: int, rate: int, seconds: float) -> None:
    """Readers of the live stream, and some that do not read, while runs are started at a rate."""
    counted, wires = [0], list[Wire]()
    ready = [asyncio.Event() for _ in range(readers)]
    before = resident()
    tasks = [asyncio.ensure_future(reader(server, event, counted)) for event in ready]
    await asyncio.gather(*(event.wait() for event in ready))
    lazy = [idler(server) for _ in range(max(1, readers // 20))]
    idle, sizes, noted = resident(), list[float](), 0.0
    cpu, began, late, done = time.process_time(), time.perf_counter(), list[float](), 0
    refused = 0
    while (now := time.perf_counter() - began) < seconds:
        wanted = int(now * rate) - done
        if wanted > 0:
            asked = time.perf_counter()
            wires += [Wire(server) for _ in range(wanted - len(wires))]
            one = {"workflow": "w1", "input": 1}
            answers = await asyncio.gather(*(wire.post("/runs", one) for wire in wires[:wanted]))
            late.append((time.perf_counter() - asked) * 1e3)
            refused += sum(answer != 201 for answer in answers)
            done += wanted
        if now >= noted:
            sizes.append(resident())
            noted += seconds / 6
        await asyncio.sleep(0.01)
    spent = time.perf_counter() - began
    used = (time.process_time() - cpu) / spent
    peak = resident()
    left, there = sum(not task.done() for task in tasks), await listening(server)
    for _ in range(STALLED if seconds >= LONG else 0):
        if there <= left:
            break
        await asyncio.sleep(1)
        there = await listening(server)
    line(f"{readers:,} readers, starts per second (asked {rate})", f"{done / spent:,.0f}")
    line("  starts refused", f"{refused:,}")
    line("  readers still connected at the end", f"{left:,}")
    line(f"  of {len(lazy)} that do not read, still connected", f"{there - left:,} (dropped after 20 s)")
    line("  start answered within, median", f"{statistics.median(late):,.1f} ms")
    line("  sent to readers", f"{counted[0] / spent / 1e6:,.1f} MB/s")
    line("  CPU of server, worker, readers and callers together", f"{used:.2f} cores")
    line("  memory: without readers, connected, at the end", f"{before:,.0f}, {idle:,.0f}, {peak:,.0f} MB")
    line("  memory on the way", f"{', '.join(f'{size:,.0f}' for size in sizes)} MB")
    for wire in wires:
        wire.close()
    for stuck in lazy:
        stuck.close()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def main(on: Fresh, size: int = 1_000_000, count: int = 5_000, readers: int = 1_000, seconds: float = 15.0,
               repeats: int = 3) -> None:  # fmt: skip
    """Print starts per second, page times at a size, and what many readers cost."""
    heading("REST: starts, pages of a large database, live streams")
    async with on() as url, serving(url) as (_, server):
        single, batched = [], []
        for _ in range(repeats):
            single.append(await starts(server, count // 5, 32, 1))
            batched.append(await starts(server, count, 4, 250))
        line("starts one by one, 32 callers", spread(single, " runs/s"))
        line("starts in batches of 250, 4 callers", spread(batched, " runs/s"))
        line("  batches / one by one", f"{statistics.median(batched) / statistics.median(single):.1f}")
    async with on() as url, serving(url) as (_, server):
        await streams(server, readers, 200, seconds)
    async with on() as url:
        await fill(url, size, DAY)
        await pages(url, size, 10)
