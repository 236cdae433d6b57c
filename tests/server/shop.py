"""An app with a workflow for every kind of call, and the texts that a page must never take for its own."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from stepwell import App, sleep
from stepwell.client.redact import Secret

XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</script><svg onload=alert(1)>",
    "{{7*7}}${7*7}",
    "\u202e\u2066\x1b[31m",
)


class Size(StrEnum):
    SMALL = "s"
    LARGE = "l"


@dataclass
class Order:
    id: str
    amount: Annotated[int, msgspec.Meta(ge=1)]
    size: Size = Size.SMALL
    note: str | None = None


@dataclass
class Card:
    number: str
    pin: Annotated[str, Secret]
    api_key: str = "k"


def shop(url: str = "memory://", **options: Any) -> App:
    """A new app over a database of its own."""
    app = App(url, **options)
    paid = app.event("paid", dict[str, Any])
    app.event("done")

    @app.step(retries=1, delay="1s", name="charge")
    async def charge(order: Order) -> str:
        """Charges the card."""
        return f"c-{order.id}"

    @app.step(name="refuse")
    async def refuse(text: str) -> None:
        raise ValueError(text)

    @app.step(name="undo")
    async def undo(charge_id: str) -> None:
        return None

    @app.workflow
    async def buy(order: Order) -> dict[str, Any]:
        """Buys.

        Waits for the payment.
        """
        charge_id = await charge(order).on_rollback(undo)
        message = await paid.wait(key=order.id, timeout="1h")
        return {"charge": charge_id, "message": message, "token": "t0p"}

    @app.workflow
    async def fail(text: str) -> None:
        await refuse(text)

    @app.workflow
    async def echo(value: Any = None) -> Any:
        return value

    @app.workflow
    async def nap(seconds: float = 60.0) -> None:
        await sleep(seconds)

    @app.workflow
    async def parent(n: int) -> list[Any]:
        return list(await asyncio.gather(*(echo(i) for i in range(n))))

    @app.workflow(on=paid)
    async def typed(
        card: Card | None = None,
        when: datetime | None = None,
        total: Decimal = Decimal("1.5"),
        of: UUID | None = None,
        data: bytes = b"",
        mode: Literal["a", "b"] = "a",
        *,
        flags: list[bool] | None = None,
    ) -> Decimal:
        return total

    return app
