"""Acceptance 7: an approval with a deadline. (The form for the wait comes with the dashboard.)"""

from dataclasses import dataclass

import pytest

from stepwell import App, EventTimeout, RunStatus
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()


@dataclass
class Approval:
    by: str


approved = app.event("order.approved", Approval)
log: list[str] = []


@app.step
async def create_order(order_id: str) -> str:
    log.append("create")
    return order_id


@app.step
async def cancel_order(order_id: str) -> None:
    log.append("cancel")


@app.step
async def process_approved(order_id: str, approval: Approval) -> None:
    log.append(f"process by {approval.by}")


@app.workflow
async def order_approval(order_id: str) -> dict[str, str]:
    created = await create_order(order_id)
    try:
        approval = await approved.wait(created, timeout="24 hours")
    except EventTimeout:
        await cancel_order(created)
        return {"status": "cancelled", "reason": "approval_timeout"}
    await process_approved(created, approval)
    return {"status": "approved", "order_id": created}


@app.workflow
async def look_for_mail(order_id: str) -> str:
    return (await approved.wait(order_id, timeout="1 second")).by


CANCELLED = {"status": "cancelled", "reason": "approval_timeout"}


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()


async def test_an_approval_one_second_before_the_deadline_wins() -> None:
    async with Environment(app) as env:
        run = await order_approval.start("o-1")
        await env.advance("23h 59m 59s")
        assert (await run.status()).state is RunStatus.WAITING
        await approved.send(Approval("ada"), key="o-1")
        assert await run.result() == {"status": "approved", "order_id": "o-1"}
        assert log == ["create", "process by ada"]


async def test_one_second_after_it_finds_the_wait_closed_and_is_kept() -> None:
    async with Environment(app) as env:
        run = await order_approval.start("o-1")
        await env.advance("24h 1s")
        await approved.send(Approval("ada"), key="o-1")
        assert await run.result() == CANCELLED
        assert log == ["create", "cancel"]
        kept = await look_for_mail.start("o-1")
        assert await kept.result() == "ada"


@pytest.mark.parametrize("approval", ["none", "in time", "too late"])
async def test_a_worker_down_for_two_days(approval: str) -> None:
    clock = VirtualClock()
    store = MemoryStore("test", clock)
    async with Environment(app, store=store, clock=clock) as env:
        run = await order_approval.options(id="r").start("o-1")
        await env.settle()
    # Nobody works now; a client still sends.
    async with Environment(app, store=store, clock=clock, workers=0):
        clock.move_to(clock.now() + (23 if approval == "in time" else 25) * 3600)
        if approval != "none":
            await approved.send(Approval("ada"), key="o-1")
    clock.move_to(clock.now() + 2 * 86_400)
    async with Environment(app, store=store, clock=clock) as env:
        run = await order_approval.get("r")
        result = await run.result()
        # What had happened first counts, not what was seen first.
        if approval == "in time":
            assert result == {"status": "approved", "order_id": "o-1"}
        else:
            assert result == CANCELLED
        if approval == "too late":
            assert await (await look_for_mail.start("o-1")).result() == "ada"
