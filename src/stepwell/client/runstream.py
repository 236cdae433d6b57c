"""Live view of one run: its row, the calls that changed, the lines it logs; shared by all who watch it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from stepwell.client.journals import log_page
from stepwell.client.redact import Redactor
from stepwell.client.stream import FASTEST, REST, SHARE, SLOWEST, Listener, Mark, mark_of, message
from stepwell.client.timeline import CallView
from stepwell.client.views import Looked, Views
from stepwell.errors import NotFound, WorldError
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

log = logging.getLogger("stepwell.client")
FIRST_LINES: Final = 100
LINES: Final = 1000


class RunWatch:
    """Watches one run for those who may see the same of it."""

    def __init__(self, views: Views, row: RunRow, redactor: Redactor,
                 rest: Callable[[float], Awaitable[object]] | None = None) -> None:  # fmt: skip
        self._views = views
        self._redactor = redactor
        self._rest = rest or asyncio.sleep  # noqa: TID251 - a poll of a real store
        self._row = row
        self._mark: Mark | None = None
        self._calls: dict[str, CallView] = {}
        self._entries = 0
        self._generation = row.generation
        self._line: str | None = None
        self._fresh: set[Listener] = set()
        self.listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self.over = False

    def listen(self) -> Listener:
        """Begin to watch: the first thing told is the whole."""
        listener = Listener()
        self._fresh.add(listener)
        self.listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        return listener

    def forget(self, listener: Listener) -> None:
        """A watcher has gone."""
        self._fresh.discard(listener)
        self.listeners.discard(listener)

    async def close(self) -> None:
        """End all streams of the run."""
        for listener in self.listeners:
            listener.end()
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        clock, pause = self._views.engine.clock, FASTEST
        while self.listeners and not self.over:
            began = clock.monotonic()
            changed = False
            try:
                changed = await self.look()
            except NotFound:
                self.over = True  # retention has removed it
            except WorldError as error:
                log.warning("watching run %s failed: %s", self._row.id, error)
            except Exception:
                log.exception("watching run %s failed", self._row.id)
            if self.over:
                break
            pause = FASTEST if changed else min(pause * 1.5, SLOWEST)
            await self._rest(min(max(pause, (clock.monotonic() - began) * SHARE), REST))
        for listener in list(self.listeners):
            listener.end()

    async def look(self) -> bool:
        """Look once, and tell what is new; True if anything was. Raises NotFound, WorldError."""
        fresh, self._fresh = self._fresh, set()
        row = await self._views.engine.row(self._row.key)
        mark = await self._mark_of(row)
        told = b""
        # Only its holder writes a run's journal: of one that nobody holds, the row tells whether anything is new.
        if fresh or mark != self._mark or row.status is RunStatus.RUNNING:
            seen = await self._views.look(row)
            row, mark = seen.row, await self._mark_of(seen.row)
            told = await self._news(seen, mark)
            if fresh:
                whole = await self._whole(seen)
                for listener in fresh & self.listeners:
                    listener.put(whole)
        lines = await self._lines(first=bool(fresh) and self._line is None)
        for listener in self.listeners:
            listener.put((b"" if listener in fresh else told) + lines)
        self._row, self._mark = row, mark
        if row.status.terminal:
            data = msgspec.json.encode(await self._views.run(row))
            for listener in self.listeners:
                listener.put(message("end", data, self._cursor))
            self.over = True
        return bool(told or lines)

    async def _mark_of(self, row: RunRow) -> Mark:
        """What the row shows, and whether anybody could take the run: that changes without it."""
        return (*mark_of(row), await self._views.unserved(row))

    @property
    def _cursor(self) -> str:
        return f"{self._generation}-{self._entries}"

    async def _news(self, seen: Looked, mark: Mark) -> bytes:
        if seen.generation != self._generation:
            self._calls = {}
        changed = [call for call in seen.calls if self._calls.get(call.id) != call]
        self._generation, self._entries = seen.generation, len(seen.entries)
        self._calls = {call.id: call for call in seen.calls}
        told = b""
        if mark != self._mark:
            told += message("run", msgspec.json.encode(await self._views.run(seen.row)), self._cursor)
        return told + (await self._told(seen, changed) if changed else b"")

    async def _whole(self, seen: Looked) -> bytes:
        run = message("run", msgspec.json.encode(await self._views.run(seen.row)), self._cursor)
        return run + await self._told(seen, seen.calls)

    async def _told(self, seen: Looked, calls: list[CallView]) -> bytes:
        part = msgspec.structs.replace(seen, calls=calls)
        timeline = await self._views.timeline_of(part, self._redactor)
        return message("timeline", msgspec.json.encode({"calls": timeline.calls}), self._cursor)

    async def _lines(self, *, first: bool) -> bytes:
        """Lines beyond the last one told; to begin with, the last ones that there are."""
        engine = self._views.engine
        if first:
            page = await log_page(engine, self._row, limit=FIRST_LINES, newest=True)
            lines = list(reversed(page.lines))
        else:
            lines = (await log_page(engine, self._row, limit=LINES, after=self._line, newest=False)).lines
        if lines:
            self._line = lines[-1].id
        return b"".join(message("log", msgspec.json.encode(line)) for line in lines)


class RunWatches:
    """The runs that are being watched."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._watches: dict[tuple[bytes, int], RunWatch] = {}

    def listen(self, row: RunRow, redactor: Redactor) -> tuple[RunWatch, Listener]:
        """Watch a run."""
        name = (row.key, id(redactor))
        watch = self._watches.get(name)
        if watch is None or watch.over:
            watch = self._watches[name] = RunWatch(self._views, row, redactor)
        return watch, watch.listen()

    def forget(self, watch: RunWatch, listener: Listener) -> None:
        """A watcher has gone."""
        watch.forget(listener)
        if not watch.listeners:
            self._watches = {name: other for name, other in self._watches.items() if other is not watch}

    @property
    def listening(self) -> int:
        """How many watch some run."""
        return sum(len(watch.listeners) for watch in self._watches.values())

    async def close(self) -> None:
        """End all streams."""
        for watch in list(self._watches.values()):
            await watch.close()
        self._watches.clear()
