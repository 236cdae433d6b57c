"""Runs of Absurd, in an environment of its own: `python absurd_runs.py URL COUNT STEPS CONCURRENCY`; prints JSON.

The asynchronous worker, which its documentation offers for many tasks at a time. Every result is compared.
"""

import asyncio
import json
import sys
import time
from typing import Any

from absurd_sdk import AsyncAbsurd  # type: ignore[import-not-found, unused-ignore]


async def main(url: str, count: int, steps: int, concurrency: int) -> None:
    """Measure, and print the rate and the CPU of this process."""
    producer, worker = AsyncAbsurd(url), AsyncAbsurd(url)
    await producer.create_queue("default")
    done = asyncio.Event()
    results: dict[int, int] = {}

    @worker.register_task("flow")  # type: ignore[untyped-decorator, unused-ignore]
    async def flow(params: Any, ctx: Any) -> Any:
        n = x = params["x"]

        async def one() -> int:
            return x + 1

        for step in range(steps):
            x = await ctx.step(f"one{step}", one)
        results[n] = x
        if len(results) == count:
            done.set()
        return x

    wall, cpu = time.perf_counter(), time.process_time()
    working = asyncio.create_task(worker.start_worker(concurrency=concurrency, poll_interval=0.01))
    for n in range(count):
        await producer.spawn("flow", {"x": n}, queue="default")
    await done.wait()
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    assert results == {n: n + steps for n in range(count)}
    working.cancel()
    print(json.dumps({"rate": count / took, "cpu": used / count}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
