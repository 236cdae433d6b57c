"""Recorded journals: saved from a run, replayed against today's code, for ever."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stepwell import App, Diverged, sleep
from stepwell.errors import InvalidOption
from stepwell.testing import recorded
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    flow: Any


def make_app(*, extra: bool = False, big: int = 0) -> Shop:
    app = Shop("memory://")

    @app.step
    async def fetch(x: int) -> str:
        return "x" * (x + big)

    @app.step
    async def store(text: str) -> int:
        return len(text)

    @app.workflow
    async def flow(x: int) -> int:
        text = await fetch(x)
        if extra:
            await fetch(0)
        await sleep("1h")
        return await store(text)

    app.flow = flow
    return app


def record(path: Path, *, big: int = 0) -> None:
    app = make_app(big=big)

    async def main() -> None:
        async with Environment(app):
            run = await app.flow.options(id="golden").start(3)
            assert await run.result() == 3 + big
            await recorded.save(run, path)

    asyncio.run(main())


@pytest.mark.parametrize("big", [0, 100_000])
def test_code_that_fits_replays_without_executing_a_step(tmp_path: Path, big: int) -> None:
    record(tmp_path / "run.json", big=big)
    verdict = recorded.replay(make_app(big=10**9), tmp_path / "run.json")
    assert verdict.run_id == "golden"


def test_code_that_does_not_fit_shows_where(tmp_path: Path) -> None:
    record(tmp_path / "run.json")
    with pytest.raises(Diverged) as diverged:
        recorded.replay(make_app(extra=True), tmp_path / "run.json")
    assert "fetch#2" in diverged.value.diff


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"hello": 1}')
    with pytest.raises(InvalidOption):
        recorded.replay(make_app(), tmp_path / "bad.json")
