"""What is shown of one run. Over REST: tests/server/test_runs.py and test_reading.py."""

import asyncio

import msgspec
import pytest

from stepwell import App
from stepwell.client.redact import OPEN, Redactor
from stepwell.client.shapes import Failure
from stepwell.client.views import MOST_VALUE, Views
from stepwell.errors import NotFound
from stepwell.model.change import Change, Expect, Patch
from stepwell.model.options import StartOptions
from stepwell.model.status import RunStatus
from stepwell.ports.engine import StartOrder
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


class CardGatewayTimeout(Exception):
    """An exception of the user's that nobody has registered."""


def paying() -> App:
    app = App("memory://", poll_interval=0.5, lease="10s")

    @app.step(retries=2, delay="1s")
    async def charge(n: int) -> None:
        raise CardGatewayTimeout(f"no answer for {n}")

    @app.step
    async def render(n: int) -> int:
        await asyncio.sleep(n)
        return n

    @app.workflow
    async def order(n: int) -> None:
        await charge(n)

    @app.workflow
    async def both(n: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(charge(n))

    @app.workflow
    async def report(n: int) -> int:
        return await render(n)

    return app


async def test_the_class_that_was_raised_is_what_is_shown() -> None:
    async with Environment(paying()) as env:
        await env.app.start("order", 7, id="o")
        await env.app.start("both", 8, id="b")
        await env.advance("10s")
        engine = env.app._engine()
        views = Views(engine)
        detail = await views.detail(await engine.find("o"), OPEN)
        assert detail.reason == detail.now == "CardGatewayTimeout: no answer for 7"
        assert detail.summary.text == "charge failed after 3 attempts: CardGatewayTimeout: no answer for 7"
        error = detail.error
        assert isinstance(error, Failure)
        assert (error.type, error.module) == ("CardGatewayTimeout", __name__)
        assert [frame.function for frame in error.frames if frame.own] == ["charge"]
        assert error.awaited is not None
        assert (error.awaited.function, error.awaited.own) == ("order", True)
        (call,) = (await views.timeline(await engine.find("o"), None, OPEN)).calls
        assert isinstance(call.error, Failure)
        assert {call.error.type, *(t.error.type for t in call.attempts if isinstance(t.error, Failure))} == {error.type}
        inside = await views.detail(await engine.find("b"), OPEN)
        assert inside.reason == "CardGatewayTimeout: no answer for 8"
        assert isinstance(inside.error, Failure)
        (member,) = inside.error.group
        assert (member.type, [f.function for f in member.frames if f.own]) == ("CardGatewayTimeout", ["charge"])


async def test_the_holder_by_its_name_and_how_long_it_took() -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 30, id="n")
        await env.advance("60s")
        engine = env.app._engine()
        views = Views(engine)
        detail = await views.detail(await engine.find("n"), OPEN)
        assert detail.took_s == pytest.approx(30.0, abs=0.04)
        assert detail.summary.text == "Succeeded after 30s."
        assert (detail.worker, detail.worker_name) == (None, None)
        (worker,) = await engine.store.workers()
        row = msgspec.structs.replace(await engine.find("n"), worker=worker.id, finished_at=None)
        told = await views.run(row)
        assert (told.worker_name, told.took_s) == (f"{worker.host}:{worker.pid}", None)
        gone = await views.run(msgspec.structs.replace(row, worker="0123456789abcdef"))
        assert gone.worker_name == "89abcdef"


async def test_a_parked_run_says_why_in_parts() -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 3600, id="n")
        await env.settle()
        engine = env.app._engine()
        reason = "the code no longer fits:\n  journal, entry 1: step 'a'\n  code asks for:    timer 'sleep'\nResume it."
        row = await engine.find("n")
        seen = Expect(epoch=row.epoch, status=row.status, generation=row.generation, inbox=row.inbox)
        patch = Patch(status=RunStatus.PARKED, release=True, reason=reason)
        (reply,) = await engine.store.commit([Change(run=row.key, expect=seen, patch=patch)])
        assert reply.ok
        views = Views(engine)
        detail = await views.detail(await engine.find("n"), OPEN)
        assert (detail.reason, detail.now) == (reason, "the code no longer fits")
        assert detail.summary.text == "Parked: it needs a person. The code no longer fits."
        assert detail.why is not None
        assert [line.text for line in detail.why.diff] == ["step 'a'", "timer 'sleep'"]
        assert detail.why.advice == "Resume it."
        calls = (await views.timeline(await engine.find("n"), None, OPEN)).calls
        assert [call.due_at for call in calls] == [None for _ in calls]


async def test_what_a_dead_worker_did_of_a_call_is_lost() -> None:
    async with Environment(paying()) as env:
        await env.app.start("report", 3600, id="r")
        await env.settle()
        await env.crash()
        await env.advance("30s")
        engine = env.app._engine()
        (call,) = (await Views(engine).timeline(await engine.find("r"), None, OPEN)).calls
        assert [(t.n, t.status, t.lost) for t in call.attempts] == [(1, "unknown", True), (1, "running", False)]
        assert call.attempts[0].ended_at == call.attempts[1].began_at


async def test_the_code_that_a_run_went_on_by() -> None:
    app = shop()
    async with Environment(app) as env:
        engine = env.app._engine()
        views = Views(engine)
        definition = app.registry.workflow("buy")
        assert definition is not None
        order = StartOrder("buy", msgspec.json.encode(ORDER), StartOptions(id="bare"))
        await engine.start([order, msgspec.structs.replace(order, options=StartOptions(id="later", delay=60.0))])
        await env.settle()
        assert (await views.detail(await engine.find("bare"), OPEN)).code == definition.code
        assert (await views.detail(await engine.find("later"), OPEN)).code is None  # nobody has taken it
        await env.advance(4000)
        ended = await views.detail(await engine.find("bare"), OPEN)
        assert (ended.status, ended.pin, ended.code) == (RunStatus.FAILED, None, definition.code)


async def test_a_queued_run_says_why_nobody_takes_it() -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 3600, id="n", delay=60.0)
        engine = env.app._engine()
        views = Views(engine)
        row = await engine.find("n")
        assert await views.unserved(row) is None
        assert await views.unserved(msgspec.structs.replace(row, due=None)) is None
        why = "it is pinned to code c0ffee, which no live worker of queue default has"
        patch = Patch(status=RunStatus.QUEUED, due=None, pin="c0ffee", release=True)
        seen = Expect(epoch=row.epoch, status=row.status, generation=row.generation, inbox=row.inbox)
        await engine.store.commit([Change(run=row.key, expect=seen, patch=patch)])
        assert (await views.detail(await engine.find("n"), OPEN)).summary.text == f"Queued in default: {why}."
