"""Live view of one run. Over HTTP: tests/server/test_live.py."""

import json
from typing import Any

import msgspec
import pytest

from stepwell.client.redact import OPEN
from stepwell.client.runstream import RunWatches
from stepwell.client.views import Views
from stepwell.model.logline import KIND, Batch, Line
from stepwell.model.record import Record
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def told(part: bytes | None) -> list[tuple[str, Any]]:
    found = []
    for block in (part or b"").decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def calls(events: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(call["id"], call["status"]) for name, data in events if name == "timeline" for call in data["calls"]]


async def test_that_somebody_could_take_it_now_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 3600, id="n", delay=60.0)
        views = Views(env.app._engine())
        why: list[str | None] = ["no worker is alive"]

        async def unserved(row: Any) -> str | None:
            return why[0]

        monkeypatch.setattr(views, "unserved", unserved)
        watch, listener = RunWatches(views).listen(await env.app._engine().find("n"), OPEN)
        assert watch._task is not None
        watch._task.cancel()  # the test looks
        await watch.look()
        await listener.get(0)
        assert await watch.look() is False
        why[0] = None
        assert await watch.look() is True
        assert [name for name, _ in told(await listener.get(0))] == ["run"]


async def test_first_all_then_what_changed_then_the_end() -> None:
    async with Environment(shop()) as env:
        run = await env.app.start("buy", {"id": "7", "amount": 1}, id="b")
        await env.settle()
        watches = RunWatches(Views(env.app._engine()))
        row = await env.app._engine().find("b")
        watch, listener = watches.listen(row, OPEN)
        assert watch._task is not None
        watch._task.cancel()  # the test looks
        await watch.look()
        first = told(await listener.get(0))
        assert [name for name, _ in first] == ["run", "timeline"]
        assert calls(first) == [("charge", "succeeded"), ("paid", "waiting")]
        assert await watch.look() is False
        line = msgspec.json.encode(Batch([Line(at=1.0, level="info", text="hello")], 1, 9))
        await env.app._engine().store.put([Record(kind=KIND, id="1", at=1.0, data=line, owner=row.key)])
        await watch.look()
        assert [(name, data["text"]) for name, data in told(await listener.get(0))] == [("log", "hello")]
        await env.app.events.send("paid", key="7", data={})
        await run.result(timeout=60)
        again, late = watches.listen(row, OPEN)
        assert again is watch
        assert watch._task is not None
        watch._task.cancel()
        await watch.look()
        last = told(await listener.get(0))
        assert calls(last) == [("paid", "succeeded")]
        assert (last[0][0], last[-1][0], last[-1][1]["status"]) == ("run", "end", "succeeded")
        whole = told(await late.get(0))
        assert calls(whole) == [("charge", "succeeded"), ("paid", "succeeded")]
        assert watch.over
        assert watches.listening == 2
        watches.forget(watch, listener)
        watches.forget(watch, late)
        assert watches.listening == 0
        await watches.close()


async def test_a_new_generation_begins_anew() -> None:
    async with Environment(shop()) as env:
        run = await env.app.start("nap", 60, id="n")
        await env.settle()
        watches = RunWatches(Views(env.app._engine()))
        watch, listener = watches.listen(await env.app._engine().find("n"), OPEN)
        assert watch._task is not None
        watch._task.cancel()
        await watch.look()
        await listener.get(0)
        await run.restart()
        await env.settle()
        await watch.look()
        seen = told(await listener.get(0))
        assert seen[0][1]["generation"] == 2
        assert calls(seen) == [("sleep", "waiting")]
        await watches.close()
        assert await listener.get(0) is None
