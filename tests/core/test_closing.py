"""Eviction: whatever a body does against it, no command, no outcome, no word, and an end."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from stepwell import fold, sleep
from stepwell.core import closing
from stepwell.core.closing import BUDGET
from stepwell.core.kernel import Kernel
from stepwell.core.outcome import Evicted
from tests.core.driver import Held, House

house = House()
seen: list[str] = []
bodies: list[str] = []


@house.step
async def work(name: str) -> str:
    bodies.append(name)
    return name


@house.step
def sync_work(name: str) -> str:
    bodies.append(name)
    return name


@pytest.fixture(autouse=True)
def _clean() -> None:
    seen.clear()
    bodies.clear()


def evicted(held: Held) -> Kernel:
    """Close the kernel; nothing of the body's may come out of it."""
    kernel = held.kernel
    kernel.close()
    assert kernel.take() == []
    assert kernel.outcome is None
    assert kernel.stuck is None
    assert not kernel.calls
    assert not kernel.loop.tasks
    assert not kernel.loop.ready
    assert bodies == []
    return kernel


# --- bodies that unwind ---------------------------------------------------------------------------


@asynccontextmanager
async def held_lock() -> AsyncIterator[None]:
    try:
        yield
    finally:
        seen.append("unlocking")
        await work("unlock")
        seen.append("unlocked")


async def pages() -> AsyncIterator[int]:
    try:
        for n in range(100):
            yield n
            await work(f"page {n}")
    finally:
        seen.append("closing pages")
        await work("close pages")
        seen.append("closed pages")


@house.workflow
async def nested() -> str:
    async with asyncio.timeout(60), held_lock(), asyncio.TaskGroup() as group:
        group.create_task(work("a"))
        group.create_task(sleep("1h"))

        async def branch() -> None:
            try:
                await asyncio.gather(work("b"), work("c"))
            except Exception:
                seen.append("an Exception saw the eviction")
            finally:
                await work("d")

        group.create_task(branch())
        async for _ in pages():
            pass
    return "done"


def test_nested_structures_unwind(silence: None) -> None:
    held = Held(nested)
    assert len(held.calls) == 6
    evicted(held)
    assert sorted(seen) == ["closing pages", "unlocking"]


@house.workflow
async def returns_in_finally() -> str:
    try:
        await work("a")
    finally:
        return "swallowed"  # noqa: B012


@house.workflow
async def gathers_exceptions() -> str:
    found = await asyncio.gather(work("a"), work("b"), return_exceptions=True)
    seen.append(f"gathered {len(found)}")
    await work("after")
    return "swallowed"


@house.workflow
async def goes_on() -> str:
    with suppress(BaseException):
        await work("a")
    with suppress(BaseException):
        await asyncio.sleep(60)
    return "swallowed"


@house.workflow
async def shields() -> str:
    return await asyncio.shield(asyncio.create_task(work("a")))


@house.workflow
async def folds() -> str:
    async def part() -> str:
        try:
            return await work("a")
        finally:
            await work("b")

    return await fold("part", part)


@house.workflow
async def waits_for_a_bare_future() -> None:
    work("open").start()
    await asyncio.Future()


@pytest.mark.parametrize(
    "body", [returns_in_finally, gathers_exceptions, goes_on, shields, folds, waits_for_a_bare_future]
)
def test_no_outcome_and_no_command(body: Any, silence: None) -> None:
    evicted(Held(body))


def test_closing_twice_and_delivering_late_do_nothing(silence: None) -> None:
    other = Held(nested).done("work", "x")
    late = other.entries[-1]
    other.kernel.close()
    kernel = evicted(Held(nested))
    kernel.close()
    kernel.deliver(late)
    assert kernel.take() == []
    assert kernel.outcome is None


# --- bodies that refuse ---------------------------------------------------------------------------


@house.workflow
async def swallows_in_a_loop() -> None:
    while True:
        try:
            await work("again")
        except BaseException:
            seen.append("again")


@house.workflow
async def swallows_around_timers() -> None:
    while True:
        try:
            await asyncio.sleep(5)
        except BaseException:
            seen.append("again")


@house.workflow
async def spins_when_evicted() -> None:
    try:
        await work("a")
    finally:
        while True:
            with suppress(BaseException):
                await asyncio.sleep(0)


@house.workflow
async def spawns_when_evicted() -> None:
    try:
        await work("a")
    finally:
        while True:
            seen.append("spawned")
            await asyncio.create_task(asyncio.sleep(0))


@house.workflow
def def_body_that_refuses() -> None:
    while True:
        try:
            work("again").result()
        except BaseException:
            seen.append("again")


STUBBORN = [swallows_in_a_loop, swallows_around_timers, spins_when_evicted, spawns_when_evicted, def_body_that_refuses]


@pytest.mark.parametrize("body", STUBBORN)
def test_a_body_that_refuses_is_given_up(body: Any, silence: None, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    keep_for_ever = closing._keep_for_ever

    def keep(task: Any) -> None:
        kept.append(task)
        keep_for_ever(task)

    monkeypatch.setattr(closing, "_keep_for_ever", keep)
    monkeypatch.setattr(closing, "BUDGET", 200)
    evicted(Held(body))
    assert len(seen) < 20_000
    assert kept


def test_budgets_are_bounded() -> None:
    assert BUDGET * closing.ROUNDS <= 1_000_000


SCRIPT = """
import asyncio, gc
from tests.core.driver import Held, House
house = House()

@house.step
def sync_work() -> None:
    print("a step ran outside of its run")

@house.workflow
async def stubborn() -> None:
    while True:
        try:
            await sync_work()
        except BaseException:
            pass

@house.workflow
async def tidy() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await sync_work()

async def main() -> None:
    held = Held(stubborn)
    held.kernel.close()
    Held(tidy)  # dropped unclosed, by mistake
    gc.collect()

asyncio.run(main())
kept = Held(tidy)  # still there when the process ends
"""


def test_not_even_the_end_of_the_process_runs_a_step_outside_of_its_run() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


# --- what is left ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [returns_in_finally, folds, shields, goes_on, waits_for_a_bare_future])
def test_a_closed_kernel_is_freed_without_the_collector(body: Any, silence: None) -> None:
    held = Held(body)
    kernel = weakref.ref(held.kernel)
    loop = weakref.ref(held.kernel.loop)
    gc.collect()
    gc.disable()
    try:
        held.kernel.close()
        del held
        assert kernel() is None
        assert loop() is None
    finally:
        gc.enable()


def test_orphans_that_refuse_do_not_hold_up_the_end(silence: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "BUDGET", 200)

    async def stubborn() -> None:
        while True:
            try:
                await work("again")
            except asyncio.CancelledError:
                seen.append("again")

    @House().workflow
    async def body() -> str:
        task = asyncio.create_task(stubborn())
        await work("a")
        return task.get_name()

    held = Held(body).done("work", "a")
    assert held.result == "@1/"
    assert held.kernel.take() == []
    assert not held.running
    assert len(seen) < 1_000


def test_evicted_is_no_exception_that_users_catch() -> None:
    assert not issubclass(Evicted, Exception)
