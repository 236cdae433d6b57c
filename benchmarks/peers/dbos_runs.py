"""Runs of DBOS, in an environment of its own: `python dbos_runs.py URL COUNT STEPS direct|queue`; prints JSON.

"direct" starts workflows from 16 threads and has them executed at once; "queue" enqueues them for up to 100 at a time,
polled every 10 ms instead of each second. Every result is compared.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dbos import DBOS  # type: ignore[import-not-found, unused-ignore]


def main(url: str, count: int, steps: int, mode: str) -> None:
    """Measure, and print the rate and the CPU of this process."""
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "sys_db_pool_size": 20,
                 "run_admin_server": False})  # fmt: skip

    @DBOS.step()  # type: ignore[untyped-decorator, unused-ignore]
    def one(x: int) -> int:
        return x + 1

    @DBOS.workflow()  # type: ignore[untyped-decorator, unused-ignore]
    def flow(x: int) -> int:
        for _ in range(steps):
            x = one(x)
        return x

    DBOS.launch()
    queue = DBOS.register_queue("bench", worker_concurrency=100, polling_interval_sec=0.01)

    def start(n: int) -> Any:
        return queue.enqueue(flow, n) if mode == "queue" else DBOS.start_workflow(flow, n)

    for handle in [start(n) for n in range(20)]:
        handle.get_result()
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(16) as pool:
        handles = list(pool.map(start, range(count)))
    for n, handle in enumerate(handles):
        assert handle.get_result() == n + steps
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"rate": count / took, "cpu": used / count}), flush=True)
    os._exit(0)  # its threads need not end in order


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
