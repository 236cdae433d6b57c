"""Acceptance 4: waits, the first of several, sending."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from stepwell import App, EventTimeout, RunFailed, RunStatus, StepwellError, first, sleep
from stepwell.testing.clock import START
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()


@dataclass
class Approval:
    by: str


approved = app.event("order.approved", Approval)
rejected = app.event("order.rejected")


@app.step
async def note(what: str) -> str:
    return what


@app.workflow
async def race(order_id: str) -> tuple[str, Any]:
    won = await first(approved=approved.wait(order_id), rejected=rejected.wait(order_id), late=sleep("2 minutes"))
    match won.name:
        case "approved":
            return won.name, won.value.by
        case "rejected" | "late":
            return won.name, won.value
    raise AssertionError(won)


@app.workflow
async def race_then_wait(order_id: str) -> list[str]:
    won = await first(approved=approved.wait(order_id), rejected=rejected.wait(order_id))
    await note(won.name)
    later = await approved.wait(order_id)
    return [won.name, later.by]


@app.workflow
async def own_mailbox() -> str:
    return (await approved.wait()).by


@app.workflow
async def two_at_once(order_id: str) -> list[str]:
    both = await asyncio.gather(approved.wait(order_id), approved.wait(order_id))
    return [one.by for one in both]


@app.workflow
async def until(order_id: str, timeout: str) -> str:
    return (await approved.wait(order_id, timeout=timeout)).by


@app.workflow
async def forever(order_id: str) -> str:
    return (await approved.wait(order_id)).by


async def test_the_first_of_several() -> None:
    async with Environment(app) as env:
        won = await race.start("a")
        await env.settle()
        await approved.send(Approval("ada"), key="a")
        assert await won.result() == ("approved", "ada")
        lost = await race.start("b")
        await env.settle()
        await rejected.send(key="b")
        assert await lost.result() == ("rejected", None)  # no payload: None
        begun = env.now()
        late = await race.start("c")
        assert await late.result() == ("late", None)
        assert env.now() - begun == 120


async def test_the_message_of_a_loser_stays_for_the_next_wait() -> None:
    async with Environment(app) as env:
        run = await race_then_wait.start("a")
        await env.settle()
        await rejected.send(key="a")
        await approved.send(Approval("ada"), key="a")
        assert await run.result() == ["rejected", "ada"]


async def test_a_loser_takes_nothing_from_another_run() -> None:
    async with Environment(app) as env:
        run = await race.start("a")
        await env.settle()
        await rejected.send(key="a")
        await run.result()
        await approved.send(Approval("ada"), key="a")
        other = await forever.start("a")
        assert await other.result() == "ada"


@pytest.mark.parametrize("order", ["approved first", "rejected first"])
async def test_the_winner_is_the_same_on_replay(order: str) -> None:
    async with Environment(app, replay=True) as env:
        run = await race_then_wait.start("a")
        await env.settle()
        # Both are there before the run is looked at again; the order in which they came decides, for ever.
        if order == "approved first":
            await approved.send(Approval("ada"), key="a")
            await rejected.send(key="a")
        else:
            await rejected.send(key="a")
            await approved.send(Approval("ada"), key="a")
        await env.settle()
        recorded = [entry["event"] for entry in await run.journal() if entry["k"] == "event"]
        for _ in range(3):
            await env.crash()
            assert [e["event"] for e in await run.journal() if e["k"] == "event"][:1] == recorded[:1]
        await approved.send(Approval("bob"), key="a")
        result = await run.result()
        assert result == (["approved", "bob"] if order == "approved first" else ["rejected", "ada"])


async def test_two_waits_in_parallel_get_one_message_each() -> None:
    async with Environment(app, replay=True) as env:
        run = await two_at_once.start("a")
        await env.settle()
        await approved.send(Approval("ada"), key="a")
        await env.settle()
        assert (await run.status()).state is RunStatus.WAITING
        await env.crash()
        await approved.send(Approval("bob"), key="a")
        assert await run.result() == ["ada", "bob"]


async def test_no_wait_times_out_unless_a_timeout_is_given() -> None:
    async with Environment(app) as env:
        patient = await forever.start("a")
        hurried = await until.start("b", "1 hour")
        await env.advance("400 days")
        assert (await patient.status()).state is RunStatus.WAITING
        with pytest.raises(RunFailed) as failed:
            await hurried.result()
        assert isinstance(failed.value.__cause__, EventTimeout)
        assert isinstance(failed.value.__cause__, TimeoutError)
        await approved.send(Approval("ada"), key="a")
        assert await patient.result() == "ada"


async def test_an_app_can_have_a_default_timeout() -> None:
    hasty = App(event_timeout="2m")
    done = hasty.event("done")

    @hasty.workflow
    async def work() -> str:
        try:
            await done.wait("a")
        except EventTimeout:
            return "late"
        return "in time"

    async with Environment(hasty) as env:
        run = await work.start()
        assert await run.result() == "late"
        assert env.now() - START == 120


async def test_three_ways_to_send() -> None:
    async with Environment(app):
        to_run = await own_mailbox.options(id="order-1").start()
        await to_run.send(approved, Approval("admin@example.com"))
        assert await to_run.result() == "admin@example.com"

        to_key = await forever.start("order-2")
        await approved.send(Approval("by key"), key="order-2")
        assert await to_key.result() == "by key"

        by_name = await forever.start("order-3")
        await app.events.send("order.approved", key="order-3", data={"by": "by name"})
        assert await by_name.result() == "by name"

        named_run = await own_mailbox.options(id="order-4").start()
        await app.events.send("order.approved", run="order-4", data={"by": "by name, to a run"})
        assert await named_run.result() == "by name, to a run"


async def test_a_message_to_a_run_is_kept_until_it_waits() -> None:
    async with Environment(app) as env:
        early = await own_mailbox.options(id="early", delay="1h").start()
        await early.send(approved, Approval("before it began"))
        await env.crash()
        assert await early.result() == "before it began"


async def test_a_payload_of_another_type_is_refused_before_it_is_sent() -> None:
    async with Environment(app) as env:
        run = await forever.start("a")
        with pytest.raises(StepwellError) as refused:
            await approved.send("not an approval", key="a")  # type: ignore[arg-type]
        assert refused.value.code == "type_mismatch"
        await env.settle()
        assert (await run.status()).state is RunStatus.WAITING


async def test_an_id_is_taken_once() -> None:
    async with Environment(app) as env:
        for _ in range(2):
            await approved.send(Approval("ada"), key="a", id="evt-1")
        one = await forever.start("a")
        assert await one.result() == "ada"
        await approved.send(Approval("ada"), key="a", id="evt-1")
        other = await forever.start("a")
        await env.settle()
        assert (await other.status()).state is RunStatus.WAITING
        await approved.send(Approval("bob"), key="a", id="evt-2")
        assert await other.result() == "bob"
