"""What the scan of a workflow's byte code finds, and what it leaves alone."""

# What is found here is what the linter finds, too.
# ruff: noqa: DTZ003, DTZ005, DTZ006, DTZ011, ICN001, PLW0108, PLW1510, PTH118, PTH123

import asyncio
import datetime
import datetime as dt
import os
import random
import random as rnd
import secrets
import socket
import subprocess
import time
import time as clock
import uuid
from collections.abc import Callable
from datetime import date
from datetime import datetime as moment
from os import environ, urandom
from random import choice
from time import time as now_raw
from typing import Any
from urllib import request
from uuid import uuid4

import pytest

import stepwell
from stepwell import run_step
from stepwell.authoring.tripwire import scan
from tests.core.driver import House

house = House()


@house.step
async def fetch(url: str) -> str:
    return f"{url} at {time.time()}"


def found(fn: Callable[..., Any]) -> list[tuple[int, str]]:
    """(line within the function, what) of each warning."""
    first = fn.__code__.co_firstlineno
    result = []
    for warning in scan(fn):
        place, what = warning.split(": ", 1)
        file, line = place.rsplit(":", 1)
        assert file == __file__
        result.append((int(line) - first, what.partition(" in a workflow body")[0]))
    return result


async def clocks() -> None:
    time.time()
    clock.monotonic()
    now_raw()
    await asyncio.sleep(time.perf_counter())
    datetime.datetime.now()
    dt.date.today()
    moment.utcnow()
    [date.today() for _ in range(3)]


async def chances() -> None:
    random.random()
    rnd.choice([1])
    choice([1])
    uuid.uuid4()
    uuid4()
    secrets.token_hex()
    os.urandom(3)
    urandom(3)


async def outside() -> None:
    with open("x"):
        pass
    os.environ["HOME"]
    environ.get("HOME")
    os.getenv("HOME")
    subprocess.run(["true"])
    socket.create_connection(("localhost", 1))
    request.urlopen("http://localhost")
    input()


async def imports_inside() -> None:
    import time as later
    from random import randint

    later.time()
    randint(1, 2)


async def nested() -> None:
    def helper() -> float:
        return time.time()

    await asyncio.gather(*(inner(n) for n in range(3)))
    helper()


async def inner(n: int) -> float:
    return n + random.random()


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (clocks, ["time.time", "clock.monotonic", "now_raw", "time.perf_counter", "datetime.datetime.now",
                  "dt.date.today", "moment.utcnow", "date.today"]),
        (chances, ["random.random", "rnd.choice", "choice", "uuid.uuid4", "uuid4", "secrets.token_hex", "os.urandom",
                   "urandom"]),
    ],
)  # fmt: skip
def test_each_on_its_line(fn: Callable[..., Any], expected: list[str]) -> None:
    assert found(fn) == list(enumerate(expected, start=1))


def test_the_world_outside() -> None:
    names = [what for _, what in found(outside)]
    assert names == ["open", "os.environ", "environ", "os.getenv", "subprocess.run", "socket.create_connection",
                     "request.urlopen", "input"]  # fmt: skip


def test_imports_inside_the_body() -> None:
    assert [what for _, what in found(imports_inside)] == ["later.time", "randint"]


def test_nested_functions_and_helpers_of_the_module() -> None:
    assert [what for _, what in found(nested)] == ["time.time", "random.random"]


def test_what_to_do_instead() -> None:
    assert [w.rpartition("; ")[2] for w in scan(chances)][:1] == ["use stepwell.random()"]
    assert "use stepwell.now(), or stepwell.sleep()" in scan(clocks)[0]
    assert scan(outside)[0].endswith("do this in a step")


# --- no false alarms ------------------------------------------------------------------------------


class Shop:
    """Methods by the names of the forbidden."""

    time = uuid4 = 1

    def open(self) -> "Shop":
        return self

    def now(self) -> int:
        return 1

    random = choice = now


shop = Shop()


def opening(path: str) -> str:
    return path


async def harmless(time: Any, order: Shop) -> Any:
    random = Shop()
    time.time()
    random.random()
    shop.open().now()
    order.open()
    opening("x")
    stepwell.random()
    stepwell.now()
    moment.fromtimestamp(0.0)
    datetime.timedelta(seconds=time)
    uuid.UUID(int=1)
    uuid.uuid5(uuid.NAMESPACE_URL, "x")
    os.path.join("a", "b")
    try:
        await fetch("x")
    except (subprocess.CalledProcessError, TimeoutError):
        return None
    return order.now()


async def inline_steps() -> Any:
    at = await run_step("now", lambda: time.time())
    drawn = await run_step.options(retries=2)("draw", lambda: random.random() * 6)
    page = await run_step("fetch", download, "http://localhost")
    again = await run_step("now", time.time)
    return at, drawn, page, again, await run_step("sum", max, time.monotonic(), 1)


def download(url: str) -> Any:
    return request.urlopen(url)


def test_objects_of_the_users_are_left_alone() -> None:
    assert found(harmless) == []


def test_inline_steps_are_steps() -> None:
    assert [what for _, what in found(inline_steps)] == ["time.monotonic"]


def test_what_has_no_byte_code_is_left_alone() -> None:
    assert scan(max) == []


def test_a_definition_carries_its_warnings() -> None:
    definition = house.workflow(inner, name="inner").definition  # type: ignore[call-overload]
    assert [w.split(": ")[1].split(" ")[0] for w in definition.warnings] == ["random.random"]
