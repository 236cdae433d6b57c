"""Acceptance 10: the KPI pipeline.

`app.queue(...)` with defaults for a whole queue is not there yet: the workflow says itself what the queue would,
`@app.workflow(queue="calculation", retries=2, delay="5s", backoff="exponential", keep=Keep(...))`. Progress in the
dashboard comes with the dashboard, and large payloads go to the database's blob table until storages are there.
"""

import asyncio
from typing import Any

import pytest

from stepwell import App, Keep, NonRetryableError, Run, RunFailed, RunStatus, progress
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()
log: list[str] = []
seen: list[float] = []
fail_with: list[Exception] = []
data_came = app.event("data.came")


class SourceDown(Exception):
    """The source of the actuals does not answer."""


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()
    seen.clear()
    fail_with.clear()


async def look() -> None:
    """What status says about the progress while a step runs; it is committed beside the step's start."""
    for _ in range(20):
        await asyncio.sleep(0)
    run: Run[Any] = await app.runs.get("kpi")
    shown = (await run.status()).progress
    assert shown is not None
    seen.append(round(shown.fraction * 100))


@app.step
async def validate_data(period: str) -> None:
    await look()


@app.step(raises=[SourceDown])
async def collect_actuals(period: str) -> list[float]:
    await look()
    if fail_with:
        raise fail_with[0]
    return [1.0] * 20_000  # 80 kB


@app.step
async def calculate_scores(actuals: list[float]) -> dict[str, float]:
    await look()
    return {"sum": sum(actuals)}


@app.step
async def aggregate_results(period: str, scores: dict[str, float]) -> None:
    await look()


@app.step
async def generate_rankings(period: str) -> None:
    await look()


@app.step
async def notify_stakeholders(period: str) -> None:
    await look()
    log.append(f"notify {period}")


@app.step
async def handle_failure(period: str, why: str) -> None:
    log.append(f"failed {period}: {why}")


@app.workflow(
    name="calculate-period",
    queue="calculation",
    retries=2,
    delay="5s",
    backoff="exponential",
    jitter=0,
    keep=Keep(succeeded=100, failed=50),
)
async def calculate_period(period: str) -> dict[str, object]:
    try:
        progress(0.10, "validate_data")
        await validate_data(period)
        progress(0.30, "collect_actuals")
        actuals = await collect_actuals(period)
        progress(0.50, "calculate_scores")
        scores = await calculate_scores(actuals)
        progress(0.70, "aggregate_results")
        await aggregate_results(period, scores)
        progress(0.90, "generate_rankings")
        await generate_rankings(period)
        progress(1.0, "notify_stakeholders")
        await notify_stakeholders(period)
        return {"success": True, "period": period}
    except Exception as error:
        await handle_failure(period, str(error))
        raise


@app.workflow
async def patient(period: str) -> str:
    try:
        progress(0.10)
        await data_came.wait(period)
        progress(0.90)
        return "calculated"
    except BaseException as error:
        log.append(f"except saw {type(error).__name__}")
        raise


STEPS = [10, 30, 50, 70, 90, 100]


async def test_progress_reads_as_written() -> None:
    async with Environment(app):
        run = await calculate_period.options(id="kpi").start("p-1")
        assert await run.result() == {"success": True, "period": "p-1"}
        assert seen == STEPS
        status = await run.status()
        assert status.progress is not None
        assert (status.progress.fraction, status.progress.note) == (1.0, "notify_stakeholders")
        (row,) = (await app.runs.list(queue="calculation")).runs
        assert (row.progress, row.note, row.workflow) == (1.0, "notify_stakeholders", "calculate-period")


async def test_progress_never_goes_backwards_after_a_replay() -> None:
    async def scenario(env: Environment) -> object:
        return await (await calculate_period.options(id="kpi").start("p-1")).result()

    def check(n: int, fault: object) -> None:
        assert seen == sorted(seen), (n, fault, seen)

    def reset() -> None:
        seen.clear()
        log.clear()

    report = await crash_at_every_commit(app, scenario, reset=reset, check=check)
    assert report.outcome == {"success": True, "period": "p-1"}


async def test_a_failing_step_runs_the_handler_once_and_the_error_is_the_original() -> None:
    fail_with.append(NonRetryableError("no such period", code="no_period"))
    async with Environment(app):
        run = await calculate_period.options(id="kpi").start("p-1")
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, NonRetryableError)
        assert (str(failed.value.__cause__), failed.value.__cause__.code) == ("no such period", "no_period")
        assert log == ["failed p-1: no such period"]
        assert (await run.status()).state is RunStatus.FAILED


async def test_the_handler_is_durable() -> None:
    async def scenario(env: Environment) -> object:
        run = await calculate_period.options(id="kpi").start("p-1")
        return await run.result()

    def reset() -> None:
        log.clear()
        fail_with[:] = [NonRetryableError("no such period")]

    def check(n: int, fault: object) -> None:
        # At least once under crashes, recorded once; it is not started again when it was recorded.
        assert set(log) == {"failed p-1: no such period"}, (n, fault)
        assert len(log) <= 2, (n, fault)

    report = await crash_at_every_commit(app, scenario, reset=reset, check=check)
    assert report.outcome[0] == "RunFailed"


async def test_the_run_is_retried_as_the_queue_says() -> None:
    fail_with.append(SourceDown("connection refused"))
    async with Environment(app) as env:
        begun = env.now()
        run = await calculate_period.options(id="kpi").start("p-1")
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, SourceDown)
        assert env.now() - begun == 5 + 10  # two retries of the run, 5 s and 10 s later
        status = await run.status()
        assert (status.attempt, status.generation) == (3, 3)
        assert log == ["failed p-1: connection refused"] * 3  # once in each attempt


async def test_large_results_leave_the_journal() -> None:
    async with Environment(app) as env:
        run = await calculate_period.options(id="kpi").start("p-1")
        await run.result()
        blobs = await env.store.blobs(run.key)
        assert [len(data) for data in blobs.values()] == [80_001]
        journal = sum(len(data) for _, _, data in await env.store.journal(run.key))
        assert journal < 5_000


async def test_an_eviction_in_the_try_does_not_run_the_except() -> None:
    async with Environment(app, replay=True) as env:
        run = await patient.options(id="kpi").start("p-1")
        await env.settle()
        assert (await run.status()).state is RunStatus.WAITING
        for _ in range(3):
            await env.crash()
        await data_came.send(key="p-1")
        assert await run.result() == "calculated"
        # The code did see how it left memory; nothing that it did then had an effect, and nothing was recorded.
        assert {line for line in log if line.startswith("except saw")} <= {"except saw Evicted"}
        assert [e["k"] for e in await run.journal()] == ["started", "armed", "event", "finish"]


async def test_only_so_many_are_kept() -> None:
    few = App()

    @few.workflow(keep=Keep(succeeded=3, failed=2))
    async def work(ok: bool) -> None:
        if not ok:
            raise ValueError("as asked")

    async with Environment(few) as env:
        await work.start_many([(n % 2 == 0,) for n in range(20)])
        await env.settle()
        assert few._opened is not None
        assert few._opened.reaper is not None
        await few._opened.reaper.sweep()
        assert await few.runs.count() == {"succeeded": 3, "failed": 2}
