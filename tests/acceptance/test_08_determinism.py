"""Acceptance 8: what a workflow body may not do, and how it is told."""

import asyncio
import logging
import random
from pathlib import Path

import pytest

import stepwell
from stepwell import App, RunParked, sleep
from stepwell.errors import Nondeterminism
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()


class Smtp:
    async def send(self, to: str) -> None:
        _, writer = await asyncio.open_connection("localhost", 25)
        writer.close()


smtp = Smtp()


@app.step
async def scale(value: float) -> float:
    return value


@app.workflow
async def good() -> list[str]:
    drawn = [await scale(stepwell.random()), stepwell.random(), str(stepwell.uuid4()), stepwell.now().isoformat()]
    await sleep("1 hour")
    return [str(value) for value in [*drawn, stepwell.random(), stepwell.now().isoformat()]]


@app.workflow
async def rolls_dice() -> float:
    await scale(1.0)
    return random.random()  # the dice


@app.workflow
async def sends_mail() -> None:
    await smtp.send("ada@example.com")  # the mail


@app.workflow
async def swallows() -> str:
    try:
        await asyncio.to_thread(int, 1)  # the thread
    except Exception:
        return "nothing happened"
    return "done"


def line_of(comment: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.endswith(f"# {comment}"))


@pytest.mark.parametrize(
    ("workflow", "comment", "words"),
    [(rolls_dice, "the dice", "random.random"), (swallows, "the thread", "asyncio.to_thread")],
)
async def test_misuse_is_an_error_with_its_line(
    workflow: stepwell.Workflow[[], object], comment: str, words: str
) -> None:
    async with Environment(app):
        run = await workflow.start()
        with pytest.raises(RunParked) as parked:
            await run.result()
        assert f"test_08_determinism.py:{line_of(comment)}" in str(parked.value)
        assert words in str(parked.value)
        assert "in a step" in str(parked.value)


async def test_input_and_output_are_refused_with_their_line() -> None:
    async with Environment(app):
        run = await sends_mail.start()
        with pytest.raises(RunParked) as parked:
            await run.result()
        line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "open_connection" in text)
        assert f"test_08_determinism.py:{line}" in str(parked.value)
        assert "do this in a step" in str(parked.value)


async def test_misuse_cannot_be_swallowed() -> None:
    async with Environment(app):
        run = await swallows.start()
        with pytest.raises(RunParked):
            await run.result()
        assert Nondeterminism.code == "nondeterminism"


async def test_in_production_it_is_a_warning_with_file_and_line(caplog: pytest.LogCaptureFixture) -> None:
    live = App("memory://")

    @live.workflow
    async def bad() -> float:
        return random.random()  # in production

    with caplog.at_level(logging.WARNING, logger="stepwell"):
        async with live:
            run = await bad.start()
            assert 0 <= await run.result(timeout=60) < 1  # a warning, no more
    said = [record.getMessage() for record in caplog.records if "random.random" in record.getMessage()]
    assert len(said) == 1
    assert f"test_08_determinism.py:{line_of('in production')}" in said[0]


async def test_good_is_the_same_under_forced_replay() -> None:
    results = []
    for replay in (False, True):
        async with Environment(app, replay=replay) as env:
            run = await good.start()
            await env.settle()
            before = [entry for entry in await run.journal() if entry["k"] == "step"]
            if replay:
                await env.crash()
                await env.crash()
            result = await run.result()
            assert result[0] == str(before[0]["value"]["v"])
            results.append(result)
            assert len({result[0], result[1], result[4]}) == 3  # three draws, three values


async def test_good_is_the_same_after_every_entry() -> None:
    async def scenario(env: Environment) -> tuple[bool, int]:
        run = await good.options(id="good").start()
        result = await run.result()
        # What was drawn first was recorded as a step's argument: every replay draws it again, or the run is parked.
        step = next(entry for entry in await run.journal() if entry["k"] == "step")
        return result[0] == str(step["value"]["v"]), len({result[0], result[1], result[4]})

    report = await crash_at_every_commit(app, scenario)
    assert report.outcome == (True, 3)
    assert report.crashes > 10
