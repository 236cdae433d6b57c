"""`stepwell runs logs`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from stepwell import App, run_info, sleep, step_info
from stepwell.cli import loglines

Invoke = Callable[..., Result]


def make(url: str) -> App:
    app = App(url)

    @app.step
    async def charge(amount: int) -> None:
        step_info().logger.info("charging %d\nwith care", amount)

    @app.workflow
    async def shop(amount: int, pause: float = 0.0) -> None:
        run_info().logger.info("begins")
        await charge(amount)
        await sleep(pause)
        run_info().logger.warning("ends")

    return app


async def run(url: str, *arguments: Any) -> None:
    async with make(url) as app:
        await (await app.runs.start("shop", {"amount": 5}, id="r")).result(60)


@pytest.fixture
def logged(url: str) -> str:
    asyncio.run(run(url))
    return url


def test_the_lines_in_order(stepwell: Invoke, logged: str) -> None:
    result = stepwell("runs", "logs", "r", "-u", logged)
    assert result.exit_code == 0
    first, charging, rest, last = result.stdout.splitlines()
    assert first.split()[2:] == ["info", "begins"]
    assert charging.split()[2:] == ["info", "charge", "charging", "5"]
    assert rest == "    with care"
    assert last.split()[2:] == ["warning", "ends"]


def test_the_last_ones_and_by_level(stepwell: Invoke, logged: str) -> None:
    assert len(stepwell("runs", "logs", "r", "-u", logged, "--limit", "1").stdout.splitlines()) == 1
    assert "begins" not in stepwell("runs", "logs", "r", "-u", logged, "--level", "warning").stdout


def test_as_data(stepwell: Invoke, logged: str) -> None:
    lines = json.loads(stepwell("runs", "logs", "r", "-u", logged, "--json").stdout)["lines"]
    assert [(line["call"], line["text"]) for line in lines][::2] == [(None, "begins"), (None, "ends")]


def test_nothing_logged_and_no_such_run(stepwell: Invoke, filled: str) -> None:
    result = stepwell("runs", "logs", "good", "-u", filled)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing was logged." in result.stderr
    assert stepwell("runs", "logs", "none", "-u", filled).exit_code == 3
    assert stepwell("runs", "logs", "good", "-u", filled, "--level", "loud").exit_code == 2


def test_follow_ends_with_the_run(stepwell: Invoke, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loglines, "LAST", 4.0)  # within this the last lines of a run that has ended are written

    async def follow() -> Result:
        async with make(url) as app:
            run = await app.runs.start("shop", {"amount": 5, "pause": 0.7}, id="r")
            following = asyncio.create_task(asyncio.to_thread(stepwell, "runs", "logs", "r", "-u", url, "--follow"))
            await run.result(60)
            await app.runs.logs("r")
            return await asyncio.wait_for(following, 60)

    result = asyncio.run(follow())
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["begins", "5", "care", "ends"]


def test_follow_a_run_that_has_ended_as_data(stepwell: Invoke, logged: str) -> None:
    result = stepwell("runs", "logs", "r", "-u", logged, "--follow", "--json")
    assert result.exit_code == 0
    assert result.stdout.count('"text"') == 3
