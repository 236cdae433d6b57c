"""Recovery: a worker with many runs in flight is killed; how long until another has finished them."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.databases import Fresh
from benchmarks.report import heading, line
from benchmarks.workloads import finished, make_app, workflow
from stepwell import App

_CHILD = """
import asyncio, sys
from pathlib import Path
from benchmarks.recovery import hold
asyncio.run(hold(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
"""


def slow_app(url: str, gate: Path) -> App:
    """The measured app, and a workflow that stops in its second step until the gate file exists."""
    app = make_app(url, concurrency=100_000, lease="3s")

    @app.step
    async def quick(x: int) -> int:
        return x

    @app.step
    async def gated(x: int) -> int:
        if not gate.exists():
            await asyncio.sleep(3600)
        return x

    @app.workflow
    async def held(x: int) -> int:
        return await gated(await quick(x))

    return app


async def hold(url: str, gate: Path, count: int) -> None:
    """In the process that is killed: have `count` runs in flight, then say so."""
    app = slow_app(url, gate)
    async with app:
        await workflow(app, "held").start_many([(n,) for n in range(count)])
        assert app._opened is not None
        worker = app._opened.engine.workers[0]
        while worker.executor.busy < count:
            await asyncio.sleep(0.05)
        print("held", flush=True)
        await asyncio.sleep(3600)


async def main(fresh: Fresh, counts: tuple[int, ...] = (1_000, 10_000)) -> None:
    """Print the time from the kill to the last result, less the lease."""
    heading("Recovery after a kill")
    costs = []
    for count in counts:
        async with fresh() as url:
            gate = Path(tempfile.mkdtemp(prefix="stepwell-bench-")) / "gate"
            child = subprocess.Popen([sys.executable, "-c", _CHILD, url, gate, str(count)], stdout=subprocess.PIPE)
            assert child.stdout is not None
            await asyncio.to_thread(child.stdout.readline)
            gate.touch()
            os.kill(child.pid, signal.SIGKILL)
            killed = time.perf_counter()
            child.wait()
            child.stdout.close()
            app = slow_app(url, gate)
            async with app:
                await finished(app, count)
            took = time.perf_counter() - killed
            shutil.rmtree(gate.parent)
        costs.append((took - 3.0) / count)
        line(f"{count:,} runs in flight, killed", f"{took:.1f} s to the last result, 3 s of them the lease")
    line("per run, most / fewest (linear: 1)", f"{costs[-1] / costs[0]:.2f}")
