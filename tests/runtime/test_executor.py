"""The executor: slots, threads, time limits, and what becomes of attempts that nobody waits for."""

import asyncio
import threading
from typing import Any

from stepwell.errors import QueueTimeout, StepTimeout
from stepwell.ports.definitions import step_scope
from stepwell.testing.clock import START
from tests.runtime.bench import Bench


def test_no_more_bodies_at_once_than_slots_threads_included() -> None:
    async def main() -> None:
        bench = Bench(3)
        lock, now, most, full = threading.Lock(), 0, 0, threading.Event()

        def enter(by: int) -> None:
            nonlocal now, most
            with lock:
                now += by
                most = max(most, now)
                if now == 3:
                    full.set()

        async def waits(n: int) -> int:
            enter(1)
            while not full.is_set():  # the first do not leave before every slot is taken
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)
            enter(-1)
            return n

        def blocks(n: int) -> int:
            enter(1)
            full.wait(60)
            threading.Event().wait(0.001)
            enter(-1)
            return n

        made = [bench.submit(waits if n % 2 else blocks, n) for n in range(30)]
        assert bench.executor.queued == 27
        await bench.until(lambda: len(bench.done) == 30)
        assert most == 3
        assert [attempt.value for attempt in made] == list(range(30))
        assert (bench.executor.busy, bench.executor.queued) == (0, 0)
        bench.executor.close()

    asyncio.run(main())


def test_the_others_wait_in_the_order_they_came() -> None:
    async def main() -> None:
        bench, began = Bench(1), []

        async def body(n: int) -> None:
            began.append(n)
            await asyncio.sleep(0)

        for n in range(6):
            bench.submit(body, n)
        await bench.idle()
        assert began == list(range(6))

    asyncio.run(main())


def test_bodies_that_end_at_once_do_not_pile_up_on_the_stack() -> None:
    async def main() -> None:
        bench, go = Bench(1), asyncio.Event()

        async def at_once(n: int) -> int:
            return n

        bench.submit(go.wait)
        for n in range(3000):
            bench.submit(at_once, n)
        go.set()
        await bench.until(lambda: len(bench.done) == 3001)
        assert all(attempt.error is None for attempt in bench.done)

    asyncio.run(main())


def test_an_error_is_the_outcome_and_frees_the_slot() -> None:
    async def fails() -> None:
        raise LookupError("async")

    def stops() -> None:
        raise StopIteration

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    def wrong(missing: int) -> None: ...

    async def wrong_too(missing: int) -> None: ...

    async def main() -> None:
        bench = Bench(1)
        made = [bench.submit(fn) for fn in (fails, stops, cancels_itself, wrong, wrong_too)]
        await bench.idle()
        kinds = [type(attempt.error) for attempt in made]
        assert kinds == [LookupError, RuntimeError, asyncio.CancelledError, TypeError, TypeError]
        assert bench.done == made

    asyncio.run(main())


def test_an_attempt_timeout_cancels_a_coroutine_and_is_told_once() -> None:
    async def main() -> None:
        bench, ended = Bench(1), []

        async def stuck() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

        attempt = bench.submit(stuck, timeout=30.0)
        await asyncio.sleep(0)
        bench.move(29.9)
        assert bench.done == []
        bench.move(0.1)
        await bench.idle()
        assert bench.done == [attempt]
        assert isinstance(attempt.error, StepTimeout)
        assert "30" in str(attempt.error)
        assert ended == ["cancelled"]

    asyncio.run(main())


def test_the_timeout_counts_from_the_beginning_of_the_body() -> None:
    async def main() -> None:
        bench, first, second = Bench(1), asyncio.Event(), asyncio.Event()
        bench.submit(first.wait)
        attempt = bench.submit(second.wait, timeout=10.0)
        bench.move(60)
        first.set()
        await bench.until(lambda: len(bench.done) == 1)
        assert (attempt.queued_at, attempt.began) == (START, START + 60)
        bench.move(9)
        second.set()
        await bench.idle()
        assert attempt.error is None
        assert bench.clock.next_alarm() is None

    asyncio.run(main())


def test_a_thread_that_timed_out_keeps_its_slot_until_it_ends() -> None:
    async def main() -> None:
        bench, go = Bench(1), threading.Event()
        slow = bench.submit(go.wait, 60, timeout=1.0)
        following = bench.submit(lambda: "next")
        assert bench.executor.in_threads
        bench.move(1.0)
        assert bench.done == [slow]
        assert isinstance(slow.error, StepTimeout)
        await asyncio.sleep(0.005)
        assert (bench.executor.busy, bench.executor.queued) == (1, 1)
        go.set()
        await bench.idle()
        assert bench.done == [slow, following]
        assert (slow.value, following.value) == (None, "next")
        assert not bench.executor.in_threads

    asyncio.run(main())


