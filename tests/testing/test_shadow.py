"""The shadow: a body that depends on something unrecorded is caught after the entry where it shows."""

import asyncio

import pytest

from stepwell import App, RunParked, sleep
from stepwell.testing.environment import Environment


def test_a_body_with_a_memory_of_its_own_is_caught() -> None:
    app = App("memory://")
    seen: list[int] = []

    @app.step
    async def left() -> str:
        return "left"

    @app.step
    async def right() -> str:
        return "right"

    @app.workflow
    async def forks() -> str:
        seen.append(1)
        await sleep(1)
        return await (left() if len(seen) % 2 else right())

    async def main() -> None:
        async with Environment(app, replay=True):
            with pytest.raises(RunParked):
                await (await forks.start()).result()

    asyncio.run(main())


def test_a_good_body_is_replayed_after_every_entry() -> None:
    app = App("memory://")
    bodies: list[int] = []

    @app.step
    async def one(x: int) -> int:
        bodies.append(x)
        return x + 1

    @app.workflow
    async def good() -> int:
        x = 0
        for _ in range(3):
            x = await one(x)
        return x

    async def main() -> None:
        async with Environment(app, replay=True):
            assert await (await good.start()).result() == 3

    asyncio.run(main())
    assert bodies == [0, 1, 2], "replaying executes nothing"
