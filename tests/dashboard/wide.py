"""An app whose names, ids, tags and messages are longer than the columns that show them."""

import asyncio
from typing import Any

from stepwell import App

LONG = "synchronise_the_warehouse_stock_with_every_marketplace"
LONG_ID = "tenant/eu-central-1/warehouse/2026-11-20T14:35:02.123456Z/label/0000000000000042"
ELSEWHERE = "přeložit_uživatelskou_příručku"


def wide() -> App:
    """A new app in memory."""
    app = App("memory://")
    settled = app.event("payment.settled.by.the.gateway.of.the.tenant", dict[str, Any])

    @app.step(name="normalise_the_address_of_a_customer_in_every_country", retries=0)
    async def normalise(address: str) -> str:
        """Takes an address apart, and puts it together as the post of its country wants it."""
        return await asyncio.wait_for(delivered_by_the_post_of_the_country(address), 60) if "?" in address else address

    @app.workflow(name=LONG, queue="a-queue-with-a-name-that-is-longer-than-most")
    async def synchronise(address: str) -> dict[str, Any]:
        """Tells every marketplace how much is left of each article, and waits until each of them has understood."""
        return {"address": await normalise(address), "marketplaces": ["north", "south"], "changed": 412}

    @app.workflow(name=ELSEWHERE)
    async def translate(chapter: str) -> dict[str, Any]:
        return await settled.wait(key=chapter, timeout="14d")

    return app


async def delivered_by_the_post_of_the_country(address: str) -> str:
    """Raises an error; its traceback has frames of one's own and of a library."""
    raise LookupError(f"the country of {address * 12} is not one that the post delivers to")


async def fill(app: App) -> None:
    """Runs that wait, failed, are delayed, have made ids, and tags."""
    tags = {"region": "eu-central-1", "tenant": "globex-international", "team": "stock"}
    for number in range(12):
        await app.start(LONG, f"lane {number}", tags=tags if number % 2 else {"region": "eu", "tier": "gold"})
    await app.start(LONG, "nowhere?", id="failed-1", tags=tags)
    await app.start(LONG, "later", id="later-1", delay="2h")
    await app.start(ELSEWHERE, "日本語の章", id=LONG_ID)
    await app.start(ELSEWHERE, "الفصل", id="الفصل الأول")
    states = {"failed-1": "failed", LONG_ID: "waiting", "الفصل الأول": "waiting"}
    while any([(await app.runs.row(id)).status != status for id, status in states.items()]):
        await asyncio.sleep(0.01)
