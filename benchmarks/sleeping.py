"""Waiting: many sleeping runs; what they cost in memory, and how late they wake."""

import asyncio
import resource
import time
from pathlib import Path

from benchmarks.databases import Fresh
from benchmarks.report import heading, line
from benchmarks.workloads import opened, workflow


def _resident_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(row.split()[1]) for row in status.read_text().splitlines() if row.startswith("VmRSS")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


async def main(fresh: Fresh, asleep: int = 100_000, due: int = 5_000, window: float = 30.0) -> None:
    """Print the worker's growth with `asleep` runs, and the lateness of `due` wake-ups within `window` seconds."""
    heading("Waiting")
    async with fresh() as url, opened(url, lease="60s") as app:
        assert app._opened is not None
        flow, worker = workflow(app, "sleeper"), app._opened.engine.workers[0]
        await flow.start_many([(3600.0 * 24,) for _ in range(1_000)])
        await _suspended(worker, 1_000)
        before = _resident_mb()
        began = time.perf_counter()
        for _ in range(asleep // 10_000):
            await flow.start_many([(3600.0 * 24,) for _ in range(10_000)])
        await _suspended(worker, asleep + 1_000)
        took = time.perf_counter() - began
        line(f"{asleep:,} runs started and asleep", f"{asleep / took:,.0f} runs/s")
        line(
            "  memory of the worker",
            f"{before:.0f} -> {_resident_mb():.0f} MB; {len(worker.suspended):,} kernels kept",
        )
        lead = 10.0
        handles = await flow.start_many([(lead + window * n / due,) for n in range(due)])
        await asyncio.gather(*(handle.result() for handle in handles))
        late = []
        for handle in handles:
            timer = next(e for e in await handle.journal() if e["k"] == "timer")
            row = await app._engine().row(handle.key)
            planned = (await handle.journal())[0]
            late.append(timer["at"] - planned["at"] - planned["input"]["v"]["seconds"])
            assert row.status == "succeeded"
        late.sort()
        p50, p99 = late[len(late) // 2] * 1e3, late[int(len(late) * 0.99)] * 1e3
        line(f"{due:,} wake-ups in {window:.0f} s, late at p50 / p99", f"{p50:.0f} / {p99:.0f} ms (target 1,000)")
        if late[0] < 0:
            line("  EARLY", f"{late[0] * 1e3:.1f} ms: this breaks P8")


async def _suspended(worker: object, count: int) -> None:
    while worker.finished_count < count:  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)
