"""Idle: what a worker with nothing to do costs."""

import asyncio
import time
from typing import Any

from benchmarks.databases import Fresh, store_on
from benchmarks.report import heading, line
from benchmarks.workloads import opened, throughput
from stepwell.ports.store import Store

ASKED = ("claim", "next_due", "workers", "lonely", "list", "rows", "retire", "records", "count")


class Counting:
    """A store that counts what an idle worker and all beside it ask it; heartbeats are known from their period."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queries = 0

    def __getattr__(self, name: str) -> Any:
        if name in ASKED:
            self.queries += 1
        return getattr(self.store, name)


async def main(fresh: Fresh, seconds: float = 20.0) -> None:
    """Print CPU and queries per second of an idle worker."""
    heading("Idle cost")
    async with fresh() as url:
        store = Counting(store_on(url))
        async with opened(url, store) as app:
            await throughput(app, "w1", 100)
            await asyncio.sleep(30.0 if seconds >= 20 else 5.0)  # polling becomes rarer with time
            asked, wall, cpu = store.queries, time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            took = time.perf_counter() - wall
            used = (time.process_time() - cpu) / took
        beats = 3 / app.settings.lease
        line("CPU of an idle worker (target 1 %)", f"{used * 100:.2f} %")
        line("queries per second, heartbeats included (target 1)", f"{(store.queries - asked) / took + beats:.2f}")
