"""Idle: what a worker with nothing to do costs."""

import asyncio
import time

from benchmarks.report import heading, line
from benchmarks.workloads import opened, scratch, throughput


async def main(seconds: float = 20.0) -> None:
    """Print CPU and claims per second of an idle worker."""
    heading("Idle cost")
    async with scratch() as folder, opened(folder / "idle.db") as app:
        await throughput(app, "w1", 100)
        await asyncio.sleep(5.0)
        assert app._opened is not None
        store = app._opened.store
        asked = store.queries
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - wall
        line("CPU of an idle worker (target 1 %)", f"{(time.process_time() - cpu) / took * 100:.2f} %")
        line("queries per second (target 1)", f"{(store.queries - asked) / took:.2f}")
