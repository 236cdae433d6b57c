"""An order: a payment that somebody else confirms, two mails, and some time of waiting in between.

Run it as it is, or with the dashboard, where you start an order and send its payment in the browser:

    python examples/order/app.py
    stepwell dev examples/order/app.py
"""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from stepwell import App, EventTimeout, NonRetryableError, sleep

app = App()


@dataclass
class Item:
    sku: Literal["tea", "cup"] = "tea"
    quantity: int = 1


@dataclass
class OrderIn:
    order_id: str
    items: list[Item]
    user_id: str = "u-1"
    review_after: str = "15 seconds"  # in life it would be "3 days"


@dataclass
class User:
    name: str
    email: str
    customer: str


@dataclass
class PaymentSettled:
    payment_id: str
    status: Literal["succeeded", "failed"] = "succeeded"


@dataclass
class OrderOut:
    status: Literal["completed", "cancelled"]
    reason: str | None = None
    payment_id: str | None = None
    total: Decimal | None = None


# What would be a database, a payment provider and a mail server.


@dataclass
class Shop:
    users: dict[str, User]
    prices: dict[str, Decimal]
    stock: dict[str, int] = field(default_factory=dict)


@app.resource
def shop() -> Shop:
    return Shop(
        users={"u-1": User("Ada", "ada@example.com", "cus_1")},
        prices={"tea": Decimal("4.20"), "cup": Decimal("12.50")},
        stock={"tea": 100, "cup": 10},
    )


payment_settled = app.event("payment.settled", PaymentSettled)


@app.step(name="Fetch user and calculate total")
async def price(user_id: str, items: list[Item], *, shop: Shop = shop.inject()) -> tuple[User, Decimal]:
    user = shop.users.get(user_id)
    if user is None:
        raise NonRetryableError("User not found")
    return user, sum((i.quantity * shop.prices[i.sku] for i in items), Decimal(0))


@app.step(name="Initiate payment", retries=3, delay="2 seconds", backoff="exponential", timeout="30 seconds")
async def create_intent(order_id: str, customer: str, total: Decimal) -> str:
    print(f"asked {customer} to pay {total}")
    return f"pi_{order_id}"


@app.step
async def reserve_inventory(items: list[Item], *, shop: Shop = shop.inject()) -> None:
    for item in items:
        shop.stock[item.sku] -= item.quantity
    print("reserved", ", ".join(f"{i.quantity} x {i.sku}" for i in items))


@app.step
async def cancel_order(order_id: str) -> None:
    print(f"cancelled {order_id}")


@app.step(retries=5, backoff="exponential")
async def send_mail(to: str, template: str, order_id: str) -> None:
    print(f"mail to {to}: {template} for {order_id}")


@app.workflow
async def order(placed: OrderIn) -> OrderOut:
    """Asks for the payment, waits ten minutes for it, reserves the goods, and asks for a review later."""
    user, total = await price(placed.user_id, placed.items)
    intent = await create_intent(placed.order_id, user.customer, total)
    try:
        paid = await payment_settled.wait(intent, timeout="10 minutes")
    except EventTimeout:
        await cancel_order(placed.order_id)
        return OrderOut("cancelled", reason="payment_timeout")
    if paid.status == "failed":
        await cancel_order(placed.order_id)
        return OrderOut("cancelled", reason="payment_failed", payment_id=paid.payment_id)

    await reserve_inventory(placed.items)
    await send_mail(user.email, "order-confirmation", placed.order_id)
    await sleep(placed.review_after)  # the run leaves memory until then
    await send_mail(user.email, "thank-you-review", placed.order_id)  # the same step again: it runs again
    return OrderOut("completed", payment_id=paid.payment_id, total=total)


async def main() -> None:
    async with app:
        o = OrderIn("order-1001", [Item("tea", 2), Item("cup")], review_after="2 seconds")
        run = await order.options(id=o.order_id).start(o)
        # What a webhook would do. It may come early, late, or twice: it is kept, and taken once.
        for _ in range(2):
            await payment_settled.send(PaymentSettled("pi_order-1001", "succeeded"), key="pi_order-1001", id="evt-1")
        print(await run.result(timeout="1 minute"))


if __name__ == "__main__":
    asyncio.run(main())
