"""Native asyncio, and anyio, over the kernel: hot, and replayed from every prefix of the journal."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from stepwell import first, fold, now, random, scope, sleep, uuid4
from stepwell.errors import EventTimeout
from tests.core.driver import Held, House

house = House()
event = house.event("e", Any)


@house.step
async def work(name: str, wait: float = 0.0) -> Any:
    return name


def replays_alike(held: Held) -> None:
    """From every prefix: the same open calls as were open then, and with the rest the same outcome."""
    outcome = held.kernel.outcome
    for length in range(1, len(held.entries) + 1):
        fresh = held.again(held.entries[:length])
        assert fresh.kernel.stuck is None, (length, fresh.kernel.stuck)
        assert fresh.snapshots[length - 1] == held.snapshots[length - 1], length
        for entry in held.entries[len(fresh.entries) :]:
            fresh.kernel.deliver(entry)
        assert fresh.kernel.stuck is None, length
        again = fresh.kernel.outcome
        assert (again and again.value, repr(again and again.error)) == (
            outcome and outcome.value,
            repr(outcome and outcome.error),
        ), length
        fresh.kernel.close()


@house.workflow
async def gathers() -> Any:
    return await asyncio.gather(work("a"), work("b"), asyncio.create_task(work("c")))


@house.workflow
async def groups() -> list[str]:
    async def branch(name: str) -> str:
        return str(await work(name)) + str(await work(name + "'"))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(branch(name)) for name in "abc"]
    return [task.result() for task in tasks]


@house.workflow
async def group_fails() -> str:
    said = "never"
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(work("a"))
            await work("b")
            raise ValueError("the body of the group")
    except* ValueError:
        said = "caught " + str(await work("c"))
    return said


@house.workflow
async def times_out() -> str:
    try:
        async with asyncio.timeout(10):
            await work("slow")
    except TimeoutError:
        return "late " + str(await work("after"))
    return "never"


@house.workflow
async def waits_for() -> str:
    try:
        return str(await asyncio.wait_for(work("slow"), timeout=10))
    except TimeoutError:
        return "late"


@house.workflow
async def timeouts_nest() -> list[str]:
    said = []
    try:
        async with asyncio.timeout(100):
            try:
                async with asyncio.timeout(10) as inner:
                    inner.reschedule(asyncio.get_running_loop().time() + 20)
                    await work("slow")
            except TimeoutError:
                said.append("inner")
            await work("slower")
    except TimeoutError:
        said.append("outer")
    return said


@house.workflow
async def first_completed() -> list[str]:
    tasks = {asyncio.create_task(work(name), name=name) for name in "abcd"}
    said = []
    while tasks:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        said += [task.get_name() + str(task.result()) for task in done]
    return said


@house.workflow
async def sleeps() -> list[float]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.sleep(0)
    await asyncio.gather(asyncio.sleep(30), asyncio.sleep(10), sleep("20s"), sleep(0))
    loop.call_later(-1, lambda: None)
    return [loop.time() - begun]


@house.workflow
async def producer_and_consumer() -> list[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue(1)
    gate, lock, ready = asyncio.Semaphore(2), asyncio.Lock(), asyncio.Event()

    async def produce() -> None:
        for name in "abc":
            async with gate:
                await queue.put(await work(name))
        ready.set()
        await queue.put(None)

    producer = asyncio.create_task(produce())
    found = []
    async with lock:
        while (item := await queue.get()) is not None:
            found.append(item)
    await ready.wait()
    await producer
    return found


@house.workflow
async def races() -> Any:
    won = await first(a=work("a"), b=work("b"), late=sleep("1h"))
    return [won.name, won.value, await work("after")]


@house.workflow
async def folded() -> Any:
    async def page(n: int) -> Any:
        return await asyncio.gather(work(f"{n}a"), work(f"{n}b"))

    return [await fold("page", page, n) for n in range(3)]


@house.workflow
async def draws() -> list[Any]:
    async def draw() -> list[Any]:
        drawn = [random(), str(uuid4()), now().isoformat()]
        await work("x")
        return [*drawn, random(), now().isoformat()]

    return list(await asyncio.gather(draw(), draw()))


@house.workflow
async def listens() -> list[Any]:
    found: list[Any] = []
    for n in range(3):
        try:
            found.append(await event.wait(f"k{n}", timeout=5))
        except EventTimeout:
            found.append("late")
    async with scope("by hand"):
        found.append(await event.wait())
    return found


@house.workflow
async def streams() -> list[str]:
    async def pages() -> AsyncIterator[str]:
        try:
            for name in "abcdef":
                yield await work(name)
        finally:
            await work("close")

    found = []
    async for page in pages():
        found.append(page)
        if page == "b":
            break
    found.append(await work("after"))
    return found


# --- anyio ----------------------------------------------------------------------------------------


@house.workflow
async def anyio_group() -> list[str]:
    found: list[str] = []
    gate = anyio.Event()

    async def branch(name: str) -> None:
        found.append(str(await work(name)))
        if len(found) == 2:
            gate.set()

    async with anyio.create_task_group() as group:
        for name in "ab":
            group.start_soon(branch, name)
        await gate.wait()
        await anyio.lowlevel.checkpoint()
    return found


@house.workflow
async def anyio_moves_on() -> list[Any]:
    with anyio.move_on_after(10) as limit:
        await work("slow")
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            shielded = await work("shielded")
        await work("never")
    await anyio.sleep(5)
    return [limit.cancelled_caught, shielded, outer.cancelled_caught]


@house.workflow
async def anyio_fails() -> str:
    async def fails() -> None:
        await work("a")
        raise ValueError("in a branch")

    said = "never"
    try:
        async with anyio.create_task_group() as group, anyio.create_task_group() as inner:
            inner.start_soon(fails)
            group.start_soon(anyio.sleep, 3600)
            await work("b")
    except* ValueError:
        said = "caught"
    return said


ALL = [gathers, groups, group_fails, times_out, waits_for, timeouts_nest, first_completed, sleeps, races, folded, draws,
       producer_and_consumer, streams, anyio_group, anyio_moves_on, anyio_fails]  # fmt: skip


def run(what: Any, pick: int, slow: bool) -> Held:
    """Answer the open calls in an order that `pick` decides; with `slow`, timers fire before slow steps end."""
    held = Held(what)
    for turn in range(1000):
        if held.kernel.outcome is not None or held.kernel.stuck is not None:
            return held
        ready = [c for c in held.running.values() if not (slow and str(c.args[0]).startswith("slow"))]
        if ready:
            command = ready[(pick * 7 + turn * pick) % len(ready)]
            held.done(command.call, command.args[0])
        else:
            held.fire()
    raise AssertionError("no end")


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("pick", [0, 1, 2])
@pytest.mark.parametrize("what", ALL, ids=lambda w: w.name)
def test_every_prefix_replays_alike(what: Any, pick: int, slow: bool, silence: None) -> None:
    held = run(what, pick, slow)
    assert held.kernel.outcome is not None, held.kernel.stuck
    replays_alike(held)
    held.kernel.close()


def test_what_they_return() -> None:
    assert run(gathers, 2, False).result == ["a", "b", "c"]
    assert run(groups, 1, False).result == ["aa'", "bb'", "cc'"]
    assert run(group_fails, 0, False).result == "caught c"
    assert run(times_out, 0, True).result == "late after"
    assert run(waits_for, 0, True).result == "late"
    assert run(waits_for, 0, False).result == "slow"
    assert run(timeouts_nest, 0, True).result == ["inner", "outer"]
    assert run(first_completed, 0, False).result == ["aa", "bb", "cc", "dd"]
    assert run(sleeps, 0, False).result == [30.0]
    assert run(producer_and_consumer, 0, False).result == ["a", "b", "c"]
    assert run(races, 0, False).result == ["a", "a", "after"]
    assert run(folded, 1, False).result == [["0a", "0b"], ["1a", "1b"], ["2a", "2b"]]
    assert run(anyio_group, 1, False).result in (["a", "b"], ["b", "a"])
    assert run(anyio_moves_on, 0, True).result == [True, "shielded", True]
    assert run(anyio_fails, 0, False).result == "caught"


def test_draws_differ_by_task_and_by_run_and_never_by_replay() -> None:
    first_run, other_run = run(draws, 0, False), Held(draws, key=bytes(16))
    one, two = first_run.result
    assert one[0] != two[0]
    assert one[1] != two[1]
    assert one[0] != one[3]
    assert other_run.auto().result[0][0] != one[0]
    assert first_run.again().result == first_run.result
    assert 0 <= one[0] < 1


def test_waits_take_what_comes_and_time_out() -> None:
    held = Held(listens).receive("e", 1)
    held.fire()
    held.receive("e#3", 3)
    assert held.calls == ["by hand/e"]
    held.receive("by hand/e", "direct")
    assert held.result == [1, "late", 3, "direct"]
    replays_alike(held)


def test_a_generator_left_by_break_is_closed_inside_the_run() -> None:
    held = Held(streams)
    held.done("work", "a").done("work#2", "b")
    assert sorted(c.args[0] for c in held.running.values()) == ["after", "close"]
