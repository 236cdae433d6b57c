"""Key figures of a period: validate, collect, calculate, aggregate, rank, notify; with progress on the way.

Run it:

    python examples/kpi/app.py             # one period, its progress printed as it moves
    python examples/kpi/app.py 2024-13     # a period that does not exist: somebody is told, once
"""

import asyncio
import sys
from dataclasses import dataclass

from stepwell import App, Keep, NonRetryableError, RunFailed, progress

app = App()

QUARTERS = {"2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"}


@dataclass
class Score:
    department: str
    value: float


@app.step
async def validate_data(period: str) -> None:
    if period not in QUARTERS:
        raise NonRetryableError(f"there is no period {period}")


@app.step(retries=5, delay="1s", backoff="exponential", timeout="1 minute")
async def collect_actuals(period: str) -> dict[str, list[float]]:
    await asyncio.sleep(0.05)  # in a step this is an ordinary sleep
    return {"sales": [12.0, 14.5, 11.0], "support": [8.0, 9.5], "research": [3.0, 5.0, 4.0, 6.0]}


@app.step
def calculate_scores(actuals: dict[str, list[float]]) -> list[Score]:
    return [Score(department, sum(values) / len(values)) for department, values in actuals.items()]


@app.step
async def aggregate_results(period: str, scores: list[Score]) -> float:
    return sum(score.value for score in scores) / len(scores)


@app.step
async def generate_rankings(scores: list[Score]) -> list[str]:
    return [score.department for score in sorted(scores, key=lambda s: s.value, reverse=True)]


@app.step(retries=5, backoff="exponential")
async def notify_stakeholders(period: str, ranking: list[str]) -> None:
    print(f"mail to everybody: {period} is ready, first is {ranking[0]}")


@app.step(retries=5, backoff="exponential")
async def notify_operators(period: str, why: str) -> None:
    print(f"mail to the operators: {period} failed: {why}")


@app.workflow(queue="calculation", retries=2, delay="5s", keep=Keep(succeeded=100, failed=50))
async def calculate_period(period: str) -> dict[str, float | list[str]]:
    try:
        progress(0.10, "validate")
        await validate_data(period)
        progress(0.30, "collect")
        actuals = await collect_actuals(period)
        progress(0.50, "calculate")
        scores = await calculate_scores(actuals)
        progress(0.70, "aggregate")
        average = await aggregate_results(period, scores)
        progress(0.90, "rank")
        ranking = await generate_rankings(scores)
        progress(1.0, "notify")
        await notify_stakeholders(period, ranking)
        return {"average": average, "ranking": ranking}
    except Exception as error:
        await notify_operators(period, str(error))
        raise


async def main(period: str = "2024-Q3") -> None:
    async with app:
        run = await calculate_period.options(id=f"kpi-{period}").start(period)
        shown = None
        while not (status := await run.status()).state.terminal:
            if status.progress != shown and status.progress is not None:
                shown = status.progress
                print(f"{shown.fraction:4.0%} {shown.note}")
            await asyncio.sleep(0.01)
        try:
            print(await run.result())
        except RunFailed as error:
            print("failed:", error.__cause__)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
