"""Sets that asyncio makes iterate alike in every process: whatever the hash seed, wherever the heap puts things."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import asyncio, json, sys
from typing import Any
from tests.core.driver import Held, House

ballast = [object() for _ in range(int(sys.argv[1]))]
holes = [bytearray(n % 700) for n in range(int(sys.argv[1]))][::3]
house = House()

@house.step
async def work(name: str) -> Any: ...

async def branch(name: str) -> Any:
    return await work(name)

@house.workflow
async def waits() -> Any:
    tasks = {asyncio.create_task(branch(f"t{n}"), name=f"t{n}") for n in range(40)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    order = [t.get_name() for t in done] + [t.get_name() for t in pending]
    done, pending = await asyncio.wait([asyncio.shield(t) for t in pending], timeout=1)
    order += [str(await work(f"{n}")) for n, _ in enumerate(pending)]
    async with asyncio.TaskGroup() as group:
        for n in range(10):
            group.create_task(branch(f"g{n}"))
    return order

@house.workflow
async def completes() -> Any:
    calls = [work(f"c{n}") for n in range(30)]
    tasks = [asyncio.create_task(branch(f"t{n}")) for n in range(30)]
    return [await f for f in asyncio.as_completed([*tasks, *calls])]

@house.workflow
async def names() -> Any:
    made = set()
    async def mark() -> None:
        made.add(asyncio.current_task())
        await work("x")
    await asyncio.gather(*(mark() for _ in range(20)))
    return [task.get_name() for task in made]

said = []
for body in (waits, completes, names):
    held = Held(body)
    while held.kernel.outcome is None and held.kernel.stuck is None:
        said.append(held.calls)
        if held.running:
            command = list(held.running.values())[-1]
            held.done(command.call, command.args[0])
        else:
            held.fire()
    said.append(held.result)
print(json.dumps(said))
"""


def said(seed: str, ballast: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, ballast], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.timeout(300)
def test_the_same_in_every_process() -> None:
    answers = {said(seed, ballast) for seed, ballast in product(("0", "1", "4711"), ("0", "100003"))}
    assert len(answers) == 1
