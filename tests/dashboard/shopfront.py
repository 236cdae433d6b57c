"""What the tests of the run, start and events pages look at: an app with every kind of call, and made-up histories."""

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from stepwell import App, sleep

XSS = (
    "<script>window.broken=1</script>",
    '"><img src=x onerror=window.broken=1>',
    "javascript:window.broken=1",
    "</script><svg onload=window.broken=1>",
    "{{7*7}}${7*7}",
    "\u202egnp.exe\u2066",
    "مرحبا 日本語",
)


def written_out(text: str) -> str:
    """A text as the dashboard shows it: signs that turn the direction of writing as escapes."""
    return re.sub("[\u202a-\u202e\u2066-\u2069]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


@dataclass
class Line:
    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=1)]
    price: Decimal


@dataclass
class Order:
    id: str
    amount: Annotated[int, msgspec.Meta(gt=0)]
    lines: list[Line]
    currency: Literal["EUR", "USD"] = "EUR"
    gift: bool = False


@dataclass
class Review:
    stars: Annotated[int, msgspec.Meta(ge=1, le=5)]
    comment: str | None = None


def shopfront() -> App:
    """A new app in memory."""
    app = App("memory://")
    review = app.event("review.submitted", Review)
    placed = app.event("order.placed", Order)
    tried: dict[str, int] = {}

    @app.step(name="charge", retries=2, delay="10ms")
    async def charge(order: Order) -> str:
        tried[order.id] = tried.get(order.id, 0) + 1
        if tried[order.id] == 1:
            raise ConnectionError("the gateway gave up")
        return f"ch_{order.id}"

    @app.step(name="refund")
    async def refund(charge: str) -> None: ...

    @app.step(name="refuse", retries=1, delay="10ms")
    async def refuse(text: str) -> None:
        raise ValueError(text)

    @app.step(name="page")
    async def page(number: int) -> int:
        return number

    @app.workflow(name="print_label")
    async def print_label(order: str) -> str:
        return f"label {await page(len(order))}"

    @app.workflow(name="place_order", on=placed)
    async def place_order(order: Order) -> dict[str, Any]:
        """Charges the card and asks for a review."""
        charged = await charge(order).on_rollback(refund)
        async with asyncio.TaskGroup() as group:
            group.create_task(page(1))
            label = group.create_task(print_label.options(id=f"label-{order.id}")(order.id))
        answer = await review.wait(timeout="2d")
        return {"charge": charged, "label": label.result(), "stars": answer.stars}

    @app.workflow(name="fails")
    async def fails(text: str = "no") -> None:
        await charge(Order("f", 1, [])).on_rollback(refund)
        await refuse(text)

    @app.workflow(name="many")
    async def many(count: int) -> int:
        return sum(await asyncio.gather(*[page(number) for number in range(count)]))

    @app.workflow(name="naps")
    async def naps() -> None:
        await sleep("1h")

    return app


def order(id: str) -> Order:
    return Order(id, 12, [Line("tea", 2, Decimal("4.20"))])
