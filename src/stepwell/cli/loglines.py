"""What runs have logged, printed: the last lines, and those that still come."""

import asyncio
from typing import Any, Final

from stepwell.cli.moments import local
from stepwell.cli.terminal import line, print_json
from stepwell.client.http import OUTLAST_S
from stepwell.client.protocol import Client
from stepwell.client.remote import RemoteClient
from stepwell.client.results import is_settled
from stepwell.client.shapes import at

EVERY: Final = 0.5
LAST: Final = 2.0
"""Seconds after the end of a run within which its last lines are there: workers gather lines for a part of that."""
MOST: Final = 1000
STYLES: Final = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "bright_black"}


async def logged(client: Client, run: str, level: str | None, limit: int) -> list[Any]:
    """The last lines, oldest first. Raises NotFound, InvalidOption."""
    page = await client.runs.logs(run, limit=limit, newest=True, level=level)
    return page.lines[::-1]


async def followed(client: Client, run: str, level: str | None, limit: int, *, json: bool) -> None:
    """Print the last lines, then what comes, until the run ends or needs a person. Raises NotFound, InvalidOption."""
    if isinstance(client, RemoteClient):
        client.http.patience = OUTLAST_S  # a restart of the server does not end it
    lines = await logged(client, run, level, limit)
    last: str | None = None
    while True:
        over = is_settled(await client.runs.row(run))
        if json:
            for one in lines:
                print_json(one)
        else:
            print_lines(lines)
        last = lines[-1].id if lines else last
        await asyncio.sleep(LAST if over else EVERY)  # noqa: TID251 - real time
        lines = (await client.runs.logs(run, after=last, limit=MOST, level=level)).lines
        if over and not lines:
            return


def print_lines(lines: list[Any]) -> None:
    """One line for each; a traceback is indented below its own."""
    for one in lines:
        level = str(one.level).lower()
        first, *rest = one.text.splitlines() or [""]
        line((local(at(one.at)), "bright_black"), "  ", (f"{level:<8}", STYLES.get(level, "")), "  ",
             (f"{one.call}  " if one.call else "", "cyan"), first)  # fmt: skip
        for text in rest:
            line("    ", text)
