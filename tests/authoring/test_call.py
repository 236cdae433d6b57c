"""A call: lazy everywhere, begun once, the same result each time it is asked."""

import asyncio
import threading
import warnings
from typing import Any

import pytest

from stepwell import sleep
from stepwell.errors import Nondeterminism, WrongContext
from tests.core.driver import Held, House

pytestmark = pytest.mark.anyio
house = House()
bodies: list[Any] = []


@house.step
async def work(n: int = 0) -> Any:
    bodies.append(n)
    await asyncio.sleep(0)
    return n


@house.step
def sync_work(n: int = 0) -> Any:
    bodies.append(n)
    return n


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean() -> None:
    bodies.clear()


# --- in a run -------------------------------------------------------------------------------------


def test_a_call_begins_when_it_is_awaited_and_is_known_from_when_it_is_made() -> None:
    states: list[str] = []

    @House().workflow
    async def body() -> Any:
        first, second = work(1), work(2)
        states.extend([repr(first), repr(second)])
        found = [await second, await first, await second]
        states.append(repr(first))
        return found

    held = Held(body)
    assert held.calls == ["work#2"]
    held.done("work#2", 2)
    assert held.calls == ["work"]
    assert held.done("work", 1).result == [2, 1, 2]
    assert states == ["<Call work new>", "<Call work#2 new>", "<Call work begun>"]
    assert bodies == []


def test_start_begins_without_waiting() -> None:
    @House().workflow
    async def body() -> Any:
        call = work(1).start()
        assert call.start() is call
        await work(2)
        at_once = await asyncio.gather(call, asyncio.create_task(call), call)
        return [*at_once, *[await asyncio.create_task(call) for _ in range(3)]]

    held = Held(body)
    assert held.calls == ["work", "work#2"]
    assert held.done("work", 1).done("work#2", 2).result == [1] * 6


def test_an_error_is_raised_each_time() -> None:
    @House().workflow
    async def body() -> Any:
        call, seen = work(1), []
        for _ in range(2):
            try:
                await call
            except ValueError as error:
                seen.append(str(error))
        return seen

    assert Held(body).failed("work", ValueError("no")).result == ["no", "no"]


def test_calls_in_sets_and_dicts_are_themselves() -> None:
    @House().workflow
    async def body() -> Any:
        one, other = sleep(1), sleep(1)
        assert one != other
        assert {one: 1}[one] == 1
        assert len({hash(one), hash(other)}) == 2
        await one
        return await other

    Held(body).fire()


def test_wait_over_bare_calls_is_refused_by_asyncio_itself() -> None:
    @House().workflow
    async def body() -> str:
        calls = [work(1).start(), work(2).start()]
        try:
            await asyncio.wait(calls)  # type: ignore[type-var]
        except TypeError as error:
            return str(error)
        return "never"

    assert "coroutines is forbidden" in Held(body).result


def test_begun_in_a_foreign_thread_it_is_an_error_though_swallowed() -> None:
    @House().workflow
    async def body() -> Any:
        call, seen = work(1), []

        def elsewhere() -> None:
            try:
                call.result()
            except WrongContext as error:
                seen.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return seen

    held = Held(body)
    assert isinstance(held.kernel.stuck, Nondeterminism)
    assert "begun in a foreign thread or event loop" in str(held.kernel.stuck)
    assert held.kernel.stuck.file == __file__
    assert bodies == []


def test_closed_before_it_began_it_never_begins() -> None:
    @House().workflow
    async def body() -> Any:
        work(1).close()
        call = work(2)
        with pytest.raises(KeyError):
            call.throw(KeyError("x"))
        return await work(3)

    held = Held(body)
    assert held.calls == ["work#3"]
    assert held.kernel.forgotten == []


# --- outside of any run ---------------------------------------------------------------------------


async def test_awaited_outside_a_step_simply_runs() -> None:
    call = work(1)
    assert bodies == []
    assert [await call, await call, await sync_work(2)] == [1, 1, 2]
    assert bodies == [1, 2]


async def test_asked_for_twice_at_once_it_runs_once() -> None:
    call = work(1)

    async def ask() -> Any:
        return await call

    assert list(await asyncio.gather(ask(), ask())) == [1, 1]
    assert bodies == [1]


def test_result_outside_runs_it_too() -> None:
    call = work(1)
    assert [call.result(), call.result(), sync_work(2).result()] == [1, 1, 2]
    assert bodies == [1, 2]


def test_result_raises_what_the_function_raises_each_time() -> None:
    strict = House()

    @strict.step
    async def fails() -> None:
        raise KeyError("no")

    call = fails()
    for _ in range(2):
        with pytest.raises(KeyError, match="no"):
            call.result()


async def test_what_would_block_or_makes_no_sense_is_refused() -> None:
    call = work(1)
    with pytest.raises(WrongContext, match="would block a running event loop"):
        call.result()
    with pytest.raises(WrongContext, match="was started outside of any run"):
        call.start()
    assert await call == 1


async def test_cancelling_the_waiter_cancels_the_function() -> None:
    entered = asyncio.Event()
    ended: list[str] = []

    @House().step
    async def waits() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def ask() -> None:
        await waits()

    task = asyncio.ensure_future(ask())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


def test_never_awaited_it_warns_with_its_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work(1)
    assert [str(w.message) for w in caught] == ["call 'work' was never awaited"]
    assert caught[0].category is RuntimeWarning
    assert caught[0].filename == __file__
    first = test_never_awaited_it_warns_with_its_line.__code__.co_firstlineno
    assert caught[0].lineno == first + 3
    assert bodies == []
