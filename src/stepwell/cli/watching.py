"""Follows a run until it ends: a live tree in a terminal, a line for each happening elsewhere."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from stepwell.cli.calls import CallNode
from stepwell.cli.moments import span
from stepwell.cli.showing import header
from stepwell.cli.snapshot import Snapshot, snapshot
from stepwell.cli.terminal import STYLES, fancy, line
from stepwell.cli.tree import ICONS, Line, compact, drawn, headline
from stepwell.client.app import App
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

        with Live(console=Console(highlight=False, markup=False), auto_refresh=False) as live:
            async for seen in snapshots(client, run_id, every, replay=replay):
                live.update(rich_text(screen(seen)), refresh=True)
    assert seen is not None
    return seen.row


def screen(seen: Snapshot) -> list[Line]:
    """The live view of a run."""
    return [*header(seen), *drawn(seen.view, seen.now)]


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
        for node in sorted(view.nodes.values(), key=lambda node: node.ended or node.began or seen.now):
            if node.kind and self._calls.get(node.path) != (node.state, node.attempt):
                self._calls[node.path] = (node.state, node.attempt)
                lines.append([_at(node.ended or node.began or seen.now, start), *_happening(node, seen.now)])
        for at, text in view.marks[self._marks :]:
            lines.append([_at(at, start), ("! ", "yellow"), text])
        self._marks = len(view.marks)
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
