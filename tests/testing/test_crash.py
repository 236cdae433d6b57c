"""Crashing at every commit: the tool proves a good engine and catches a bad one."""

import asyncio
from typing import Any

import pytest

from stepwell import App, sleep
from stepwell.errors import StoreUnavailable
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment
from stepwell.testing.faults import Fault


class Shop(App):
    """An app that carries its definitions along."""

    bodies: Any
    everything: Any
    failing: Any
    paid: Any


def make_app() -> Shop:
    app = Shop("memory://")
    app.bodies = []
    paid = app.event("paid", int)

    @app.step
    async def add(x: int) -> int:
        app.bodies.append(("add", x))
        return x + 1

    @app.step
    def undo(x: int) -> None:
        app.bodies.append(("undo", x))

    @app.workflow
    async def child(x: int) -> int:
        return await add(x) * 10

    @app.workflow
    async def everything(x: int) -> int:
        y = await add(x).on_rollback(undo)
        got = await paid.wait("k", timeout="24h")
        async with asyncio.TaskGroup() as together:
            one = together.create_task(add(10))
            two = together.create_task(child(3))
        try:
            async with asyncio.timeout(5):
                await paid.wait("never sent")
        except TimeoutError:
            y += 1000
        await sleep("3 days")
        return await add(y) + got + one.result() + two.result()

    @app.workflow
    async def failing(x: int) -> int:
        await add(x).on_rollback(undo)
        await add(x + 1).on_rollback(undo)
        raise ValueError("as planned")

    app.everything, app.failing, app.paid = everything, failing, paid
    return app


def test_every_kind_of_wait_survives_every_crash() -> None:
    """P1, P2, P4, P6 at every commit, in all four faults."""
    app = make_app()

    async def scenario(env: Environment) -> int:
        run = await app.everything.options(id="1").start(1)
        await app.paid.send(7, key="k", id="m1")
        return await run.result()

    report = asyncio.run(crash_at_every_commit(app, scenario, reset=app.bodies.clear))
    assert report.outcome == 1061
    assert report.crashes >= 4 * 15


def test_rollbacks_survive_every_crash() -> None:
    app = make_app()

    async def scenario(env: Environment) -> int:
        run = await app.failing.options(id="1").start(1)
        return await run.result()

    def check(n: int, fault: Fault) -> None:
        undone = [x for what, x in app.bodies if what == "undo"]
        assert undone == sorted(undone, reverse=True), "last first"
        assert set(undone) == {2, 3}

    report = asyncio.run(crash_at_every_commit(app, scenario, reset=app.bodies.clear, check=check))
    assert report.outcome == ("RunFailed", "ValueError: as planned")
    assert report.crashes >= 4 * 5


def test_an_engine_that_forgets_is_caught() -> None:
    """What reads the world outside of a step gives another outcome after a crash."""
    app = make_app()
    tries = []

    async def scenario(env: Environment) -> int:
        tries.append(1)
        run = await app.everything.options(id="1").start(1)
        await app.paid.send(7, key="k", id="m1")
        return await run.result() + len(tries)

    with pytest.raises(AssertionError, match="at write"):
        asyncio.run(crash_at_every_commit(app, scenario, reset=tries.clear))


def test_what_a_scenario_raises_is_its_outcome() -> None:
    app = make_app()

    async def scenario(env: Environment) -> int:
        raise StoreUnavailable("always")

    report = asyncio.run(crash_at_every_commit(app, scenario, faults=[Fault.LOST_REPLY]))
    assert report.outcome == ("StoreUnavailable", None)
