"""Recovery: a worker with many runs in flight is killed; how long until another has finished them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import heading, line
from benchmarks.workloads import finished, make_app, scratch, workflow
from stepwell import App

_CHILD = """
import asyncio, sys
from pathlib import Path
from benchmarks.recovery import hold
asyncio.run(hold(Path(sys.argv[1]), int(sys.argv[2])))
"""


def slow_app(url: str) -> App:
    """The measured app, and a workflow that stops in its second step until the gate file exists."""
    app = make_app(url, concurrency=100_000, lease="3s")
    gate = Path(url.removeprefix("sqlite:///") + ".gate")

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


async def hold(path: Path, count: int) -> None:
    """In the process that is killed: have `count` runs in flight, then say so."""
    app = slow_app(f"sqlite:///{path}")
    async with app:
        await workflow(app, "held").start_many([(n,) for n in range(count)])
        assert app._opened is not None
        worker = app._opened.engine.workers[0]
        while worker.executor.busy < count:
            await asyncio.sleep(0.05)
        print("held", flush=True)
        await asyncio.sleep(3600)


async def main(counts: tuple[int, ...] = (1_000, 10_000)) -> None:
    """Print the time from the kill to the last result, less the lease."""
    heading("Recovery after a kill")
    costs = []
    for count in counts:
        async with scratch() as folder:
            path = folder / "recovery.db"
            child = subprocess.Popen([sys.executable, "-c", _CHILD, str(path), str(count)], stdout=subprocess.PIPE)
            assert child.stdout is not None
            await asyncio.to_thread(child.stdout.readline)
            Path(f"{path}.gate").touch()
            os.kill(child.pid, signal.SIGKILL)
            killed = time.perf_counter()
            child.wait()
            child.stdout.close()
            app = slow_app(f"sqlite:///{path}")
            async with app:
                await finished(app, count)
            took = time.perf_counter() - killed
        costs.append((took - 3.0) / count)
        line(f"{count:,} runs in flight, killed", f"{took:.1f} s to the last result, 3 s of them the lease")
    line("per run, most / fewest (linear: 1)", f"{costs[-1] / costs[0]:.2f}")
