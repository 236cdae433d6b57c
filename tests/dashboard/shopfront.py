"""What the tests of the run, start and events pages look at: an app with every kind of call, and made-up histories."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from stepwell import App, sleep

XSS = (
    "<script>window.broken=1</script>",
    "\"><img src=x onerror=window.broken=1>",
    "javascript:window.broken=1",
    "</script><svg onload=window.broken=1>",
    "{{7*7}}${7*7}",
    "\u202egnp.exe\u2066",
    "مرحبا 日本語",
)


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


def text_of(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def call(name: str, at: datetime, seconds: float, **more: Any) -> dict[str, Any]:
    """A call as the API tells of it: one attempt of so many seconds."""
    ended = text_of(at + timedelta(seconds=seconds))
    tries = [{"n": 1, "began_at": text_of(at), "ended_at": ended, "status": "succeeded"}]
    made: dict[str, Any] = {"id": name, "parent": None, "name": name, "kind": "step", "status": "succeeded", "opened_at": text_of(at), "began_at": text_of(at), "ended_at": ended, "due_at": None, "policy": None, "source": None, "undo": False, "attempts": tries, "event": None, "child": None, "value_size": None, "seq": None}  # fmt: skip
    return {**made, **more}


def long_history(count: int, start: datetime) -> Iterator[dict[str, Any]]:
    """A run of many calls, one after the other, each of its own name."""
    for number in range(count):
        yield call(f"step_{number}x", start + timedelta(seconds=number), 0.5)


def sleepy_history(now: datetime) -> list[dict[str, Any]]:
    """Three seconds of work, twelve hours of sleep, and work that goes on."""
    start = now - timedelta(hours=12, seconds=20)
    woke = now - timedelta(seconds=10)
    running = {"n": 2, "began_at": text_of(woke + timedelta(seconds=4)), "ended_at": None, "status": "running"}
    failed = {"n": 1, "began_at": text_of(woke + timedelta(seconds=1)), "ended_at": text_of(woke + timedelta(seconds=3)), "status": "failed", "error": failure("SMTPServerDisconnected", "closed")}  # fmt: skip
    return [
        call("validate", start, 1),
        call("charge", start + timedelta(seconds=1), 2),
        call("sleep", start + timedelta(seconds=3), 12 * 3600 + 7, kind="sleep", attempts=[], due_at=text_of(woke)),
        call("send_invoice", woke, 0, status="running", ended_at=None, attempts=[failed, running], policy="6 attempts, 4s apart, doubling"),  # fmt: skip
        call("guess", woke, 2, status="unknown", attempts=[{"n": 1, "began_at": text_of(woke), "ended_at": text_of(woke + timedelta(seconds=2)), "status": "unknown"}]),  # fmt: skip
        call("review", woke, 0, kind="wait", status="waiting", ended_at=None, attempts=[], event={"name": "review", "key": None, "received_at": None}, due_at=text_of(now + timedelta(hours=48))),  # fmt: skip
    ]


def failure(type: str, message: str) -> dict[str, Any]:
    """A failure as the API tells of it, with a frame of the user's and one of a library."""
    own = {"file": "billing/mail.py", "line": 41, "function": "send", "own": True, "context": [{"line": 40, "text": "    connect()"}, {"line": 41, "text": "    post(message)"}]}  # fmt: skip
    library = {"file": "/usr/lib/python3.12/smtplib.py", "line": 900, "function": "post", "own": False, "context": []}
    return {"type": type, "message": message, "code": None, "retryable": True, "details": None, "traceback": f"Traceback\n{type}: {message}", "frames": [own, library], "cause": None, "group": [], "notes": []}  # fmt: skip


def moment() -> datetime:
    return datetime.now(UTC)
