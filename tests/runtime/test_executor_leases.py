"""No body begins on a lease that is over, however late that turns out."""

import asyncio
import sys
from typing import Any

import pytest

from stepwell.runtime.executor import LeaseLost
from tests.runtime.bench import Bench


def test_what_waits_for_a_slot_does_not_begin_when_its_lease_is_over() -> None:
    async def main() -> None:
        bench = Bench(1)
        holds, ran, gate = [True], [], asyncio.Event()
        bench.executor._may_begin = lambda: holds[0]

        async def first() -> str:
            await gate.wait()
            return "first"

        async def other(name: str) -> None:
            ran.append(name)

        bench.submit(first)
        waiting = [bench.submit(other, name, patience=60.0) for name in ("a", "b")]
        await asyncio.sleep(0)  # before Python 3.12, the first begins with the next turn of the loop
        holds[0] = False
        gate.set()
        await bench.until(lambda: len(bench.done) == 3)
        assert ran == []
        assert bench.done[0].value == "first"
        assert all(isinstance(attempt.error, LeaseLost) and attempt.over for attempt in waiting)
        bench.move(61.0)
        assert len(bench.done) == 3, "each is done once"
        holds[0] = True
        bench.submit(other, "c")
        await bench.until(lambda: len(bench.done) == 4)
        assert ran == ["c"]
        await bench.idle()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "thread", "injected", "injected thread"])
def test_a_body_does_not_begin_when_the_lease_was_lost_on_the_way_to_it(kind: str) -> None:
    """As when the process is stopped, or a resource takes long to make, after the step was begun."""

    async def main() -> None:
        making, ran, holds = asyncio.Event(), [], [True]

        async def made() -> str:
            await making.wait()
            return "made"

        bench = Bench(1, made=made)
        asked = iter([True])
        bench.executor._may_begin = lambda: holds[0] and next(asked, False)  # it holds when first asked, not later

        async def waits(**kwargs: Any) -> None:
            ran.append(kwargs)

        def blocks(**kwargs: Any) -> None:
            ran.append(kwargs)

        inject = {"it": "made"} if "injected" in kind else None
        attempt = bench.submit(blocks if "thread" in kind else waits, inject=inject)
        making.set()
        await bench.until(lambda: len(bench.done) == 1)
        if kind != "async" or sys.version_info < (3, 12):  # from 3.12 on the body begins as the lease is looked at
            assert ran == []
            assert isinstance(attempt.error, LeaseLost)
        holds[0] = False
        refused = bench.submit(waits)
        assert not refused.over, "told of by the loop, never from within"
        await bench.until(lambda: len(bench.done) == 2)
        assert isinstance(refused.error, LeaseLost)
        await bench.idle()

    asyncio.run(main())


def test_what_is_refused_for_its_lease_may_be_withdrawn_before_it_hears() -> None:
    async def main() -> None:
        bench = Bench(1)
        bench.executor._may_begin = lambda: False
        attempt = bench.submit(asyncio.sleep, 0)
        assert bench.executor.withdraw(attempt), "it had not begun"
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bench.done == []
        await bench.idle()

    asyncio.run(main())
