"""Acceptance 1: an order with a payment event, two mails and a day of waiting.

The webhook's signature comes with webhooks; everything else that must hold is here.
"""

import gc
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import pytest

from stepwell import App, EventTimeout, NonRetryableError, RunFailed, RunStatus, sleep, step_info
from stepwell.core.kernel import Kernel
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()


@dataclass
class Item:
    sku: str
    quantity: int


@dataclass
class OrderIn:
    order_id: str
    user_id: str
    items: list[Item]


@dataclass
class User:
    email: str
    customer: str


@dataclass
class StripeWebhook:
    payment_intent_id: str
    amount: int
    status: Literal["succeeded", "failed"]
    customer_id: str


@dataclass
class OrderOut:
    status: Literal["completed", "cancelled"]
    reason: str | None = None
    payment_id: str | None = None
    total: Decimal | None = None
    follow_up_sent: bool = False


@dataclass
class World:
    """What lies outside: it remembers what was done to it, and knows a repeated mail by its key."""

    bodies: list[str] = field(default_factory=list)
    mails: dict[str, str] = field(default_factory=dict)

    def clear(self) -> None:
        self.bodies.clear()
        self.mails.clear()


world = World()
stripe_settled = app.event("stripe.payment", StripeWebhook)


@app.step(name="Fetch user and calculate total", retries=3)
async def price(user_id: str, items: list[Item]) -> tuple[User, Decimal]:
    world.bodies.append("price")
    if user_id != "u-1":
        raise NonRetryableError("User not found")
    return User("ada@example.com", "cus_1"), sum((i.quantity * Decimal("4.20") for i in items), Decimal(0))


@app.step(name="Initiate Stripe payment", retries=3, delay="2 seconds", backoff="exponential", timeout="30 seconds")
async def create_intent(order_id: str, customer: str, total: Decimal) -> str:
    world.bodies.append("create_intent")
    return f"pi_{order_id}"


@app.step
async def cancel_order(order_id: str) -> None:
    world.bodies.append("cancel_order")


@app.step
async def reserve_inventory(order_id: str, items: list[Item]) -> None:
    world.bodies.append("reserve")


@app.step
async def send_mail(to: str, template: str, order_id: str) -> None:
    world.bodies.append(template)
    world.mails[step_info().idempotency_key] = template


@app.workflow
async def order(o: OrderIn) -> OrderOut:
    user, total = await price(o.user_id, o.items)
    intent = await create_intent(o.order_id, user.customer, total)
    try:
        paid = await stripe_settled.wait(intent, timeout="10 minutes")
    except EventTimeout:
        await cancel_order(o.order_id)
        return OrderOut("cancelled", reason="payment_timeout")
    if paid.status == "failed":
        return OrderOut("cancelled", reason="payment_failed", payment_id=paid.payment_intent_id)
    await reserve_inventory(o.order_id, o.items)
    await send_mail(user.email, "order-confirmation", o.order_id)
    await sleep("24 hours")
    await send_mail(user.email, "thank-you-review", o.order_id)
    return OrderOut("completed", None, paid.payment_intent_id, total, True)


TEA = OrderIn("o-1", "u-1", [Item("tea", 2)])
COMPLETED = OrderOut("completed", None, "pi_o-1", Decimal("8.40"), True)
EVERYTHING = ["price", "create_intent", "reserve", "order-confirmation", "thank-you-review"]


@pytest.fixture(autouse=True)
def _clean() -> None:
    world.clear()


async def settle_payment(status: Any = "succeeded", event_id: str = "evt_1") -> None:
    await stripe_settled.send(StripeWebhook("pi_o-1", 840, status, "cus_1"), key="pi_o-1", id=event_id)


async def test_the_whole_order() -> None:
    async with Environment(app) as env:
        run = await order.options(id="o-1").start(TEA)
        await env.settle()
        assert world.bodies == ["price", "create_intent"]
        await settle_payment()
        await env.settle()
        assert (await order.get("o-1")).id == run.id
        assert (await run.status()).state is RunStatus.WAITING
        assert list(world.mails.values()) == ["order-confirmation"]
        await env.advance("23h 59m")
        assert list(world.mails.values()) == ["order-confirmation"]
        await env.advance("1m")
        status = await run.status()
        assert (status.state, status.result) == (RunStatus.SUCCEEDED, COMPLETED)
        assert status.input == {"o": {"order_id": "o-1", "user_id": "u-1", "items": [{"sku": "tea", "quantity": 2}]}}
        assert status.created_at is not None
        assert status.finished_at is not None
        assert (status.finished_at - status.created_at).total_seconds() == 24 * 3600
        assert await run.result() == COMPLETED
        assert world.bodies == EVERYTHING


