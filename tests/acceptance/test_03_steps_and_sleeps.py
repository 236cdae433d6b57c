"""Acceptance 3: steps, retries, backoff, durations, sleeps."""

import asyncio
import warnings
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from stepwell import App, Retry, RunFailed, now, run_step, sleep, sleep_until
from stepwell.errors import DurationWarning, InvalidDuration, NaiveDatetime
from stepwell.testing.clock import START
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio

CONSTANT = Retry(4, delay="2s", backoff="constant", jitter=0)
LINEAR = Retry(4, delay="2s", backoff="linear", jitter=0)
EXPONENTIAL = Retry(4, delay="2s", backoff="exponential", max_delay="24h", jitter=0)


@pytest.mark.parametrize(
    ("retry", "delays"),
    [(CONSTANT, [2, 2, 2, 2]), (LINEAR, [2, 4, 6, 8]), (EXPONENTIAL, [2, 4, 8, 16])],
    ids=["constant", "linear", "exponential"],
)
async def test_delays_are_the_tables_figures(retry: Retry, delays: list[float]) -> None:
    app = App()
    attempts: list[float] = []

    @app.step(retry)
    async def flaky() -> None:
        attempts.append(env.now())
        raise OSError("not yet")

    @app.workflow
    async def work() -> None:
        await flaky()

    async with Environment(app) as env:
        run = await work.start()
        with pytest.raises(RunFailed) as failed:
            await run.result()
    assert isinstance(failed.value.__cause__, OSError)
    assert [b - a for a, b in pairwise(attempts)] == delays


async def test_the_delay_is_capped() -> None:
    app = App()
    attempts: list[float] = []

    @app.step(retries=3, delay="20h", backoff="exponential", jitter=0)  # max_delay: 24 h
    async def flaky() -> None:
        attempts.append(env.now())
        raise OSError("not yet")

    async with Environment(app) as env:
        run = await flaky.start()
        with pytest.raises(RunFailed):
            await run.result()
    assert [b - a for a, b in pairwise(attempts)] == [72_000, 86_400, 86_400]


async def test_the_retry_count_survives_a_kill_between_attempts() -> None:
    app = App()
    attempts: list[tuple[int, float]] = []

    @app.step(retries=3, delay="1h", backoff="constant", jitter=0)
    async def flaky() -> None:
        attempts.append((len(attempts) + 1, env.now()))
        raise OSError("not yet")

    @app.workflow
    async def work() -> None:
        await flaky()

    async with Environment(app) as env:
        run = await work.start()
        await env.settle()
        await env.crash()
        await env.advance("1h")
        await env.crash()
        with pytest.raises(RunFailed):
            await run.result()
        assert len(attempts) == 4
        assert [at - START for _, at in attempts] == [0, 3600, 7200, 10800]  # nor did the kills move the times
        errors = [entry["attempt"] for entry in await run.journal() if entry["k"] in ("attempt", "step")]
        assert errors == [1, 2, 3, 4]


async def test_an_inline_step_takes_its_title_and_options() -> None:
    app = App()
    calls: list[str] = []

    async def find_user(user_id: str) -> str:
        calls.append(user_id)
        return user_id.upper()

    def charge(amount: int) -> int:
        calls.append(f"charge {amount}")
        if len(calls) < 4:
            raise OSError("gateway timeout")
        return amount

    @app.workflow
    async def work(user_id: str) -> tuple[str, int]:
        user = await run_step("Fetch user", find_user, user_id)
        pay = run_step.options(retries=3, delay="2 seconds", backoff="exponential", timeout="30 seconds", jitter=0)
        return user, await pay("Process payment", charge, 12)

    async with Environment(app, patience=60.0) as env:  # `charge` works in a thread
        run = await work.start("u-1")
        assert await run.result() == ("U-1", 12)
        assert calls == ["u-1", "charge 12", "charge 12", "charge 12"]
        assert env.now() - START == 2 + 4
        titles = [entry["call"] for entry in await run.journal() if entry["k"] == "step"]
        assert titles == ["Fetch user", "Process payment"]


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("2 seconds", 2), ("1 minute", 60), ("30 minutes", 1800), ("1 hour", 3600), ("1 day", 86_400),
     ("24 hours", 86_400), ("500ms", 0.5), (5, 5), (timedelta(seconds=5), 5), ("5s", 5), ("30s", 30)],
)  # fmt: skip
async def test_every_spelling_of_a_duration(duration: Any, seconds: float) -> None:
    app = App()

    @app.workflow
    async def work() -> None:
        await sleep(duration)

    async with Environment(app) as env:
        run = await work.start()
        await run.result()
        assert env.now() - START == seconds


async def test_three_sleeps_in_a_row_each_take_their_time() -> None:
    app = App()
    woken: list[float] = []

    @app.step
    async def note() -> None:
        woken.append(env.now() - START)

    @app.workflow
    async def work() -> None:
        for _ in range(3):
            await sleep("5 minutes")
            await note()

    async with Environment(app) as env:
        run = await work.start()
        await env.settle()
        await env.crash()  # in the first
        await env.advance("7m")
        await env.crash()  # in the second
        await run.result()
    assert woken == [300, 600, 900]


async def test_sleep_until() -> None:
    app = App()

    @app.workflow
    async def work(until: datetime) -> tuple[datetime, datetime]:
        await sleep_until(until)
        woken = now()
        await sleep_until(now() + timedelta(hours=1))
        return woken, now()

    async with Environment(app) as env:
        moment = datetime.fromtimestamp(START, UTC) + timedelta(days=40, seconds=0.5)
        assert await (await work.start(moment)).result() == (moment, moment + timedelta(hours=1))
        begun = env.now()
        past = datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC)
        woken, _ = await (await work.start(past)).result()
        assert woken.timestamp() == begun  # a moment in the past: at once
        assert env.now() == begun + 3600


async def test_a_naive_datetime_is_refused_with_a_code() -> None:
    app = App()

    @app.workflow
    async def work() -> None:
        await sleep_until(datetime(2030, 1, 1))  # noqa: DTZ001 - the point

    async with Environment(app):
        run = await work.start()
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, NaiveDatetime)
        assert failed.value.__cause__.code == "naive_datetime"


async def test_a_bare_number_above_a_day_is_a_warning() -> None:
    app = App()
    with pytest.warns(DurationWarning, match="did you mean '300s'"):
        app.step(timeout=300_000)(_nothing)
    with pytest.raises(InvalidDuration):
        Retry(delay="5 parsecs")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app.step(name="fine", timeout=30)(_nothing)


async def _nothing() -> None: ...


async def test_a_timeout_bounds_one_attempt() -> None:
    app = App()
    begun: list[float] = []

    @app.step(retries=1, delay="10s", jitter=0, timeout="30 seconds")
    async def slow() -> str:
        begun.append(env.now() - START)
        if len(begun) == 1:
            await asyncio.Event().wait()  # for ever
        return "done"

    async with Environment(app) as env:
        run = await slow.start()
        assert await run.result() == "done"
    assert begun == [0, 40]
