"""The workflow that `stepwell demo` runs: an order, from the shelf to the courier.

Every body notes in a file when it begins and when it ends. The file knows nothing of the engine, so it is the
witness of what really ran, and how often.
"""

import asyncio
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from stepwell import App, step_info

LOG = "STEPWELL_DEMO_LOG"
PACE = "STEPWELL_DEMO_PACE"
app = App("sqlite:///demo.db", lease="2s", poll_interval="200ms")


@dataclass
class Order:
    id: str
    item: str
    amount: int


@dataclass
class Paid:
    reference: str


paid = app.event("order.paid", Paid)


@contextmanager
def witnessed(step: str) -> Generator[None]:
    """Note in the log, on disk, that a body begins and that it ends."""
    step_info().logger.info("in process %d", os.getpid())  # kept with the run
    _note(step, "began")
    yield
    _note(step, "ended")


def _note(step: str, what: str) -> None:
    path = os.environ.get(LOG)
    if path is None:  # nobody asks for a witness
        return
    line = {"step": step, "what": what, "pid": os.getpid(), "attempt": step_info().attempt}
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, msgspec.json.encode(line) + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def work(seconds: float) -> float:
    """How long a body pretends to work; tests have less patience than people."""
    return seconds * float(os.environ.get(PACE, "1"))


@app.step
async def reserve_stock(order: Order) -> str:
    with witnessed("reserve_stock"):
        await asyncio.sleep(work(1.4))  # noqa: TID251 - the work of a step
        return f"shelf 7, {order.item}"


@app.step
def open_invoice(order: Order) -> str:
    with witnessed("open_invoice"):  # a plain function: it runs in a thread
        time.sleep(work(1.6))  # noqa: TID251
        return f"invoice-{order.id}"


@app.step
async def pack_parcel(place: str) -> str:
    with witnessed("pack_parcel"):
        await asyncio.sleep(work(4.0))  # noqa: TID251
        return f"parcel from {place}"


@app.step
async def print_label(parcel: str) -> str:
    with witnessed("print_label"):
        await asyncio.sleep(work(1.6))  # noqa: TID251
        return "label 4711"


@app.step
async def book_courier(order: Order) -> str:
    with witnessed("book_courier"):
        await asyncio.sleep(work(2.4))  # noqa: TID251
        return "courier at 17:00"


@app.step
async def send_receipt(order: Order, reference: str) -> str:
    with witnessed("send_receipt"):
        await asyncio.sleep(work(1.0))  # noqa: TID251
        return f"receipt for {order.amount} ({reference})"


@app.workflow
async def place_order(order: Order) -> str:
    place = await reserve_stock(order)
    await open_invoice(order)
    parcel = await pack_parcel(place)

    payment = await paid.wait(key=order.id, timeout="10m")

    async with asyncio.TaskGroup() as together:
        together.create_task(print_label(parcel))
        courier = together.create_task(book_courier(order))

    await send_receipt(order, payment.reference)
    return f"{parcel}, {courier.result()}"
