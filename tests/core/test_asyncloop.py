"""The private loop: the names of asyncio it rests on, the loop around it, and what it refuses."""

import asyncio
import concurrent.futures
import contextvars
import sys
import threading
from asyncio import events
from collections.abc import Callable, Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from stepwell.core import asyncloop
from stepwell.core.asyncloop import KernelFuture, KernelLoop, KernelTask, running_loop
from stepwell.errors import Nondeterminism
from tests.core.driver import Held, House

LOOPS = [asyncio.new_event_loop, *([import_module("uvloop").new_event_loop] if find_spec("uvloop") else [])]

house = House()


@house.step
async def work(n: int = 0) -> Any:
    return n


# --- private names of asyncio, per Python version -------------------------------------------------


def test_set_running_loop_is_seen_by_asyncio() -> None:
    marker: Any = object()
    events._set_running_loop(marker)
    try:
        assert asyncio.get_running_loop() is marker
        assert running_loop() is marker
    finally:
        events._set_running_loop(None)
    assert running_loop() is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has the name from 3.12 on")
def test_swap_current_task_takes_a_task_off_and_puts_it_back() -> None:
    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert asyncio.tasks._swap_current_task(loop, None) is task  # type: ignore[attr-defined]
        assert asyncio.current_task() is None
        asyncio.tasks._swap_current_task(loop, task)  # type: ignore[attr-defined]
        assert asyncio.current_task() is task

    asyncio.run(main())


def test_a_task_names_what_it_waits_for_and_its_steps_name_the_task() -> None:
    held = Held(one_step)
    (root,) = held.kernel.loop.tasks
    waiter = asyncloop.waits_for(root)
    assert isinstance(waiter, KernelFuture)
    assert waiter.call == "work"
    waiter.set_result(1)
    (handle,) = held.kernel.loop.ready
    assert getattr(handle.callback, "__self__", None) is root
    held.kernel.close()


def test_the_code_objects_that_are_looked_for_exist() -> None:
    assert asyncloop._ENSURE
    assert asyncloop._WAIT.co_name == "_wait"
    assert asyncloop._WRAP.co_name == "wrap_future"


def test_every_method_of_an_event_loop_is_there_or_refused() -> None:
    missing = [
        name
        for name in dir(asyncio.AbstractEventLoop)
        if not name.startswith("_") and getattr(KernelLoop, name) is getattr(asyncio.AbstractEventLoop, name)
    ]
    assert missing == []


# --- inside another loop --------------------------------------------------------------------------


@house.workflow
async def one_step() -> Any:
    return await work(1)


@house.workflow
async def looks_around() -> list[bool]:
    loop = asyncio.get_running_loop()
    await work()
    return [
        isinstance(loop, KernelLoop),
        isinstance(asyncio.current_task(), KernelTask),
        loop.is_running(),
        asyncio.all_tasks() == {asyncio.current_task()},
    ]


