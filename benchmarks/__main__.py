"""`python -m benchmarks [name ...] [--quick]`: run all, or those named."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks import floor, growth, idle, latency, processes, recovery, report, sleeping, steps

ALL: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "floor": floor.main,
    "processes": processes.main,
    "latency": latency.main,
    "steps": steps.main,
    "idle": idle.main,
    "growth": growth.main,
    "sleeping": sleeping.main,
    "recovery": recovery.main,
}
QUICK: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "floor": lambda: floor.main(3_000, 1),
    "growth": lambda: growth.main((20_000,), 2_000, 1),
    "sleeping": lambda: sleeping.main(10_000, 1_000, 10.0),
    "recovery": lambda: recovery.main((200, 1_000)),
    "steps": lambda: steps.main(1),
    "processes": lambda: processes.main(2_000, 1),
    "latency": lambda: latency.main(50),
    "idle": lambda: idle.main(5.0),
}


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of: {', '.join(ALL)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    given = parser.parse_args()
    unknown = set(given.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    report.machine()
    for name in given.names or ALL:
        asyncio.run((QUICK if given.quick else ALL)[name]())


if __name__ == "__main__":
    main()
