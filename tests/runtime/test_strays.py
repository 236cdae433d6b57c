"""Runs that were given back to code which then went away."""

import asyncio
import logging
from pathlib import Path

import msgspec
import pytest

from stepwell import RunStatus
from stepwell.errors import StoreUnavailable
from stepwell.runtime import strays
from stepwell.runtime.strays import GRACE
from tests.client.deploys import FITS, MISFIT, OLD, code, deploy
from tests.runtime.test_codes import PIN, Fleet, begin, fleet

__all__ = ["fleet"]
pytestmark = pytest.mark.anyio


async def given_back(fleet: Fleet, tmp_path: Path, options: str = "") -> Fleet:
    """The new code could not go on, and the old one is drained before it takes the run."""
    old, new = deploy(tmp_path, OLD, options), deploy(tmp_path, MISFIT, options)
    await begin(fleet, old)
    env = await fleet.start(new)
    await new.events.send("go", key="k", data={})
    await env.settle()
    assert (await fleet.row()).pin == code(old)
    await fleet.processes.pop(old).workers[0].drain()
    return fleet


async def sweep(fleet: Fleet) -> int:
    (env,) = fleet.processes.values()
    freed = await env._opened.strays.sweep()
    await fleet.settle()
    return freed


async def test_when_the_last_worker_with_its_code_is_gone_it_is_parked(fleet: Fleet, tmp_path: Path) -> None:
    await given_back(fleet, tmp_path)
    assert await sweep(fleet) == 0  # a worker may only be starting again
    fleet.clock.move_to(fleet.clock.now() + GRACE - 1)
    assert await sweep(fleet) == 0
    fleet.clock.move_to(fleet.clock.now() + 1)
    for worker in next(iter(fleet.processes.values())).workers:
        worker.beat()
    assert await sweep(fleet) == 1
    row = await fleet.row()
    assert (row.status, row.pin) == (RunStatus.PARKED, None)
    assert "two" in (row.reason or "")
    assert await sweep(fleet) == 0


async def test_code_that_comes_back_takes_it(fleet: Fleet, tmp_path: Path) -> None:
    await given_back(fleet, tmp_path)
    assert await sweep(fleet) == 0
    (new,) = fleet.processes
    env = await fleet.start(deploy(tmp_path, OLD))
    await env.settle()
    assert (await fleet.row()).status is RunStatus.SUCCEEDED
    assert new in fleet.processes


async def test_being_away_twice_is_not_being_away_for_long(fleet: Fleet, tmp_path: Path) -> None:
    await given_back(fleet, tmp_path)
    store, row = fleet.store, await fleet.row()
    heart = await store.heart()
    for _ in range(3):
        assert await sweep(fleet) == 0
        (worker, *_) = await store.workers()
        fleet.clock.move_to(fleet.clock.now() + GRACE - 1)
        for own in next(iter(fleet.processes.values())).workers:
            own.beat()
        now = fleet.clock.now()
        offers = {row.workflow: row.pin or ""}
        heart.beat(msgspec.structs.replace(worker, id="other", offers=offers, beat_at=now, expires_at=now + 15))
        assert await sweep(fleet) == 0
        heart.stop("other")
    assert (await fleet.row()).pin == row.pin


async def test_what_the_workflow_pins_stays_pinned(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD, PIN), deploy(tmp_path, FITS, PIN)
    await begin(fleet, old)
    await fleet.stop(old)
    await fleet.start(new)
    await new.events.send("go", key="k", data={})
    await fleet.settle()
    for _ in range(3):
        assert await sweep(fleet) == 0
        fleet.clock.move_to(fleet.clock.now() + GRACE)
    assert (await fleet.row()).pin == code(old)


async def test_it_looks_by_itself_and_goes_on_after_an_error(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    env = await fleet.start(deploy(tmp_path, OLD))
    looked = asyncio.Event()
    answers = iter([StoreUnavailable("away"), ValueError("odd")])

    async def sweep() -> int:
        if (error := next(answers, None)) is not None:
            raise error
        looked.set()
        return 0

    monkeypatch.setattr(strays, "EVERY", 0.001)
    one = env._opened.strays
    monkeypatch.setattr(one, "sweep", sweep)
    with caplog.at_level(logging.WARNING, "stepwell.worker"):
        one.start()
        await asyncio.wait_for(looked.wait(), 60)
        await one.stop()
    assert "failed: away" in caplog.text
    assert "odd" in caplog.text
