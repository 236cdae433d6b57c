"""One verb for many runs. Over REST: tests/server/test_bulk.py."""

import pytest

from stepwell.client.bulk import RUNNING, Bulks
from stepwell.errors import Conflict, InvalidOption, LimitExceeded, NotFound
from stepwell.model.run import RunFilter
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_runs_made_after_it_began_are_left_alone() -> None:
    async with Environment(shop()) as env:
        for number in range(40):
            await env.app.start("nap", 3600, id=f"n{number}")
        await env.settle()
        await env.advance(1)
        bulks = Bulks(env.app._engine())
        begun = await bulks.begin("terminate", RunFilter(workflow=("nap",)), None, 40)
        await env.advance(1)
        await env.app.start("nap", 3600, id="late")
        await env.settle()
        told = bulks.get(begun.id)
        assert (told.total, told.done, told.failed) == (40, 40, 0)
        assert told.ended_at is not None
        assert (await env.app.runs.row("late")).status.value != "terminated"
        await bulks.close()


async def test_bounds() -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 3600, id="n")
        bulks = Bulks(env.app._engine())
        with pytest.raises(Conflict):
            await bulks.begin("cancel", RunFilter(), None, 0)
        with pytest.raises(InvalidOption):
            await bulks.begin("cancel", None, None)
        with pytest.raises(NotFound):
            bulks.get("x")
        for _ in range(RUNNING):
            await bulks.begin("pause", None, ["n"])
        with pytest.raises(LimitExceeded):
            await bulks.begin("pause", None, ["n"])
        await bulks.close()
