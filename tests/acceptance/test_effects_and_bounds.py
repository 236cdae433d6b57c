"""What docs/steps.md says of effects and of bounds in time, and the synchronous face and hooks beside it."""

import asyncio
import contextlib
from typing import Any

import pytest

from stepwell import NOT_DONE, App, OutcomeUnknown, QueueTimeout, RunFailed, StepError, check, sleep, step_info
from stepwell.errors import DeadlineExceeded
from stepwell.testing.clock import START
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


async def until(condition: Any) -> None:
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


# --- effects ------------------------------------------------------------------------------------------------


async def test_the_idempotency_key_is_the_same_over_all_attempts_and_crashes() -> None:
    app = App()
    keys: list[str] = []

    @app.step(retries=3, delay="1m")
    async def pay(amount: int) -> str:
        keys.append(step_info().idempotency_key)
        if len(keys) < 3:
            raise OSError("not yet")
        return keys[-1]

    @app.workflow
    async def work() -> list[str]:
        return [await pay(1), await pay(1)]

    async with Environment(app) as env:
        run = await work.start()
        await env.settle()
        await env.crash()
        one, two = await run.result()
        assert keys == [one, one, one, two]
        assert one != two  # another call, another key
        other = await (await work.start()).result()
        assert not {one, two} & set(other)


async def test_at_most_once_does_not_run_twice() -> None:
    app = App()
    sent: list[str] = []

    @app.step(effect="at_most_once", retries=5)
    async def send_sms(to: str) -> str:
        sent.append(to)
        if to == "stuck":
            await asyncio.Event().wait()
        return "sent"

    @app.workflow
    async def work(to: str) -> str:
        try:
            return await send_sms(to)
        except OutcomeUnknown as error:
            return error.code

    async with Environment(app) as env:
        assert await (await work.start("bob")).result() == "sent"
        run = await work.start("stuck")
        await until(lambda: "stuck" in sent)
        await env.crash()
        assert await run.result() == "outcome_unknown"
        assert sent == ["bob", "stuck"]


async def test_at_most_once_holds_at_every_crash() -> None:
    app = App()
    sent: list[str] = []

    @app.step(effect="at_most_once")
    async def send_sms(to: str) -> str:
        sent.append(to)
        return "sent"

    @app.workflow
    async def work() -> str:
        with contextlib.suppress(OutcomeUnknown):
            await send_sms("bob")
        return "done"

    async def scenario(env: Environment) -> str:
        return await (await work.options(id="w").start()).result()

    def at_most_one(n: int, fault: object) -> None:
        assert len(sent) <= 1, (n, fault)

    report = await crash_at_every_commit(app, scenario, reset=sent.clear, check=at_most_one)
    assert report.outcome == "done"


async def test_a_probe_decides_after_an_unknown_outcome() -> None:
    app = App()
    bank: dict[str, int] = {}
    bodies: list[str] = []

    async def find(order_id: str, amount: int) -> object:
        bodies.append("probe")
        return bank.get(order_id, NOT_DONE)

    @app.step(effect=check(find))
    async def pay(order_id: str, amount: int) -> int:
        bodies.append("pay")
        if len(bodies) == 1 and order_id != "paid first":
            await asyncio.Event().wait()
        bank[order_id] = amount
        if len(bodies) == 1:
            await asyncio.Event().wait()
        return amount

    @app.workflow
    async def work(order_id: str) -> int:
        return await pay(order_id, 12)

    for order_id, expected in (("paid first", ["pay", "probe"]), ("not yet", ["pay", "probe", "pay"])):
        bodies.clear()
        async with Environment(app) as env:
            run = await work.start(order_id)
            await until(lambda: bodies)
            await asyncio.sleep(0)
            await env.crash()
            assert await run.result() == 12
            assert bodies == expected


# --- bounds -------------------------------------------------------------------------------------------------


async def test_a_deadline_cancels_rolls_back_and_fails() -> None:
    app = App()
    log: list[str] = []

    @app.step
    async def reserve() -> str:
        return "r-1"

    @app.step
    async def release(reservation: str) -> None:
        log.append(f"release {reservation}")

    @app.workflow(deadline="1h")
    async def work() -> None:
        await reserve().on_rollback(release)
        await sleep("2h")

    async with Environment(app) as env:
        run = await work.start()
        await env.settle()
        await env.crash()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, DeadlineExceeded)
        assert env.now() - START == 3600
        assert log == ["release r-1"]


async def test_a_queue_timeout_bounds_the_wait_for_a_slot() -> None:
    app = App("memory://", concurrency=1, grace="100ms")
    gate = asyncio.Event()

    @app.step(queue_timeout="50ms")
    async def work(n: int) -> int:
        await gate.wait()
        return n

    @app.workflow
    async def both() -> list[Any]:
        return [type(o).__name__ for o in await asyncio.gather(work(1), work(2), return_exceptions=True)]

    async with app:
        run = await both.start()
        while not [entry for entry in await run.journal() if entry["k"] == "step"]:
            await asyncio.sleep(0.01)
        gate.set()
        assert await run.result(timeout=60) == ["int", QueueTimeout.__name__]


async def test_retry_after_wins_over_the_formula() -> None:
    app = App()
    attempts: list[float] = []

    @app.step(retries=2, delay="1s", jitter=0)
    async def limited() -> None:
        attempts.append(env.now() - START)
        raise StepError("too many requests", code="rate", retryable=True, retry_after="1m", details={"n": 1})

    async with Environment(app) as env:
        run = await limited.start()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        cause = failed.value.__cause__
        assert isinstance(cause, StepError)
        assert (cause.code, cause.details) == ("rate", {"n": 1})
    assert attempts == [0, 60, 120]


# --- beside it ----------------------------------------------------------------------------------------------


def test_the_synchronous_face() -> None:
    app = App("memory://")

    @app.workflow
    def double(n: int) -> int:
        return n * 2

    with app.sync as stepwell:
        assert stepwell.start(double, 4).result(timeout=60) == 8
        runs = stepwell.start_many(double, [(n,) for n in range(5)])
        assert [run.result(timeout=60) for run in runs] == [0, 2, 4, 6, 8]
        assert stepwell.count() == {"succeeded": 6}
        assert stepwell.start_by_name("double", 21).result(timeout=60) == 42


async def test_hooks_are_told_and_never_break_a_run() -> None:
    app = App()
    told: list[str] = []

    @app.on("run.started", "run.succeeded", "run.failed")
    def tell(event: Any) -> None:
        told.append(f"{event.name} {event.workflow} {event.result or event.error or ''}".strip())
        raise RuntimeError("a hook that fails")

    @app.workflow
    async def work(ok: bool) -> str:
        if not ok:
            raise ValueError("as asked")
        return "done"

    async with Environment(app):
        assert await (await work.start(True)).result() == "done"
        with pytest.raises(RunFailed):
            await (await work.start(False)).result()
    assert told == [
        "run.started work",
        "run.succeeded work done",
        "run.started work",
        "run.failed work as asked",
    ]
