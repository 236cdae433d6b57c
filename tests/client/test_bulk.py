"""One verb for many runs. Over REST: tests/server/test_bulk.py."""

import asyncio
from itertools import count
from typing import Any

import pytest

from stepwell.client import bulk
from stepwell.client.bulk import RUNNING, Bulks
from stepwell.errors import Conflict, InvalidOption, LimitExceeded, NotFound
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
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
        told = await bulks.get(begun.id)
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
            await bulks.get("x")
        for _ in range(RUNNING):
            await bulks.begin("pause", None, ["n"])
        with pytest.raises(LimitExceeded):
            await bulks.begin("pause", None, ["n"])
        await bulks.close()


async def test_how_far_it_is_is_seen_elsewhere_and_when_its_process_is_gone() -> None:
    async with Environment(shop()) as env:
        for number in range(40):
            await env.app.start("nap", 3600, id=f"n{number}")
        await env.settle()
        engine = env.app._engine()
        here, elsewhere = Bulks(engine), Bulks(engine)
        begun = await here.begin("terminate", RunFilter(workflow=("nap",)), None)
        assert await elsewhere.get(begun.id) == begun
        await env.settle()
        told = await elsewhere.get(begun.id)
        assert (told, told.done, told.interrupted) == (await here.get(begun.id), 40, False)
        await here.close()


async def test_an_action_that_its_process_left_undone_can_be_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Environment(shop()) as env:
        for number in range(40):
            await env.app.start("nap", 3600, id=f"n{number}")
        await env.settle()
        engine = env.app._engine()
        control, stuck, calls = engine.control, asyncio.Event(), count(1)

        async def some(key: bytes, verb: str, **details: Any) -> RunRow:
            if next(calls) > 20:
                await stuck.wait()  # as long as the process lives
            return await control(key, verb, **details)

        monkeypatch.setattr(engine, "control", some)
        monkeypatch.setattr(bulk, "NOTED", 0.0)
        which = RunFilter(workflow=("nap",), status=(RunStatus.WAITING,))
        dying, other = Bulks(engine), Bulks(engine)
        begun = await dying.begin("terminate", which, None)
        await env.settle()
        assert ((await other.get(begun.id)).done, (await other.get(begun.id)).ended_at) == (16, None)
        await env.advance(bulk.SILENT + 1)  # killed: nothing more is written down
        lost = await other.get(begun.id)
        assert (lost.total, lost.done, lost.interrupted) == (40, 16, True)
        assert lost.ended_at is not None
        await dying.close()  # stopped in good order: also the last ones are on record
        stopped = await other.get(begun.id)
        assert (stopped.done, stopped.interrupted) == (20, True)
        monkeypatch.setattr(engine, "control", control)
        again = await other.begin("terminate", which, None, 20)
        await env.settle()
        assert (await other.get(again.id)).done == 20
        assert await env.app.runs.count() == {"terminated": 40}


async def test_old_records_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Environment(shop()) as env:
        bulks = Bulks(env.app._engine())
        old = await bulks.begin("pause", None, [])
        await env.settle()
        monkeypatch.setattr(bulk, "FORGOTTEN", 50.0)
        await env.advance(60)
        new = await bulks.begin("pause", None, [])
        await env.settle()
        assert [record.id for record in await env.store.records(bulk.KIND)] == [new.id] != [old.id]
