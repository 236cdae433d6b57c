"""Follows a run until it ends: a live tree in a terminal, a line for each happening elsewhere."""

import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING

from stepwell.cli.calls import CallNode
from stepwell.cli.moments import span
from stepwell.cli.showing import MOST, header
from stepwell.cli.snapshot import Snapshot, snapshot
from stepwell.cli.terminal import STYLES, fancy, line
from stepwell.cli.tree import ICONS, Line, compact, drawn, headline, shortened
from stepwell.client.app import App
from stepwell.client.http import OUTLAST_S
from stepwell.client.printable import printable
from stepwell.client.remote import RemoteClient
from stepwell.client.results import is_settled
from stepwell.model.run import RunRow

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

Watched = App | RemoteClient


async def snapshots(client: Watched, run_id: str, every: float, *, replay: bool = False) -> AsyncGenerator[Snapshot]:
    """A run as it goes on, until it has ended or is parked. Raises NotFound."""
    if isinstance(client, RemoteClient):
        client.http.patience = OUTLAST_S  # also what is read at each look: watching outlasts a restart of the server
    async with aclosing(client.runs.watch(run_id, every=every)) as moments:
        async for _ in moments:
            seen = await snapshot(client, run_id, replay=replay)
            yield seen
            if is_settled(seen.row):
                return


async def watched(client: Watched, run_id: str, every: float, *, replay: bool = False) -> RunRow:
    """Show the run until it is settled, and return its row."""
    seen: Snapshot | None = None
    if not fancy():
        lines = Lines()
        async for seen in snapshots(client, run_id, every, replay=replay):
            for parts in lines.news(seen):
                line(*parts)
    else:
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, markup=False)
        with Live(console=console, auto_refresh=False) as live:
            async for seen in snapshots(client, run_id, every, replay=replay):
                # What is shown last stays when this is left: no more than the screen holds, while the run goes on.
                live.update(rich_text(screen(seen, None if is_settled(seen.row) else console.height - 1)), refresh=True)
    assert seen is not None
    return seen.row


@contextmanager
def interruptible() -> Generator[None]:
    """Let Ctrl-C end what is done here wherever it is: it only looks, and a long journal takes time.

    An event loop's own way would be to wait until its task waits for something.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def screen(seen: Snapshot, room: int | None = None) -> list[Line]:
    """The live view of a run, in so many lines; None for a view that stays."""
    above = header(seen)
    most = MOST if room is None else max(room - len(above), 3)
    return [*above, *shortened(drawn(seen.view, seen.now), most)]


def rich_text(lines: list[Line]) -> "Group":
    """Lines as one text of rich's, each cut to the terminal's width."""
    from rich.console import Group

    return Group(*(rich_line(parts) for parts in lines))


def rich_line(parts: Line) -> "Text":
    """One line as a text of rich's, cut where the terminal ends."""
    from rich.text import Text

    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((printable(text), style) for text, style in pairs), no_wrap=True, overflow="ellipsis")


class Lines:
    """What has changed since the last look, as lines."""

    def __init__(self) -> None:
        self._status: str | None = None
        self._progress: tuple[float | None, str | None] = (None, None)
        self._calls: dict[str, tuple[str, int]] = {}
        self._marks = 0

    def news(self, seen: Snapshot) -> list[Line]:
        """The lines to add."""
        row, view = seen.row, seen.view
        lines: list[Line] = []
        start = view.started or row.created_at
        happened: list[tuple[float, Line]] = []
        for node in view.nodes.values():
            if node.kind and self._calls.get(node.path) != (node.state, node.attempt):
                self._calls[node.path] = (node.state, node.attempt)
                happened.append((_moment(node, seen.now), _happening(node, seen.now)))
        happened += [(at, [("! ", "yellow"), text]) for at, text in view.marks[self._marks :]]
        self._marks = len(view.marks)
        lines += [[_at(at, start), *line] for at, line in sorted(happened, key=itemgetter(0))]
        if (row.progress, row.note) != self._progress:
            self._progress = (row.progress, row.note)
            lines.append([_at(seen.now, start), f"{row.progress or 0:.0%} {row.note or ''}"])
        if row.status.value != self._status:
            self._status = row.status.value
            about = f"  {row.reason}" if row.reason and row.status.value in ("waiting", "parked") else ""
            moved: Line = [
                _at(row.finished_at or seen.now, start),
                row.id,
                " ",
                (self._status, STYLES[self._status]),
                about,
            ]
            lines.insert(0 if self._status in ("queued", "running") else len(lines), moved)
        failure = (view.end or {}).get("error") if is_settled(row) else None
        return lines if failure is None else [*lines, [_at(seen.now, start), (headline(failure, 400), "red")]]


def _moment(node: CallNode, now: float) -> float:
    """When what is told of a call happened: its end, its last attempt's end, or its beginning."""
    if node.ended is None and node.tried:
        return node.tried[-1].ended if node.state == "retrying" else node.tried[-1].again
    return node.ended or node.began or now


def _at(at: float, start: float) -> tuple[str, str]:
    return f"{'+' + span(max(at - start, 0.0)):>10}  ", "bright_black"


def _happening(node: CallNode, now: float) -> Line:
    icon, style = ICONS.get(node.state, ("·", ""))
    detail: Line = [(f"{icon} ", style), node.label]
    about = " ".join(part for part in (node.kind.replace("step", ""), node.note) if part)
    if about:
        detail.append((f"  {about}", "bright_black"))
    if node.ended is not None and node.began is not None and node.kind != "timer":
        detail.append((f"  {span(node.ended - node.began)}", "bright_black"))
    if node.state == "retrying" and node.tried:
        detail.append((f"  {headline(node.tried[-1].error)}", "red"))
        detail.append(f"  attempt {node.attempt} in {span(max((node.due or now) - now, 0.0))}")
    elif node.error is not None:
        detail.append((f"  {headline(node.error)}", "red"))
    elif node.state == "done" and node.value:
        detail.append((f"  → {compact(node.value)}", "bright_black"))
    return detail
