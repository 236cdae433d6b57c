"""`python -m benchmarks [name ...] [--on sqlite|postgres|both] [--quick|--long]`: run all, or those named."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import databases, floor, growth, idle, latency, processes, recovery, report, rest, sleeping, steps
from benchmarks.databases import Fresh

Measure = Callable[..., Coroutine[Any, Any, None]]
ALL: dict[str, Measure] = {
    "floor": floor.main,
    "processes": processes.main,
    "latency": latency.main,
    "steps": steps.main,
    "idle": idle.main,
    "growth": growth.main,
    "sleeping": sleeping.main,
    "recovery": recovery.main,
    "rest": rest.main,
}
QUICK: dict[str, Measure] = {
    "floor": lambda on: floor.main(on, 3_000, 1),
    "growth": lambda on: growth.main(on, (20_000,), 2_000, 1),
    "sleeping": lambda on: sleeping.main(on, 10_000, 1_000, 10.0),
    "recovery": lambda on: recovery.main(on, (200, 1_000)),
    "steps": lambda on: steps.main(on, 1),
    "processes": lambda on: processes.main(on, 2_000, 1),
    "latency": lambda on: latency.main(on, 50),
    "idle": lambda on: idle.main(on, 5.0),
    "rest": lambda on: rest.main(on, 10_000, 1_000, 100, 3.0, 1),
}
LONG: dict[str, Measure] = {"rest": lambda on: rest.main(on, seconds=60.0)}


@contextmanager
def chosen(on: str) -> Iterator[dict[str, Fresh]]:
    """The kinds of databases to measure, by name."""
    if on == "sqlite":
        yield {"SQLite": databases.sqlite}
        return
    from tests.postgres import benchmark_server

    with benchmark_server() as server:
        report.server(server.url)
        both = {"SQLite": databases.sqlite} if on == "both" else {}
        yield both | {"PostgreSQL": databases.postgres_on(server.url)}


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of: {', '.join(ALL)}")
    parser.add_argument("--on", choices=("sqlite", "postgres", "both"), default="both", help="which databases")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    parser.add_argument("--long", action="store_true", help="live streams for a whole minute, as the target says")
    given = parser.parse_args()
    unknown = set(given.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    report.machine()
    with chosen(given.on) as kinds:
        for name in given.names or ALL:
            for kind, fresh in kinds.items():
                report.store = kind
                asyncio.run((QUICK if given.quick else ALL | LONG if given.long else ALL)[name](fresh))


if __name__ == "__main__":
    main()
