"""How `stepwell demo` ends: with the dashboard before a person, with the command that shows it elsewhere."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from stepwell.cli import demo_app
from stepwell.cli.demo_app import Order, place_order
from stepwell.cli.demo_story import RUN
from stepwell.cli.open import has_display, page_of
from stepwell.cli.program import program
from stepwell.cli.terminal import line
from stepwell.client.app import App
from stepwell.client.stopping import Stopping

NEXT: Final = "order-1002"
GRACE: Final = 1.0


def attended() -> bool:
    """Whether a person sits before it, who looks and presses Ctrl-C."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def point(folder: Path) -> None:
    """Say in one line how to look at the demo's runs."""
    command = f"{program()} server stepwell.cli.demo_app:app --url sqlite:///{folder / 'demo.db'}"
    line()
    line(("See its run in the dashboard: ", "bold"), (command, "cyan"))


async def show(folder: Path, *, opens: bool) -> None:
    """Serve the dashboard over the demo's runs until the process is asked to stop.

    One more run is started, so that there is something to watch, and to send an event to; a worker is in this process.
    """
    from stepwell.server.serving import serve

    stopping = Stopping(at_once=True).listen()
    app = App(f"sqlite:///{folder / 'demo.db'}", like=demo_app.app, grace=GRACE)
    async with app:
        serving = await serve(app, next_free=True)
        try:
            await place_order.options(id=NEXT).start(Order("1002", "cup", 12))
            _tell(serving.url)
            if opens and has_display(sys.platform):
                await asyncio.to_thread(_open, page_of(serving.url, NEXT))
            await stopping.asked.wait()
        finally:
            await serving.stop()
    line()


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


def _tell(url: str) -> None:
    sights = [
        (page_of(url, RUN), "the run that survived; its logs name the processes that worked on it"),
        (page_of(url, NEXT), "one that goes on now; send it order.paid from its page"),
        (f"{url}/start/place_order", "start one of your own"),
    ]
    longest = max(len(where) for where, _ in sights)
    line()
    line(("The dashboard is at ", "bold"), (page_of(url, None), "bold cyan"))
    for where, about in sights:
        line("  ", (f"{where:<{longest}}", "cyan"), (f"   {about}", "bright_black"))
    line("Ctrl-C ends it.")