def drive_from_callback(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Run `what` as a worker drives kernels: from a callback of its loop, with no task around it."""
    done = loop.create_future()

    def callback() -> None:
        try:
            done.set_result(what())
        except BaseException as error:
            done.set_exception(error)

    loop.call_soon(callback)
    loop.run_until_complete(done)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_the_loop_around_is_untouched(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = new_loop()

    def scenario() -> None:
        hooks = sys.get_asyncgen_hooks()
        held = Held(looks_around).done("work")
        assert held.result == [True] * 4
        assert asyncio.get_running_loop() is loop
        assert sys.get_asyncgen_hooks() == hooks
        assert asyncio.current_task() is None

    drive_from_callback(loop, scenario)
    loop.close()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="3.14 forbids a task inside a task of another loop")
@pytest.mark.parametrize("new_loop", LOOPS)
def test_an_outer_task_is_still_current_afterwards(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = new_loop()

    async def main() -> None:
        task = asyncio.current_task()
        held = Held(looks_around)
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        assert held.done("work").result == [True] * 4
        assert asyncio.current_task() is task

    loop.run_until_complete(main())
    loop.close()


def test_kernels_do_not_see_each_other() -> None:
    inner: list[Held] = []

    @House().workflow
    async def outer() -> bool:
        loop = asyncio.get_running_loop()
        inner.append(Held(one_step).done("work", 7))  # a test may; a worker never does
        await work()
        return asyncio.get_running_loop() is loop

    held = Held(outer).done("work")
    assert held.result is True
    assert inner[0].result == 7


# --- context --------------------------------------------------------------------------------------

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


@house.workflow
async def contexts() -> list[str]:
    seen = [request_id.get()]
    request_id.set("body")

    async def branch() -> None:
        seen.append(request_id.get())
        request_id.set("branch")
        await work()

    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: seen.append(f"callback {request_id.get()}"))
    loop.call_soon(request_id.set, "callback")
    await asyncio.create_task(branch())
    seen.append(request_id.get())
    return seen


def test_the_body_has_a_context_of_its_own() -> None:
    token = request_id.set("the worker's")
    try:
        held = Held(contexts).done("@1/work")
        assert held.result == ["none", "callback body", "body", "body"]
        assert request_id.get() == "the worker's"
    finally:
        request_id.reset(token)


# --- misuse ---------------------------------------------------------------------------------------

lines: list[int] = []


def here() -> None:
    lines.append(sys._getframe(1).f_lineno + 1)  # the next line is to blame


async def to_thread() -> None:
    here()
    await asyncio.to_thread(print)


async def in_executor() -> None:
    here()
    await asyncio.get_running_loop().run_in_executor(None, print)


async def open_connection() -> None:
    here()
    await asyncio.open_connection("localhost", 80)


async def subprocess() -> None:
    here()
    await asyncio.create_subprocess_exec("true")


async def threadsafe() -> None:
    here()
    asyncio.get_running_loop().call_soon_threadsafe(print)


async def wrap_future() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(1)
    here()
    await asyncio.wrap_future(future)


async def foreign_future() -> None:
    loop = asyncio.SelectorEventLoop()
    try:
        future = loop.create_future()
        here()
        await future
    finally:
        loop.close()


async def signals() -> None:
    here()
    asyncio.get_running_loop().add_signal_handler(10, print)


async def wait_of_gathers() -> None:
    pair = [asyncio.gather(work()), asyncio.gather(work())]
    here()
    await asyncio.wait(pair)


MISUSES = [to_thread, in_executor, open_connection, subprocess, threadsafe, wrap_future, foreign_future, signals,
           wait_of_gathers]  # fmt: skip
SAID: dict[Any, str] = {open_connection: "a connection was opened", subprocess: "a subprocess was started"}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_counts_though_it_is_swallowed(misuse: Callable[[], Coroutine[Any, Any, None]]) -> None:
    @House().workflow
    async def body() -> None:
        try:
            await misuse()
        except Exception:
            await work()

    lines.clear()
    held = Held(body)
    stuck = held.kernel.stuck
    assert isinstance(stuck, Nondeterminism)
    assert (stuck.file, stuck.line) == (__file__, lines[0]), str(stuck)
    assert f"{SAID.get(misuse, '')} in a workflow body" in str(stuck)
    assert held.kernel.outcome is None
    held.kernel.close()


def test_a_callback_from_a_foreign_thread_is_misuse_and_harms_nobody() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @House().workflow
    async def body() -> None:
        loops.append(asyncio.get_running_loop())
        await work()

    held = Held(body)
    thread = threading.Thread(target=lambda: loops[0].call_soon_threadsafe(print, "x"))
    thread.start()
    thread.join()
    stuck = held.kernel.stuck
    assert isinstance(stuck, Nondeterminism)
    assert stuck.file == __file__
    held.kernel.close()
    loops[0].call_soon_threadsafe(print, "too late to matter")


def test_printing_a_task_is_no_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    @House().workflow
    async def body() -> str:
        task = asyncio.create_task(work(3))
        task.add_done_callback(print)
        asyncio.get_running_loop().call_soon(print, task)
        await task
        await asyncio.sleep(0)
        return repr(asyncio.current_task())

    held = Held(body).done("work", 3)
    assert "KernelTask" in held.result
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_as_completed_is_refused_over_bare_coroutines_and_fine_over_tasks_and_calls() -> None:
    async def branch(n: int) -> Any:
        return await work(n)

    @House().workflow
    async def over(what: str) -> Any:
        given: list[Any]
        if what == "coroutines":
            given = [branch(n) for n in range(4)]
        elif what == "tasks":
            given = [asyncio.create_task(branch(n)) for n in range(4)]
        else:
            given = [work(n) for n in range(4)]
        return [await one for one in asyncio.as_completed(given)]

    refused = Held(over, "coroutines")
    with pytest.raises(Nondeterminism, match=r"as_completed\(\) over bare coroutines .* give it tasks"):
        raise refused.kernel.stuck or AssertionError
    refused.kernel.close()
    for what in ("tasks", "calls"):
        held = Held(over, what)
        order = [held.calls[n] for n in (2, 0, 3, 1)]
        expected = [held.running[call].args[0] for call in order]
        for call in order:
            held.done(call, held.running[call].args[0])
        assert held.result == expected
        assert held.again().result == expected


# --- what a body can raise ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, RecursionError])
@pytest.mark.parametrize("where", ["root", "task"])
def test_no_exception_of_a_body_gets_out(kind: type[BaseException], where: str) -> None:
    async def fails() -> None:
        await work()
        raise kind

    @House().workflow
    async def body() -> None:
        await (fails() if where == "root" else asyncio.create_task(fails()))

    held = Held(body)
    held.done(held.calls[0])
    with pytest.raises(kind):
        _ = held.result


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_bare_callback_that_raises_is_logged_as_asyncio_does(kind: type[BaseException]) -> None:
    def fails() -> None:
        raise kind("in a callback")

    @House().workflow
    async def body() -> str:
        await work()
        asyncio.get_running_loop().call_soon(fails)
        await asyncio.sleep(1)
        return "done"

    held = Held(body).done("work").fire()
    assert held.result == "done"
    assert [(level, "in a callback" in line) for level, line in held.kernel.lines] == [(40, True)]
    assert held.again().kernel.lines == []  # silent in replay


def test_an_exception_that_nobody_retrieved_is_a_line_in_the_log() -> None:
    async def fails() -> None:
        raise ValueError("nobody looks")

    @House().workflow
    async def body() -> None:
        await work()
        asyncio.create_task(fails())  # noqa: RUF006
        await work()

    held = Held(body).done("work").done("work#2")
    assert held.result is None
    assert [line for _, line in held.kernel.lines if "nobody looks" in line]
