"""Processes: how fast one, two and three worker processes empty one queue."""

import asyncio
import subprocess
import sys
import time

from benchmarks.databases import Fresh
from benchmarks.report import heading, line, spread
from benchmarks.workloads import make_app, workflow
from stepwell import App

_WORKER = """
import asyncio, sys
from benchmarks.workloads import make_app

async def main():
    async with make_app(sys.argv[1], concurrency=100).worker():
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def _succeeded(app: App) -> int:
    return (await app.runs.count(status="succeeded")).get("succeeded", 0)


async def drain(url: str, processes: int, count: int) -> float:
    """Runs per second of emptying a queue of one-step runs, from the first hundred done to the last."""
    async with make_app(url, mode="client") as app:
        await workflow(app, "w1").start_many([(n,) for n in range(count)])
        workers = [subprocess.Popen([sys.executable, "-c", _WORKER, url]) for _ in range(processes)]
        try:
            while (first := await _succeeded(app)) < 100:
                await asyncio.sleep(0.01)
            began = time.perf_counter()
            while await _succeeded(app) < count:
                await asyncio.sleep(0.05)
            return (count - first) / (time.perf_counter() - began)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


async def main(fresh: Fresh, count: int = 20_000, repeats: int = 3) -> None:
    """Print the rate per number of processes."""
    heading("Worker processes on one database, emptying a queue of one-step runs")
    for processes in (1, 2, 3):
        rates = []
        for _ in range(repeats):
            async with fresh() as url:
                rates.append(await drain(url, processes, count))
        line(f"{processes} worker process{'es' if processes > 1 else ''}", spread(rates, " runs/s"))
