"""The workflows under torture: every kind of wait, each step writing to the external log."""

import asyncio
import os
import signal
from typing import Any

from stepwell import App, EventTimeout, NonRetryableError, sleep, step_info
from stepwell.client.isolated import Isolation
from tests.torture.log import WORKER, Log

LEASES = "STEPWELL_TORTURE_LEASE"
"""Where the environment has another lease, in seconds."""
LEASE = float(os.environ.get(LEASES, "5"))
"""Seconds: short, so that recovery is quick, and longer than a process stands still by itself."""
LOG = "STEPWELL_TORTURE_LOG"
SHORTEST_TIMER = 0.2


class Tortured(App):
    """The app, with the event that is sent to it."""

    paid: Any


def make_app(url: str, log_path: str, **options: Any) -> Tortured:
    """The app."""
    app = Tortured(url, lease=LEASE, poll_interval=0.2, **options)
    log = Log(log_path)
    paid = app.event("paid", int)
    app.paid = paid

    async def body(x: int, seconds: float) -> int:
        info = step_info()
        log.write("begin", run=info.run_id, call=info.call, attempt=info.attempt)
        await asyncio.sleep(seconds)
        log.write("end", run=info.run_id, call=info.call, attempt=info.attempt)
        return x + 1

    @app.step
    async def quick(x: int) -> int:
        return await body(x, 0)

    @app.step
    async def slow(x: int) -> int:
        return await body(x, 0.03)

    @app.step(retries=3, delay=0.05)
    async def shaky(x: int) -> int:
        info = step_info()
        log.write("begin", run=info.run_id, call=info.call, attempt=info.attempt)
        if info.attempt < 3:
            raise ValueError(f"attempt {info.attempt}")
        return x + 1

    @app.step
    async def undo(x: int) -> None:
        await body(x, 0)

    @app.step
    async def never(x: int) -> int:
        raise NonRetryableError("as planned")

    @app.workflow
    async def chain(x: int) -> int:
        for _ in range(3):
            x = await slow(await quick(x))
        return await shaky(x)

    @app.workflow
    async def order(key: str, x: int) -> int:
        x = await quick(x)
        got = await paid.wait(key)
        await sleep(SHORTEST_TIMER)
        return await slow(x + got)

    @app.workflow
    async def family(x: int) -> int:
        parts = await asyncio.gather(chain(x), chain(x + 1), slow(x))
        try:
            await paid.wait(f"nobody-{x}", timeout=0.3)
        except EventTimeout:
            x = await quick(x)
        return sum(parts) + x

    @app.workflow
    async def saga(x: int) -> int:
        y = await quick(x).on_rollback(undo)
        z = await slow(y).on_rollback(undo)
        return await never(z)

    return app


EXPECTED = {
    "chain": lambda x: x + 7,
    "order": lambda x: x + 1 + 100 + 1,
    "family": lambda x: (x + 7) + (x + 8) + (x + 1) + (x + 1),
    "saga": lambda x: None,
}


async def work(url: str, log_path: str) -> None:
    """A worker process: works until it is killed, or told to drain."""
    app = make_app(url, log_path)
    os.environ[LOG] = log_path
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with app.worker(concurrency=8, isolate=False):
        isolation = Isolation(app, "tests.torture.alone:app", every=0.5)
        isolation.start()
        Log(log_path).write(WORKER)
        await stop.wait()
        await isolation.stop()
