"""How figures are printed: one line each, with the spread of its repetitions."""

import asyncio
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence

import apsw

store = ""
"""The database that is measured at present: shown in every heading."""


def spread(values: Sequence[float], unit: str = "", digits: int = 0) -> str:
    """Median, and the range in brackets."""
    middle = statistics.median(values)
    return f"{middle:,.{digits}f}{unit} [{min(values):,.{digits}f} to {max(values):,.{digits}f}]"


def line(name: str, what: str) -> None:
    """Print one figure."""
    print(f"{name:<52} {what}", flush=True)


def heading(text: str) -> None:
    """Print a section's title."""
    text = f"{store}: {text}" if store else text
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def machine() -> None:
    """Print what was measured on, and how noisy it is: the same CPU loop, ten times."""
    times = []
    for _ in range(10):
        began = time.perf_counter()
        sum(i * i for i in range(300_000))
        times.append((time.perf_counter() - began) * 1e3)
    versions = f"CPython {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"
    print(f"{versions}, {os.cpu_count()} cores, {sys.platform}")
    noise = (max(times) / min(times) - 1) * 100
    print(f"noise: the same CPU loop took {spread(times, ' ms', 1)}, {noise:.0f} % apart")


def server(url: str) -> None:
    """Print which PostgreSQL is measured."""
    import asyncpg

    async def ask() -> str:
        connection = await asyncpg.connect(url)
        try:
            settings = [
                f"{name}={await connection.fetchval(f'SHOW {name}')}" for name in ("fsync", "synchronous_commit")
            ]
            return f"PostgreSQL {await connection.fetchval('SHOW server_version')}, {', '.join(settings)}"
        finally:
            await connection.close()

    print(asyncio.run(ask()))
