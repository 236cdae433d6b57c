"""Idle: what a worker with nothing to do costs."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from benchmarks.report import heading, line
from benchmarks.workloads import opened, scratch, throughput
from stepwell.adapters.clock import SystemClock
from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed
from stepwell.store.sqlite import SqliteStore


class Counting(SqliteStore):
    """An SQLite store that counts what an idle worker asks it; heartbeats are known from their period."""

    queries = 0

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        self.queries += 1
        return await super().claim(request, cached)

    async def next_due(self, workflows: Sequence[str]) -> float | None:
        self.queries += 1
        return await super().next_due(workflows)


async def main(seconds: float = 20.0) -> None:
    """Print CPU and queries per second of an idle worker."""
    heading("Idle cost")
    async with scratch() as folder:
        path = folder / "idle.db"
        store = Counting(str(path), "default", SystemClock())
        async with opened(path, store) as app:
            await throughput(app, "w1", 100)
            await asyncio.sleep(30.0 if seconds >= 20 else 5.0)  # polling becomes rarer with time
            asked, wall, cpu = store.queries, time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            took = time.perf_counter() - wall
            used = (time.process_time() - cpu) / took
        beats = 3 / app.settings.lease
        line("CPU of an idle worker (target 1 %)", f"{used * 100:.2f} %")
        line("queries per second, heartbeats included (target 1)", f"{(store.queries - asked) / took + beats:.2f}")
