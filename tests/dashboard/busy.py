"""An app and a database with runs in every state: failures of several causes, tags, children, hostile texts."""

import asyncio
from typing import Any

from stepwell import App
from tests.dashboard.shopfront import XSS

STATES = ("queued", "running", "waiting", "paused", "parked", "succeeded", "failed", "cancelled", "terminated")
MANY = 130


class Switch:
    """What a step waits for before it goes on."""

    def __init__(self) -> None:
        self.go = asyncio.Event()


def busy(switch: Switch) -> App:
    """A new app in memory."""
    app = App("memory://")
    settled = app.event("payment.settled", dict[str, Any])

    @app.step(name="charge", retries=0)
    async def charge(amount: int) -> str:
        """Charges a card."""
        if amount == 13:
            raise TimeoutError(f"no answer from the gateway within {amount}s")
        if amount < 0:
            raise ValueError("amount 'x' is below 0")
        return f"ch_{amount}"

    @app.step(name="hold")
    async def hold() -> str:
        await switch.go.wait()
        return "held"

    @app.step(name="refund", retries=0)
    async def refund(charge: str) -> None:
        raise PermissionError(f"refund of {charge} is refused")

    @app.workflow(name="place_order")
    async def place_order(amount: int = 1, note: str = "") -> str:
        """Charges the card and says how it went.

        The note is kept with the order.
        """
        return await charge(amount)

    @app.workflow(name="pay_later")
    async def pay_later(key: str) -> dict[str, Any]:
        return await settled.wait(key=key, timeout="2d")

    @app.workflow(name="import_catalog")
    async def import_catalog() -> str:
        return await hold()

    @app.workflow(name="monthly")
    async def monthly(amount: int) -> str:
        await charge(amount).on_rollback(refund)
        return await charge(-1)

    @app.workflow(name="family")
    async def family() -> list[str]:
        return list(await asyncio.gather(*(place_order.options(id=f"child-{n}")(n) for n in range(2))))

    return app


async def until(app: App, id: str, *statuses: str) -> None:
    """Wait until a run has one of these states."""
    while (await app.runs.row(id)).status not in statuses:
        await asyncio.sleep(0.01)


async def fill(app: App) -> None:
    """Start the runs, and bring each into its state."""

    async def start(workflow: str, id: str, input: Any = None, *statuses: str, **options: Any) -> None:
        await app.runs.start(workflow, input, id=id, **options)
        if statuses:
            await until(app, id, *statuses)

    for number in range(MANY):
        await start(
            "place_order", f"bulk-{number:03}", {"amount": number % 9}, tags={"region": "eu" if number % 2 else "us"}
        )
    for number in range(MANY):
        await until(app, f"bulk-{number:03}", "succeeded")
    await start("monthly", "kpi-2026-11", {"amount": 1}, "parked", tags={"month": "2026-11"})
    for number, text in enumerate(XSS):
        await start(
            "place_order", f"hostile-{number} {text}", {"amount": 2, "note": text}, "succeeded", tags={"said": text}
        )
    for number in range(3):
        await start("place_order", f"slow-{number}", {"amount": 13}, "failed", tags={"region": "eu"})
    await start("place_order", "below-1", {"amount": -1}, "failed")
    await start("family", "family-1", None, "succeeded")
    await start("pay_later", "later-1", {"key": "later"}, "waiting", tags={"region": "eu", "tier": "gold"})
    await start("pay_later", "later-2", {"key": "later-2"}, "waiting")
    await start("pay_later", "paused-1", {"key": "paused"}, "waiting")
    await (await app.runs.get("paused-1")).pause()
    await until(app, "paused-1", "paused")
    await start("pay_later", "cancelled-1", {"key": "cancelled"}, "waiting")
    await (await app.runs.get("cancelled-1")).cancel()
    await until(app, "cancelled-1", "cancelled")
    await start("pay_later", "terminated-1", {"key": "terminated"}, "waiting")
    await (await app.runs.get("terminated-1")).terminate()
    await until(app, "terminated-1", "terminated")
    await start("place_order", "queued-1", {"amount": 1}, delay="10h")
    await start("import_catalog", "import-1", None, "running")
    counts = await app.runs.count()
    assert all(counts.get(status) for status in STATES), counts
