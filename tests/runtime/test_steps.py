"""The step calls of a run: attempts, retries, intents, outcomes."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from stepwell import (
    NOT_DONE,
    App,
    NonRetryableError,
    OutcomeUnknown,
    QueueTimeout,
    RunFailed,
    RunStatus,
    StepError,
    StepTimeout,
    check,
    step_info,
)
from stepwell.errors import NotSerializable, PayloadTooLarge
from stepwell.testing.clock import START
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


class Flaky:
    """A body that raises what it is given, one error per attempt, then returns; remembers when it was called."""

    def __init__(self, env: Environment, *errors: Exception) -> None:
        self.env = env
        self.errors = list(errors)
        self.at: list[float] = []
        self.keys: list[str] = []
        self.seen: list[tuple[int, list[str]]] = []

    async def __call__(self) -> str:
        info = step_info()
        self.at.append(self.env.now() - START)
        self.keys.append(info.idempotency_key)
        self.seen.append((info.attempt, [failure.type for failure in info.errors]))
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def outcome_of(app: App, step: Any, env: Environment, body: Any) -> Any:
    """What comes of one call of `step` in a workflow, with another body."""

    @app.workflow
    async def flow() -> Any:
        return await step()

    with env.mock(step, body):
        run = await flow.start()
        try:
            return await run.result()
        except RunFailed as failed:
            return failed.__cause__


async def test_attempts_are_numbered_and_know_what_went_wrong_before() -> None:
    app = App("memory://")

    @app.step(retries=3, delay="10s", backoff="linear", jitter=0)
    async def work() -> str: ...

    async with Environment(app) as env:
        body = Flaky(env, OSError("one"), ValueError("two"))
        assert await outcome_of(app, work, env, body) == "done"
    assert body.at == [0, 10, 30]
    assert body.seen == [(1, []), (2, ["OSError"]), (3, ["OSError", "ValueError"])]
    assert len(set(body.keys)) == 1  # one key over all attempts


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (NonRetryableError("never"), 1),
        (StepError("no", retryable=False), 1),
        (StepError("yes"), 3),
        (KeyError("yes"), 3),
        (asyncio.CancelledError(), 3),  # the body cancelled itself: a failure like others
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
async def test_what_is_retried(error: Any, attempts: int) -> None:
    app = App("memory://")

    @app.step(retries=2, delay=1)
    async def work() -> str: ...

    async with Environment(app) as env:
        body = Flaky(env, *[error] * 5)
        cause = await outcome_of(app, work, env, body)
    assert isinstance(cause, type(error) if not isinstance(error, asyncio.CancelledError) else StepError)
    assert len(body.at) == attempts


@pytest.mark.parametrize(
    ("retry_on", "attempts"),
    [(OSError, 3), ((OSError, ValueError), 3), (KeyError, 1), (lambda error: "again" in str(error), 3),
     (lambda error: "other" in str(error), 1), (lambda error: error.nonsense, 3)],
)  # fmt: skip
async def test_retry_on_narrows_it_down(retry_on: Any, attempts: int) -> None:
    app = App("memory://")

    @app.step(retries=2, delay=1, retry_on=retry_on)
    async def work() -> str: ...

    async with Environment(app) as env:
        body = Flaky(env, *[ConnectionError("try again")] * 5)
        assert isinstance(await outcome_of(app, work, env, body), ConnectionError)
    assert len(body.at) == attempts


class Busy(Exception):
    """As HTTP clients raise it."""

    def __init__(self, retry_after: Any) -> None:
        super().__init__("429")
        self.retry_after = retry_after


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [
        (7, 7), ("7", 7), ("2m", 120), (timedelta(seconds=9), 9), (0, 0), (-5, 0),
        (datetime.fromtimestamp(START + 40, UTC), 40),
        (format_datetime(datetime.fromtimestamp(START + 90, UTC), usegmt=True), 90),
        ("Tue, 14 Nov 2023 22:10:00 GMT", 0),  # has passed
        ("soon", 1), (None, 1),  # nothing that can be read: the formula
        ("99 days", 86_400),  # max_delay caps it
    ],
)  # fmt: skip
async def test_what_the_error_says_about_when(retry_after: Any, waited: float) -> None:
    app = App("memory://")

    @app.step(retries=1, delay=1, jitter=0)
    async def work() -> str: ...

    async with Environment(app) as env:
        body = Flaky(env, Busy(retry_after))
        assert await outcome_of(app, work, env, body) == "done"
    assert body.at == [0, waited]


async def test_a_timeout_is_a_failed_attempt_also_in_threads() -> None:
    app = App("memory://")
    begun: list[str] = []
    let_go, ended = threading.Event(), threading.Event()

    @app.step(retries=1, delay="5s", jitter=0, timeout="30s")
    async def slow() -> str:
        begun.append(f"async {env.now() - START}")
        await asyncio.Event().wait()
        return "never"

    @app.step(timeout="30s")
    def slow_in_a_thread() -> str:
        begun.append(f"thread {env.now() - START}")
        let_go.wait(60)
        ended.set()
        return "too late"

    @app.workflow
    async def flow(thread: bool) -> str:
        return await (slow_in_a_thread() if thread else slow())

    async with Environment(app, patience=0.02) as env:
        run = await flow.start(False)
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, StepTimeout)
        run = await flow.start(True)
        async with asyncio.timeout(60):
            while len(begun) < 3:  # its time stands still until somebody waits for the result
                await asyncio.sleep(0.001)
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, StepTimeout)
        let_go.set()
        assert await asyncio.to_thread(ended.wait, 60)
        (worker,) = env.workers
        async with asyncio.timeout(60):
            while worker.executor.busy:
                await asyncio.sleep(0.001)
        await env.settle()
        assert [e["k"] for e in await run.journal()] == ["started", "step", "finish"]  # the late result is discarded
    assert begun == ["async 0.0", "async 35.0", "thread 65.0"]


async def test_waiting_too_long_for_a_slot() -> None:
    app = App("memory://")
    gate = asyncio.Event()

    @app.step
    async def hog() -> None:
        await gate.wait()

    @app.step(queue_timeout="1m")
    async def urgent() -> str:
        return "done"

    @app.workflow
    async def flow() -> str:
        task = asyncio.ensure_future(hog())
        await asyncio.sleep(0)  # it comes first
        try:
            return await urgent()
        except QueueTimeout as error:
            return type(error).__name__
        finally:
            task.cancel()

    async with Environment(app, concurrency=1) as env:
        assert await (await flow.start()).result() == "QueueTimeout"
        assert env.now() - START == 60


async def test_at_most_once_is_unknown_after_a_crash_and_never_begins_again() -> None:
    app = App("memory://")
    begun: list[str] = []

    @app.step(effect="at_most_once", retries=5)
    async def pay() -> str:
        begun.append("pay")
        await asyncio.Event().wait()
        return "paid"

    @app.workflow
    async def flow() -> str:
        try:
            return await pay()
        except OutcomeUnknown:
            return "look into it"

    async with Environment(app) as env:
        run = await flow.start()
        await env.settle()
        assert [e["k"] for e in await run.journal()] == ["started", "intent"]  # committed before the body
        await env.crash()
        assert await run.result() == "look into it"
    assert begun == ["pay"]


async def test_at_most_once_is_not_unknown_when_the_body_did_not_begin() -> None:
    """A drain, or a pause, between the intent and the body takes the intent back."""
    app = App("memory://")
    gate, begun = asyncio.Event(), []

    @app.step
    async def hog() -> None:
        await gate.wait()

    @app.step(effect="at_most_once")
    async def pay() -> str:
        begun.append("pay")
        return "paid"

    @app.workflow
    async def flow() -> str:
        _, paid = await asyncio.gather(hog(), pay())
        return paid

    async with Environment(app, concurrency=1) as env:
        run = await flow.start()
        await env.settle()  # `pay` has its intent, and waits for the only slot
        await run.pause()
        await env.settle()  # seen by the holder, though it commits nothing
        gate.set()
        await env.settle()
        assert (await run.status()).state is RunStatus.PAUSED
        assert begun == []
        await run.resume()
        assert await run.result() == "paid"
    assert begun == ["pay"]


async def test_a_failed_attempt_of_at_most_once_may_be_followed_by_another() -> None:
    app = App("memory://")

    @app.step(effect="at_most_once", retries=2, delay=1)
    async def pay() -> str: ...

    async with Environment(app) as env:
        body = Flaky(env, OSError("refused"))
        assert await outcome_of(app, pay, env, body) == "done"
        kinds = [e["k"] for e in await (await app.runs.get((await app.runs.list()).runs[0].id)).journal()]
    assert kinds == ["started", "intent", "attempt", "intent", "step", "finish"]


@pytest.mark.parametrize("answer", ["found", "not done", "raises"])
async def test_a_probe_decides_after_a_crash(answer: str) -> None:
    app = App("memory://")
    log: list[str] = []

    async def find(order: str) -> Any:
        log.append(f"probe {order}")
        if answer == "raises" and log.count(f"probe {order}") == 1:
            raise OSError("cannot tell yet")
        return "found" if answer == "found" else NOT_DONE

    @app.step(effect=check(find), retries=1, delay=1)
    async def pay(order: str) -> str:
        log.append(f"pay {order}")
        if len(log) == 1:
            await asyncio.Event().wait()
        return "paid"

    @app.workflow
    async def flow() -> str:
        return await pay("o-1")

    async with Environment(app) as env:
        run = await flow.start()
        await env.settle()
        await env.crash()
        result = await run.result()
    if answer == "found":
        assert (result, log) == ("found", ["pay o-1", "probe o-1"])
    elif answer == "not done":
        assert (result, log) == ("paid", ["pay o-1", "probe o-1", "pay o-1"])
    else:  # a probe that fails is a failed attempt; the next one begins as any other does
        assert result == "paid"
        assert log == ["pay o-1", "probe o-1", "pay o-1"]


async def test_a_call_that_a_rollback_undid_has_another_key() -> None:
    app = App("memory://")
    keys: list[str] = []
    broken = [True]

    @app.step
    async def charge() -> str:
        keys.append(step_info().idempotency_key)
        return "charged"

    @app.step
    async def refund(charged: str) -> None:
        keys.append(f"undone {charged}")

    @app.step
    async def ship() -> None:
        if broken[0]:
            raise NonRetryableError("no stock")

    @app.workflow
    async def order() -> str:
        await charge().on_rollback(refund)
        await ship()
        return "shipped"

    async with Environment(app) as env:
        run = await order.start()
        with pytest.raises(RunFailed):
            await run.result()
        broken.clear()
        broken.append(False)
        await run.retry()
        assert await run.result() == "shipped"
        await env.settle()
    first, undone, second = keys
    assert undone == "undone charged"
    assert first != second


async def test_results_that_cannot_be_stored_fail_the_call_and_not_the_worker() -> None:
    app = App("memory://")

    class Rude:
        """Its own representation fails."""

        def __repr__(self) -> str:
            raise RuntimeError("no representation")

    @app.step(retries=3)
    async def work() -> Any: ...

    @app.workflow
    async def flow() -> Any:
        return await work()

    async with Environment(app) as env:
        for value, kind in ((object(), NotSerializable), ("x" * 1_100_000, PayloadTooLarge), (Rude(), Exception)):
            with env.mock(work, lambda value=value: value):
                run = await flow.start()
                with pytest.raises(RunFailed) as failed:
                    await run.result()
            assert isinstance(failed.value.__cause__, kind), failed.value
        assert env.now() == START  # no retry can change that
