"""Where the demo is seen: a live tree under the story in a terminal, plain lines elsewhere."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from stepwell.cli.moments import CLOCK
from stepwell.cli.snapshot import Snapshot
from stepwell.cli.terminal import Part, fancy, line
from stepwell.cli.watching import Lines, rich_line, rich_text, screen


class Stage:
    """Tells the story, and shows the run as it goes on. `lost` is a worker that is no more."""

    def __init__(self) -> None:
        self._began = CLOCK.monotonic()
        self._live: Any = None
        self._lines = Lines()
        self.lost: str | None = None

    @contextmanager
    def open(self) -> Generator["Stage"]:
        """The live view, for as long as the run goes on."""
        self._began = CLOCK.monotonic()
        if not fancy():
            yield self
            return
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(highlight=False, markup=False), auto_refresh=False) as self._live:
            yield self
        self._live = None

    def say(self, *parts: Part) -> None:
        """One sentence of the story, with the time since its beginning."""
        if self._live is None:
            line(self._time(), *parts)
        else:
            self._live.console.print(rich_line([self._time(), *parts]))

    def show(self, seen: Snapshot) -> None:
        """The run as it is now."""
        if self.lost is not None and seen.row.worker == self.lost:
            for node in seen.view.nodes.values():
                if node.state == "running":
                    node.state, node.note = "begun", "its worker was killed"
        elif self.lost is not None and seen.row.worker is not None:
            self.lost = None
            results = ", ".join(node.name for node in seen.view.nodes.values() if node.state == "done")
            self.say("worker ", ("B", "bold"), f" has the run; from the journal it has the results of {results}")
        if self._live is not None:
            self._live.update(rich_text([[], *screen(seen)]), refresh=True)
            return
        for _, *happened in self._lines.news(seen):
            line(self._time(), "    ", *happened)

    def _time(self) -> Part:
        return f"{CLOCK.monotonic() - self._began:5.1f} s  ", "bright_black"
