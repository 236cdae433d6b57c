"""Acceptance 11: a saga; undone in reverse order, durably."""

import asyncio
from dataclasses import dataclass

import pytest

from stepwell import App, NonRetryableError, RunCancelled, RunFailed, RunParked, RunStatus, RunTerminated, rollback
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App(grace="100ms")
log: list[str] = []
broken: set[str] = set()
hold = app.event("hold")


class PublishFailed(Exception):
    """The scores could not be published."""


@dataclass
class Archive:
    period: str
    rows: int


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()
    broken.clear()


def act(what: str) -> None:
    log.append(what)
    if what in broken:
        raise PublishFailed(f"{what} failed")


@app.step
async def lock_period(period: str) -> None:
    act("lock")


@app.step
async def unlock_period(period: str) -> None:
    act(f"unlock {period}")


@app.step
async def archive_scores(period: str) -> Archive:
    act("archive")
    return Archive(period, 42)


@app.step
async def restore_scores(archive: Archive) -> None:
    act(f"restore {archive.rows}")


@app.step
async def calculate_new_scores(period: str) -> None:
    act("calculate")


@app.step(raises=[PublishFailed])
async def publish_results(period: str) -> None:
    act("publish")


@app.workflow
async def recalculate(period: str) -> str:
    await lock_period(period).on_rollback(unlock_period, period)
    await archive_scores(period).on_rollback(restore_scores)  # gets the step's result
    await calculate_new_scores(period)
    await publish_results(period)
    return "published"


@app.workflow
async def polite(period: str) -> str:
    await lock_period(period).on_rollback(unlock_period, period)
    try:
        await publish_results(period)
    except PublishFailed:
        await rollback()
        return "not published"
    return "published"


@app.workflow
async def held(period: str) -> None:
    await lock_period(period).on_rollback(unlock_period, period)
    await archive_scores(period).on_rollback(restore_scores)
    await hold.wait(period)


@app.step
async def half_done() -> None:
    act("half done")
    raise NonRetryableError("who knows what happened")


@app.step
async def look_and_undo() -> None:
    act("look and undo")


@app.workflow
async def unknown_outcome() -> None:
    await half_done().on_rollback(look_and_undo, when="attempted")


FORWARD = ["lock", "archive", "calculate", "publish"]


async def test_success_undoes_nothing() -> None:
    async with Environment(app) as env:
        run = await recalculate.start("p-1")
        assert await run.result() == "published"
        await env.advance("1 day")
        assert log == FORWARD


async def test_failure_undoes_in_reverse_order_and_keeps_its_error() -> None:
    broken.add("publish")
    async with Environment(app):
        run = await recalculate.start("p-1")
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, PublishFailed)
        assert str(failed.value.__cause__) == "publish failed"
        assert log == [*FORWARD, "restore 42", "unlock p-1"]
        assert (await run.status()).state is RunStatus.FAILED


async def test_killed_between_the_undos_only_the_second_runs() -> None:
    """The first undo is recorded when the process dies; after recovery only the other one runs."""
    broken.add("publish")
    entered = asyncio.Event()

    async def unlock(period: str) -> None:
        log.append(f"unlock {period}")
        if not entered.is_set():
            entered.set()
            await asyncio.Event().wait()  # the first time it does not get far

    async with Environment(app) as env:
        with env.mock(unlock_period, unlock):
            run = await recalculate.start("p-1")
            await asyncio.wait_for(entered.wait(), 60)
            assert log == [*FORWARD, "restore 42", "unlock p-1"]
            log.clear()
            await env.crash()
            with pytest.raises(RunFailed):
                await run.result()
            assert log == ["unlock p-1"]


async def test_killed_anywhere_it_ends_undone() -> None:
    broken.add("publish")

    async def scenario(env: Environment) -> str:
        return await (await recalculate.options(id="r").start("p-1")).result()

    def check(n: int, fault: object) -> None:
        assert list(dict.fromkeys(log)) == [*FORWARD, "restore 42", "unlock p-1"], (n, fault, log)
        assert len(log) <= 7, (n, fault, log)  # at most the one body that was under way, again

    report = await crash_at_every_commit(app, scenario, reset=log.clear, check=check)
    assert report.outcome == ("RunFailed", "PublishFailed: publish failed")


async def test_an_undo_that_keeps_failing_parks_the_run_and_lists_what_is_left() -> None:
    broken.update(("publish", "restore 42"))
    async with Environment(app):
        run = await recalculate.start("p-1")
        with pytest.raises(RunParked) as parked:
            await run.result()
        status = await run.status()
        assert status.state is RunStatus.PARKED
        assert status.reason is not None
        for words in ("archive_scores", "restore 42 failed", "restore_scores", "unlock_period of lock_period"):
            assert words in status.reason
        assert status.reason in str(parked.value)
        assert log == [*FORWARD, "restore 42"]  # nothing is undone out of order


async def test_when_the_cause_is_repaired_a_parked_rollback_goes_on() -> None:
    broken.update(("publish", "restore 42"))
    async with Environment(app):
        run = await recalculate.start("p-1")
        with pytest.raises(RunParked):
            await run.result()
        broken.discard("restore 42")
        log.clear()
        await run.resume()
        with pytest.raises(RunFailed, match="publish failed"):
            await run.result()
        assert log == ["restore 42", "unlock p-1"]


async def test_cancel_rolls_back() -> None:
    async with Environment(app) as env:
        run = await held.start("p-1")
        await env.settle()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        assert log == ["lock", "archive", "restore 42", "unlock p-1"]


async def test_terminate_does_not() -> None:
    async with Environment(app) as env:
        run = await held.start("p-1")
        await env.settle()
        await run.terminate()
        with pytest.raises(RunTerminated):
            await run.result()
        await env.advance("1 day")
        assert log == ["lock", "archive"]


async def test_a_body_that_caught_the_error_rolls_back_itself() -> None:
    broken.add("publish")
    async with Environment(app):
        run = await polite.start("p-1")
        assert await run.result() == "not published"
        assert log == ["lock", "publish", "unlock p-1"]


async def test_a_step_of_unknown_outcome_can_be_undone_too() -> None:
    async with Environment(app):
        run = await unknown_outcome.start()
        with pytest.raises(RunFailed):
            await run.result()
        assert log == ["half done", "look and undo"]


async def test_an_undo_is_retried_like_any_step() -> None:
    stubborn = App()
    tries: list[int] = []

    @stubborn.step
    async def book() -> str:
        return "b-1"

    @stubborn.step(retries=5, delay="1m", backoff="constant", jitter=0)
    async def unbook(booking: str) -> None:
        tries.append(len(tries))
        if len(tries) < 4:
            raise OSError("not yet")

    @stubborn.workflow
    async def work() -> None:
        await book().on_rollback(unbook)
        raise ValueError("no")

    async with Environment(stubborn) as env:
        begun = env.now()
        with pytest.raises(RunFailed, match="no"):
            await (await work.start()).result()
        assert len(tries) == 4
        assert env.now() - begun == 180
