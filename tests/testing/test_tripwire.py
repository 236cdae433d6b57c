"""Raw clocks and randomness in a body, caught while it runs; everywhere else they work."""

import asyncio
import random
import time
import uuid

import pytest

from stepwell import App, RunParked
from stepwell.testing.environment import Environment
from stepwell.testing.tripwire import tripwire


class Clockwork:
    """Hides its use of the clock from the static scan."""

    def tick(self, what: str) -> object:
        module, name = what.split(".")
        return getattr({"time": time, "random": random, "uuid": uuid}[module], name)()


@pytest.mark.parametrize("what", ["time.time", "time.monotonic", "random.random", "uuid.uuid4"])
def test_it_names_what_was_called_and_where(what: str) -> None:
    app, clockwork = App("memory://"), Clockwork()

    @app.workflow
    async def bad() -> str:
        try:
            return str(clockwork.tick(what))
        except Exception:
            return "swallowed"

    async def main() -> None:
        async with Environment(app):
            with pytest.raises(RunParked) as parked:
                await (await bad.start()).result()
            assert what in str(parked.value)
            assert "test_tripwire.py:" in str(parked.value)

    asyncio.run(main())


def test_steps_and_the_test_itself_are_free() -> None:
    app = App("memory://")

    @app.step
    async def now() -> float:
        return time.time()

    @app.workflow
    async def good() -> bool:
        return await now() > 0

    async def main() -> None:
        async with Environment(app):
            assert time.time() > 0
            assert random.random() < 1
            assert await (await good.start()).result()

    asyncio.run(main())


def test_the_originals_are_put_back() -> None:
    before = (time.time, random.random, uuid.uuid4)
    with tripwire():
        assert time.time is not before[0]
    assert (time.time, random.random, uuid.uuid4) == before