async def test_a_webhook_before_the_wait_is_kept() -> None:
    async with Environment(app) as env:
        await settle_payment()
        run = await order.options(id="o-1").start(TEA)
        assert await run.result() == COMPLETED
        assert env.now() - 1_700_000_000 == 24 * 3600  # no timeout was waited for


async def test_the_same_webhook_twice_is_taken_once() -> None:
    async with Environment(app):
        await settle_payment()
        await settle_payment()
        first_run = await order.options(id="o-1").start(TEA)
        assert await first_run.result() == COMPLETED
        await settle_payment()  # a third time, when it has long been taken
        # Another run waits for the same intent: there must be nothing left for it.
        second = await order.options(id="again").start(TEA)
        assert await second.result() == OrderOut("cancelled", reason="payment_timeout")


async def test_a_failed_payment_is_seen_by_the_body() -> None:
    async with Environment(app):
        run = await order.start(TEA)
        await settle_payment("failed")
        assert await run.result() == OrderOut("cancelled", reason="payment_failed", payment_id="pi_o-1")


async def test_an_unknown_user_fails_after_one_attempt() -> None:
    async with Environment(app) as env:
        run = await order.start(OrderIn("o-2", "nobody", []))
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, NonRetryableError)
        assert str(failed.value.__cause__) == "User not found"
        assert world.bodies == ["price"]
        assert env.now() == 1_700_000_000  # no delay was waited for


async def test_no_payment_cancels_after_ten_minutes() -> None:
    async with Environment(app) as env:
        run = await order.start(TEA)
        assert await run.result() == OrderOut("cancelled", reason="payment_timeout")
        assert env.now() - 1_700_000_000 == 600
        assert world.bodies[-1] == "cancel_order"


def kernels() -> int:
    """How many there are; of a thing that stands for another, the type alone may be asked for."""
    return sum(issubclass(type(thing), Kernel) for thing in gc.get_objects())


async def test_waiting_runs_hold_no_memory_and_no_slot() -> None:
    gc.collect()
    others = kernels()  # of tests before this one
    async with Environment(app, replay=True) as env:  # as with STEPWELL_HOT_RUNS=0
        for n in range(50):
            await stripe_settled.send(StripeWebhook(f"pi_{n}", 840, "succeeded", "cus_1"), key=f"pi_{n}")
        runs = [await order.start(OrderIn(str(n), "u-1", [Item("tea", 2)])) for n in range(50)]
        await env.settle()
        assert {(await run.status()).state for run in runs} == {RunStatus.WAITING}
        (worker,) = env.workers
        assert not worker.runs
        assert not worker.suspended
        assert worker.executor.busy == 0
        await env.advance("1m")  # the virtual clock keeps the steps' timeouts until their time has passed
        gc.collect()
        # One at most: the last commit is still remembered until the next one is made.
        assert kernels() <= others + 1
        await env.advance("24h")
        assert {(await run.result()).status for run in runs} == {"completed"}


async def test_killed_between_any_two_steps_it_goes_on() -> None:
    async def scenario(env: Environment) -> OrderOut:
        await settle_payment()
        run = await order.options(id="o-1").start(TEA)
        return await run.result()

    def check(n: int, fault: object) -> None:
        # At least once each, in order; the mail server knows each mail by its key: two mails, once each.
        assert list(dict.fromkeys(world.bodies)) == EVERYTHING, (n, fault)
        assert len(world.bodies) <= len(EVERYTHING) + 1, (n, fault)
        assert sorted(world.mails.values()) == ["order-confirmation", "thank-you-review"], (n, fault)

    report = await crash_at_every_commit(app, scenario, reset=world.clear, check=check)
    assert report.outcome == COMPLETED
    assert report.crashes >= 4 * len(EVERYTHING)


async def test_killed_between_steps_it_repeats_none_of_those_recorded() -> None:
    async with Environment(app) as env:
        run = await order.start(TEA)
        await env.settle()
        await env.crash()
        await settle_payment()
        await env.settle()
        await env.crash()
        assert await run.result() == COMPLETED
        assert world.bodies == EVERYTHING
