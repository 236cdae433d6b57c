"""Threads that wait for a step inside a step, and execute its body meanwhile."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from stepwell.runtime.threads import Lent, call_body

who: ContextVar[str] = ContextVar("who", default="nobody")


def stops() -> None:
    raise StopIteration(3)


def serve(outcome: Callable[[Lent], Coroutine[Any, Any, Any]]) -> Any:
    """Lend one thread, let it serve an outcome, and return what that thread got."""

    async def main() -> Any:
        lent = Lent(asyncio.get_running_loop())
        return await asyncio.wait_for(asyncio.to_thread(lambda: lent.serve(outcome(lent))), 60)

    return asyncio.run(main())


def test_a_body_gets_its_arguments_and_its_errors_pass() -> None:
    assert call_body(lambda a, *, b: (a, b), (1,), {"b": 2}) == (1, 2)
    with pytest.raises(ZeroDivisionError):
        call_body(lambda: 1 // 0, (), {})


def test_stop_iteration_becomes_an_error_that_a_future_can_hold() -> None:
    with pytest.raises(RuntimeError, match="the step raised StopIteration") as raised:
        call_body(stops, (), {})
    assert isinstance(raised.value.__cause__, StopIteration)


def test_the_lent_thread_executes_the_bodies_one_after_the_other() -> None:
    idents: list[int] = []

    def body(n: int) -> int:
        idents.append(threading.get_ident())
        return n * 10

    async def outcome(lent: Lent) -> tuple[int, list[int]]:
        return threading.get_ident(), [await lent.run(body, (1,), {}), await lent.run(body, (), {"n": 2})]

    loop_thread, values = serve(outcome)
    assert values == [10, 20]
    assert len(set(idents)) == 1
    assert idents[0] != loop_thread


def test_what_a_body_raises_arrives_where_it_was_asked_for() -> None:
    async def outcome(lent: Lent) -> list[str]:
        caught: list[str] = []
        for body in (lambda: 1 // 0, stops):
            try:
                await lent.run(body, (), {})
            except Exception as error:
                caught.append(type(error).__name__)
        return caught

    assert serve(outcome) == ["ZeroDivisionError", "RuntimeError"]


def test_the_error_of_the_outcome_arrives_in_the_thread() -> None:
    async def outcome(lent: Lent) -> None:
        raise LookupError("of the outcome")

    with pytest.raises(LookupError, match="of the outcome"):
        serve(outcome)


def test_a_body_sees_a_copy_of_the_context_it_was_called_in() -> None:
    def body() -> str:
        seen = who.get()
        who.set("the body")
        return seen

    async def outcome(lent: Lent) -> tuple[str, str]:
        who.set("the caller")
        return await lent.run(body, (), {}), who.get()

    assert serve(outcome) == ("the caller", "the caller")


def test_an_outcome_that_is_cancelled_frees_the_thread() -> None:
    async def outcome(lent: Lent) -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.Event().wait()

    async def main() -> None:
        lent = Lent(asyncio.get_running_loop())
        caught: list[BaseException] = []

        def thread() -> None:
            try:
                lent.serve(outcome(lent))
            except asyncio.CancelledError as error:
                caught.append(error)

        await asyncio.wait_for(asyncio.to_thread(thread), 60)
        assert [str(error) for error in caught] == ["the attempt is over"]

    asyncio.run(main())


def test_a_value_nobody_waits_for_any_more_is_dropped() -> None:
    go = threading.Event()

    async def outcome(lent: Lent) -> str:
        waits = asyncio.ensure_future(lent.run(go.wait, (60,), {}))
        await asyncio.sleep(0.002)
        waits.cancel()
        await asyncio.wait([waits])
        go.set()
        return await lent.run(lambda: "the next", (), {})

    assert serve(outcome) == "the next"
