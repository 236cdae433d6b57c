"""Waiting for results: pushed in process, looked up across processes, bounded in time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stepwell import App, RunParked, sleep
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    job: Any
    long: Any
    stuck: Any


def make_app(url: str = "memory://", **options: Any) -> Shop:
    app = Shop(url, **options)

    @app.step
    async def echo(x: int) -> int:
        return x

    @app.workflow
    async def job(x: int) -> int:
        return await echo(x)

    @app.workflow
    async def long() -> None:
        await sleep("1 day")

    @app.workflow
    async def stuck() -> None:
        await asyncio.Event().wait()

    app.job, app.long, app.stuck = job, long, stuck
    return app


def test_a_timeout_leaves_the_run_alone() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app):
            run = await app.long.start()
            with pytest.raises(TimeoutError):
                await run.result(timeout="1h")
            assert await run.result() is None

    asyncio.run(main())


def test_a_parked_run_says_so_and_why() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app):
            run = await app.stuck.start()
            with pytest.raises(RunParked) as parked:
                await run.result()
            assert "nothing can bring" in str(parked.value)

    asyncio.run(main())


def test_another_process_hears_of_the_end(tmp_path: Path) -> None:
    """Two apps on one file, as two processes: one works, the other only waits."""
    url = f"sqlite:///{tmp_path / 'x.db'}"

    async def main() -> None:
        worker = make_app(url)
        async with worker:
            client = make_app(url, mode="client")
            async with client:
                runs = await client.job.start_many([(n,) for n in range(20)])
                assert await asyncio.gather(*(run.result(timeout=60) for run in runs)) == list(range(20))

    asyncio.run(main())
