"""What type checkers make of workflow code: right uses pass with exact types, wrong ones are errors."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A line that ends with "# wrong" has to be an error, every other line must not be.
PROGRAM = """
import asyncio
from dataclasses import dataclass
from typing import assert_type

from stepwell import App, RemoteClient, Run, first, fold, run_step, sleep
from stepwell.authoring.call import Call
from stepwell.authoring.combine import Won
from stepwell.authoring.step import StepCall

app = App()


@dataclass
class Order:
    id: str
    amount: int


paid = app.event("paid", Order)
bare = app.event("bare")


@app.step
async def charge(order: Order, *, retries: int = 0) -> str:
    return order.id


@app.step(retries=5, timeout="30s")
def count(text: str) -> int:
    return len(text)


@app.step
async def refund(charge_id: str, reason: str = "") -> None: ...


@app.step
async def refund_amount(amount: int) -> None: ...


@app.step
def refund_anything(what: object) -> None: ...


@app.step
def tidy() -> None: ...


def plain(charge_id: str) -> None: ...


@app.workflow
async def place(order: Order) -> int:
    assert_type(charge(order), StepCall[str])
    assert_type(await charge(order), str)
    assert_type(count("x"), StepCall[int])
    assert_type(await count("x"), int)
    assert_type(count("x").result(), int)
    assert_type(count("x").start(), Call[int])
    await charge(order, retries=1)
    await charge("order")  # wrong
    await charge()  # wrong
    await charge(order, 1)  # wrong
    await charge(order, id="x")  # wrong
    await count(1)  # wrong

    assert_type(await charge(order).on_rollback(refund), str)
    await charge(order).on_rollback(refund_anything)
    await charge(order).on_rollback(tidy, when="attempted")
    await charge(order).on_rollback(refund_amount, order.amount)
    await charge(order).on_rollback(refund_amount)  # wrong
    await charge(order).on_rollback(plain)  # wrong
    await charge(order).on_rollback(refund, when="sometimes")  # wrong
    await count("x").on_rollback(refund)  # wrong

    assert_type(await charge.options(retries=2, timeout="5s")(order), str)
    await charge.options(retries=2)("order")  # wrong

    assert_type(await paid.wait("key"), Order)
    assert_type(await paid.wait("key", timeout="5m"), Order)
    await paid.wait(5)  # wrong
    await paid.wait("key", timeout=Order("x", 1))  # wrong

    one, other = await asyncio.gather(charge(order), count("x"))
    assert_type(one, str)
    assert_type(other, int)
    task = asyncio.create_task(charge(order))
    assert_type(await task, str)
    async with asyncio.TaskGroup() as group:
        grouped = group.create_task(count("x"))
    assert_type(grouped.result(), int)

    assert_type(await sleep("1h"), None)
    await sleep(order)  # wrong
    assert_type(await first(a=charge(order), b=sleep(5)), Won)
    assert_type(await run_step("title", plain, "x"), None)
    assert_type(await run_step("title", len, "x"), int)
    await run_step("title", plain, 1)  # wrong
    assert_type(await fold("part", helper, 1), bytes)
    await fold("part", helper, "x")  # wrong

    assert_type(await place(order), int)
    assert_type(await sync_place(3), list[str])
    await place("order")  # wrong
    return other


async def helper(n: int) -> bytes:
    return bytes(n)


@app.workflow(name="other", retries=3)
def sync_place(n: int) -> list[str]:
    return [charge(Order("x", n)).result()]


async def main() -> None:
    order = Order("x", 1)
    run = await place.options(id="x").start(order)
    assert_type(run, Run[int])
    assert_type(await run.result(timeout=60), int)
    assert_type(await (await sync_place.start(3)).result(), list[str])
    await place.start("order")  # wrong
    await place.start(order, id="x")  # wrong
    await sync_place.start("3")  # wrong
    assert_type(await place.get("x"), Run[int])
    assert_type(await charge.start(order), Run[str])
    await paid.send(order, key="x")
    await paid.send("order", key="x")  # wrong
    await paid.send(order)  # wrong
    await bare.send(key="x")
    place.fn("order")
    for client in (app, RemoteClient("https://wells.example")):
        assert_type(await client.start(place.options(id="x"), order), Run[int])
        assert_type(await client.start_many(place, [(order,)]), list[Run[int]])
        await client.start("place", {"id": "x"}, id="x")
        await client.start(place, "order")  # wrong
        await client.start(place)  # wrong
        await client.start(5)  # wrong
    with app.sync as face:
        assert_type(face.start(place, order).result(), int)
        face.start(place, "order")  # wrong
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("typed") / "program.py"
    path.write_text(PROGRAM)
    return path


def wrong_lines() -> set[int]:
    return {n for n, line in enumerate(PROGRAM.splitlines(), start=1) if line.endswith("# wrong")}


def compare(found: dict[int, str], checker: str) -> None:
    unexpected = {n: message for n, message in found.items() if n not in wrong_lines()}
    assert not unexpected, f"{checker} rejects what is right"
    missed = {n: PROGRAM.splitlines()[n - 1].strip() for n in wrong_lines() - set(found)}
    assert not missed, f"{checker} accepts what is wrong"


def environment() -> dict[str, str]:
    return {**os.environ, "MYPYPATH": str(ROOT / "src"), "PYTHONPATH": str(ROOT / "src")}


@pytest.mark.timeout(600)
def test_mypy(program: Path) -> None:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--show-absolute-path",
               "--config-file=", f"--cache-dir={program.parent / 'cache'}", str(program)]  # fmt: skip
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    found: dict[int, str] = {}
    for line in said.stdout.splitlines():
        match = re.match(r"(.*):(\d+): error: (.*)", line)
        if match and Path(match[1]) == program:
            found[int(match[2])] = match[3]
    assert said.returncode in (0, 1), said.stderr
    compare(found, "mypy")


@pytest.mark.timeout(600)
def test_basedpyright(program: Path) -> None:
    pytest.importorskip("basedpyright")
    settings = {"include": [str(program)], "typeCheckingMode": "standard", "extraPaths": [str(ROOT / "src")]}
    config = program.with_name("pyrightconfig.json")
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(config)]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    diagnostics = json.loads(said.stdout)["generalDiagnostics"]
    found = {d["range"]["start"]["line"] + 1: d["message"] for d in diagnostics if d["severity"] == "error"}
    compare(found, "basedpyright")
