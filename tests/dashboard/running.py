"""Runs for the tests of the run page, and where they are on it."""

import asyncio
from typing import Any

from playwright.sync_api import Page

from stepwell import App
from tests.dashboard.shopfront import order
from tests.server.live import Live


async def _start(app: App, workflow: str, id: str, input: Any, until: str | None, options: dict[str, Any]) -> None:
    await app.runs.start(workflow, input, id=id, **options)
    while until and (await app.runs.row(id)).status != until:
        await asyncio.sleep(0.01)


def start(server: Live, workflow: str, id: str, input: Any = None, until: str | None = None, **options: Any) -> None:
    """Start a run, and wait until it has a status."""
    server.run(_start(server.app, workflow, id, input, until, options))


def waiting(server: Live, id: str) -> None:
    """An order that waits for its review."""
    start(server, "place_order", id, order(id), until="waiting", tags={"region": "eu"})


def choose(page: Page, name: str) -> None:
    """Click a row on its name: of its bars, idle time may be folded just there, and a click would unfold it."""
    row(page, name).locator(".tl-name").click()


def row(page: Page, name: str) -> Any:
    return page.locator(".tl-row", has=page.get_by_text(name, exact=True)).first