def test_a_queue_timeout_ends_the_wait_for_a_slot_and_the_body_never_runs() -> None:
    async def main() -> None:
        bench, go, ran = Bench(1), asyncio.Event(), []

        async def body() -> None:
            ran.append("body")

        bench.submit(go.wait)
        impatient = bench.submit(body, patience=5.0)
        bench.move(5)
        assert bench.done == [impatient]
        assert isinstance(impatient.error, QueueTimeout)
        go.set()
        await bench.idle()
        assert len(bench.done) == 2
        assert ran == []

    asyncio.run(main())


def test_the_queue_timeout_is_off_once_a_slot_was_free() -> None:
    async def main() -> None:
        bench, first, second = Bench(1), asyncio.Event(), asyncio.Event()
        bench.submit(first.wait)
        patient = bench.submit(second.wait, patience=5.0)
        first.set()
        await bench.until(lambda: len(bench.done) == 1)
        bench.move(60)
        second.set()
        await bench.idle()
        assert patient.error is None

    asyncio.run(main())


def test_withdrawing_one_that_waits_or_runs_is_never_told() -> None:
    async def main() -> None:
        bench, ended, go = Bench(2), [], threading.Event()

        async def stuck() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

        running = bench.submit(stuck, timeout=1.0)
        thread = bench.submit(go.wait, 60)
        waiting = bench.submit(stuck, patience=1.0)
        last = bench.submit(lambda: "last")
        await asyncio.sleep(0)
        assert bench.executor.withdraw(waiting)
        assert not bench.executor.withdraw(running)
        assert not bench.executor.withdraw(thread)
        bench.move(2)
        await bench.until(lambda: bool(bench.done))
        assert bench.executor.busy == 1  # the thread, which cannot be stopped
        go.set()
        await bench.idle()
        assert bench.done == [last]
        assert ended == ["cancelled"]

    asyncio.run(main())


def test_only_one_that_has_not_begun_can_be_taken_back() -> None:
    async def main() -> None:
        bench, go, ran = Bench(1), asyncio.Event(), []

        async def body() -> None:
            ran.append("body")

        running, waiting = bench.submit(go.wait), bench.submit(body, patience=5.0)
        assert not bench.executor.take_back(running)
        assert bench.executor.take_back(waiting)
        bench.move(10)
        go.set()
        await bench.idle()
        assert bench.done == [running]
        assert ran == []

    asyncio.run(main())


def test_bodies_get_their_resources_and_their_scope() -> None:
    async def main() -> None:
        bench = Bench(2, db=lambda: "the db")

        async def in_loop(n: int, db: str) -> Any:
            return n, db, step_scope.get()

        def in_thread(n: int, db: str) -> Any:
            return n, db, step_scope.get()

        made = [bench.submit(fn, 1, inject={"db": "db"}, scope="mine") for fn in (in_loop, in_thread)]
        await bench.idle()
        assert [attempt.value for attempt in made] == [(1, "the db", "mine")] * 2
        assert step_scope.get() is None
        await bench.executor.resources.close()

    asyncio.run(main())


def test_draining_waits_for_the_grace_and_then_cancels() -> None:
    async def main() -> None:
        bench, loop, passed = Bench(2), asyncio.get_running_loop(), 0.0
        time = loop.time
        loop.time = lambda: time() + passed  # type: ignore[method-assign] # the grace is over when the test says so

        async def short() -> str:
            await asyncio.sleep(0.002)
            return "in time"

        quick = bench.submit(short)
        bench.submit(asyncio.Event().wait)
        draining = asyncio.create_task(bench.executor.drain(600.0))
        await bench.until(lambda: bool(bench.done))
        await asyncio.sleep(0.01)
        assert not draining.done()
        assert bench.executor.busy == 1
        passed = 600.0
        await draining
        await bench.idle()
        assert bench.done == [quick]
        assert quick.value == "in time"

    asyncio.run(main())


def test_what_ends_with_the_grace_has_ended() -> None:
    async def main() -> None:
        bench, loop = Bench(1), asyncio.get_running_loop()
        go = loop.create_future()

        async def body() -> str:
            await go
            return "in time"

        attempt = bench.submit(body)
        await asyncio.sleep(0)
        draining = asyncio.create_task(bench.executor.drain(0.0))
        loop.call_soon(loop.call_soon, go.set_result, None)  # so that the body ends as the wait for it does
        await draining
        await bench.idle()
        assert bench.done == [attempt]
        assert attempt.value == "in time"

    asyncio.run(main())
