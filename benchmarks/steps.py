"""Steps: the cost per step of short and long runs, and of a wide fan-out."""

import time

from benchmarks.databases import Fresh
from benchmarks.report import heading, line, spread
from benchmarks.workloads import opened, workflow
from stepwell import App


async def _cost(app: App, name: str, size: int, runs: int) -> float:
    flow = workflow(app, name)
    began = time.perf_counter()
    handles = await flow.start_many([(size,) for _ in range(runs)])
    for handle in handles:
        await handle.result()
    return (time.perf_counter() - began) / (size * runs)


async def main(fresh: Fresh, repeats: int = 3) -> None:
    """Print the cost per step, and the ratio of long to short."""
    heading("Steps")
    short, long, wide = [], [], []
    async with fresh() as url, opened(url) as app:
        await _cost(app, "steps", 10, 20)
        for _ in range(repeats):
            short.append(await _cost(app, "steps", 10, 200) * 1e6)
            long.append(await _cost(app, "steps", 1_000, 8) * 1e6)
            wide.append(1 / await _cost(app, "gathered", 100, 40))
    line("per step, 200 runs of 10", spread(short, " us"))
    line("per step, 8 runs of 1,000", spread(long, " us"))
    ratios = [b / a for a, b in zip(short, long, strict=True)]
    line("long / short (target 1.2; fewer runs share a commit)", spread(ratios, "", 2))
    line("100 gathered steps, 40 runs", spread(wide, " steps/s"))
