"""Idle latency: from start to result of one one-step run, against two bare commits of the same database."""

import statistics
import time

from benchmarks.databases import Fresh
from benchmarks.report import heading, line
from benchmarks.workloads import opened, workflow
from stepwell.model.change import Change, Send


async def main(fresh: Fresh, count: int = 300) -> None:
    """Print p50 and p99 of both, and what the engine adds."""
    heading("Idle latency of a one-step run")
    async with fresh() as url, opened(url) as app:
        assert app._opened is not None
        flow, store = workflow(app, "w1"), app._opened.store
        runs, commits = [], []
        for n in range(count + 20):
            began = time.perf_counter()
            run = await flow.start(n)
            await run.result()
            runs.append(time.perf_counter() - began)
            began = time.perf_counter()
            await store.commit([Change(send=Send(event="bare", key=str(n)))])
            commits.append(time.perf_counter() - began)
        runs, commits = sorted(runs[20:]), sorted(commits[20:])
    p50, bare = statistics.median(runs), statistics.median(commits)
    line("start to result, p50 / p99", f"{p50 * 1e3:.2f} / {runs[int(len(runs) * 0.99)] * 1e3:.2f} ms")
    line("one bare commit, p50 / p99", f"{bare * 1e3:.2f} / {commits[int(len(commits) * 0.99)] * 1e3:.2f} ms")
    line(
        "over two commits (target 1.5 ms)",
        f"{(p50 - 2 * bare) * 1e3:.2f} ms; {p50 / bare:.1f} commits in all",
    )
