"""What is shown of one run. Over REST: tests/server/test_runs.py and test_reading.py."""

import pytest

from stepwell.client.redact import OPEN, Redactor
from stepwell.client.shapes import Failure
from stepwell.client.views import MOST_VALUE, Views
from stepwell.errors import NotFound
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio
ORDER = {"id": "7", "amount": 1}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_details_and_timeline_of_each_generation() -> None:
    async with Environment(shop()) as env:
        run = await env.app.start("buy", ORDER, id="b")
        await env.settle()
        await run.restart()
        await env.settle()
        views = Views(env.app._engine())
        row = await env.app._engine().find("b")
        detail = await views.detail(row, OPEN)
        assert (detail.generations, detail.current) == (2, ["paid"])
        assert detail.counts.calls == 2
        assert detail.summary.text == "Waits for paid with key 7, 1h 00m left."
        assert detail.actions == ["pause", "cancel", "terminate", "restart"]
        now = await views.timeline(row, None, OPEN)
        before = await views.timeline(row, 1, OPEN)
        assert [(c.id, c.status) for c in now.calls] == [("charge", "succeeded"), ("paid", "waiting")]
        assert [(c.id, c.status) for c in before.calls] == [("charge", "succeeded"), ("paid", "cancelled")]
        charge = now.calls[0]
        assert charge.policy == "2 attempts, 1s apart, doubling"
        assert charge.source is not None
        assert charge.source.file.endswith("shop.py")
        assert charge.value == "c-7"
        for generation in (0, 3):
            with pytest.raises(NotFound):
                await views.timeline(row, generation, OPEN)


async def test_children_and_large_values() -> None:
    async with Environment(shop()) as env:
        run = await env.app.start("parent", 2, id="p")
        await run.result(timeout=60)
        views = Views(env.app._engine())
        told = await views.timeline(await env.app._engine().find("p"), None, OPEN)
        children = [call for call in told.calls if call.kind == "child"]
        assert [call.child.status for call in children if call.child] == ["succeeded", "succeeded"]
        big = await env.app.start("charge", {"id": "x" * (MOST_VALUE + 1), "amount": 1}, id="big")
        await big.result(timeout=60)
        (call,) = (await views.timeline(await env.app._engine().find("big"), None, OPEN)).calls
        assert call.value_size is not None
        assert call.value_size > MOST_VALUE
        assert "value" not in repr(call.value) or call.value is not None
        assert isinstance(call.value, type(call.error))  # both are left out


async def test_a_failed_run_shows_where_it_failed_and_hides_what_is_secret() -> None:
    async with Environment(shop()) as env:
        await env.app.start("fail", "no card", id="f")
        await env.settle()
        views = Views(env.app._engine())
        row = await env.app._engine().find("f")
        detail = await views.detail(row, Redactor(("text",)))
        assert detail.input == {"text": "••••"}
        assert detail.summary.text == "refuse failed: ValueError: no card"
        assert isinstance(detail.error, Failure)
        assert [frame.function for frame in detail.error.frames if frame.own] == ["refuse"]
        assert detail.actions == ["restart", "retry"]
        (listed,) = await views.runs([row])
        assert listed.now == "ValueError: no card"
