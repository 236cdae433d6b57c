"""A fan-out: many files, a child run for each, ten of them at a time; one that fails loses none of the others.

Run it:

    python examples/etl/app.py          # 25 files
    python examples/etl/app.py 200
"""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from stepwell import App, RunFailed, progress

app = App(concurrency=20)

WINDOW = 10


@dataclass
class Loaded:
    file: str
    rows: int


@dataclass
class Report:
    files: int
    rows: int
    failed: list[str]


@app.step
async def list_files(count: int) -> list[str]:
    return [f"part-{n:04}.csv" for n in range(count)]


@app.step(retries=3, delay="100ms")
async def extract(file: str) -> list[str]:
    await asyncio.sleep(0.01)  # as if read from somewhere
    number = int(file[5:9])
    return [f"{number},{row}" for row in range(number % 7)]


@app.step
def transform(lines: list[str]) -> list[list[int]]:
    return [[int(cell) for cell in line.split(",")] for line in lines]


@app.step
async def load(file: str, rows: list[list[int]]) -> int:
    if file == "part-0013.csv":
        raise ValueError(f"{file} is damaged")
    return len(rows)


@app.workflow
async def load_file(file: str) -> Loaded:
    return Loaded(file, await load(file, await transform(await extract(file))))


def windows(items: list[str], size: int) -> Iterator[list[str]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]


@app.workflow
async def load_all(count: int) -> Report:
    files = await list_files(count)
    loaded: list[Loaded] = []
    failed: list[str] = []
    for window in windows(files, WINDOW):
        # A workflow called inside a run is a child: it has a journal of its own, and any worker may take it.
        outcomes = await asyncio.gather(*(load_file(file) for file in window), return_exceptions=True)
        for file, outcome in zip(window, outcomes, strict=True):
            if isinstance(outcome, Loaded):
                loaded.append(outcome)
            elif isinstance(outcome, RunFailed):
                failed.append(f"{file}: {outcome.__cause__}")
            else:
                raise outcome  # cancelled, for instance
        progress((len(loaded) + len(failed)) / count, f"{len(loaded)} files")
    return Report(len(loaded), sum(one.rows for one in loaded), failed)


async def main(count: int = 25) -> None:
    async with app:
        run = await load_all.options(id=f"load-{count}").start(count)
        print(await run.result(timeout="1 minute"))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:2])))
