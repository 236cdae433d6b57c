"""What a run waits for now: from the worker that holds it, or by a replay."""

from typing import Any

import pytest

from stepwell import App
from stepwell.client.check import OpenCall, check_run
from stepwell.client.opennow import OpenNow
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def found(app: App, run_id: str, now: OpenNow | None = None) -> tuple[OpenCall, ...] | None:
    engine = app._engine()
    loaded = await engine.store.load((await engine.find(run_id)).key)
    assert loaded is not None
    return await (now or OpenNow(engine)).of(loaded, len(loaded.journal or []))


async def test_held_here_and_replayed_agree() -> None:
    app = shop()
    async with Environment(app) as env:
        await app.start("buy", {"id": "7", "amount": 1}, id="b")
        await app.start("echo", 1, id="e")
        await env.settle()
        held = await found(app, "b")
        assert [(call.kind, call.call) for call in held or ()] == [("event", "paid"), ("timer", "paid/timeout")]
        workers, app._engine().workers[:] = list(app._engine().workers), []
        assert await found(app, "b") == held
        assert await found(app, "e") == ()  # ended
        other = App("memory://", mode="client")
        other.parts = app.parts
        async with other:  # no code here: nobody can say
            assert await found(other, "b") is None
        app._engine().workers[:] = workers


async def test_a_run_that_has_not_begun_has_asked_for_nothing() -> None:
    app = shop()
    async with Environment(app) as env:
        await app.start("nap", 60, id="n", delay="2h")
        await env.settle()
        assert await found(app, "n") == ()


async def test_a_replay_is_kept_until_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app, replays = shop(), 0
    check = check_run

    def counted(*args: Any) -> Any:
        nonlocal replays
        replays += 1
        return check(*args)

    monkeypatch.setattr("stepwell.client.opennow.check_run", counted)
    async with Environment(app) as env:
        await app.start("nap", 60, id="n")
        await env.settle()
        workers, app._engine().workers[:] = list(app._engine().workers), []
        now = OpenNow(app._engine())
        for _ in range(3):
            await found(app, "n", now)
        assert replays == 1
        monkeypatch.setattr("stepwell.client.opennow.MOST_ENTRIES", 0)
        assert await found(app, "n", now) is None
        app._engine().workers[:] = workers
