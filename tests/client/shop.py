"""Workflows that every client is tried with, and the three ways to reach them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from stepwell import App, progress
from stepwell.client.redact import Secret
from stepwell.client.remote import RemoteClient
from tests.client.serving import served

WAYS = ("memory", "sqlite", "server")


@dataclass
class Order:
    id: str
    amount: int = 1


@dataclass
class Receipt:
    order: Order
    total: float


class OutOfStock(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left


class Shop:
    """An app with its workflows at hand."""

    def __init__(self, url: str) -> None:
        self.app = app = App(url, lease=60.0, poll_interval=0.05, grace=1.0)
        self.paid = paid = app.event("paid", int)
        self.ordered = app.event("ordered", Order)
        self.broken = True

        @app.step
        async def price(order: Order) -> float:
            return order.amount * 2.5

        @app.step(raises=OutOfStock)
        async def take(order: Order) -> None:
            if self.broken:
                raise OutOfStock(order.id, 0)

        @app.workflow(on="ordered")
        async def buy(order: Order) -> Receipt:
            progress(0.25, "pricing")
            return Receipt(order, await price(order))

        @app.workflow
        async def wait(key: str) -> int:
            return await paid.wait(key, timeout="1h")

        @app.workflow
        async def listen() -> int:
            return await paid.wait(timeout="1h")

        @app.workflow
        async def sign(token: str) -> dict[str, str]:
            return {"by": "shop", "token": token}

        @app.workflow
        async def unlock(code: str) -> Annotated[str, Secret]:
            return code

        @app.workflow
        async def fetch(order: Order) -> str:
            await take(order)
            return "taken"

        self.price, self.buy, self.wait, self.listen, self.fetch = price, buy, wait, listen, fetch
        self.take, self.sign, self.unlock = take, sign, unlock


@asynccontextmanager
async def shop_by(way: str, folder: Path) -> AsyncGenerator[tuple[Shop, Any]]:
    """A shop at work, and a client of it."""
    shop = Shop("memory://" if way == "memory" else f"sqlite:///{folder / 'shop.db'}")
    async with shop.app:
        if way != "server":
            yield shop, shop.app
            return
        async with served(shop.app) as url, RemoteClient(url, environment={}, like=shop.app) as client:
            yield shop, client


async def state(client: Any, run_id: str, *wanted: str) -> Any:
    """The run's row, once it is in one of these states."""
    async with asyncio.timeout(60):
        while (row := await client.runs.row(run_id)).status not in wanted:
            await asyncio.sleep(0.01)
        return row
