"""Live runs: one look at the store at a time, for everybody who listens; what changed is told to those it concerns.

What a look costs sets how often there is one, so that listening never takes more than a part of a core. A listener is
bounded: one that does not read is cut off, and never costs more than its queue.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stepwell.client.shapes import moment
from stepwell.client.views import Views
from stepwell.errors import WorldError
from stepwell.model.run import RunFilter, RunRow, matches
from stepwell.model.status import TERMINAL, RunStatus

log = logging.getLogger("stepwell.client")
FASTEST: Final = 0.25
SLOWEST: Final = 0.5
SHARE: Final = 4.0
"""A look is followed by a rest of at least so many times its own length."""
REST: Final = 3.0
PAGE: Final = 1000
MOST_LIVE: Final = 20_000
"""Live runs beyond the newest of these are not watched."""
MOST_FRESH: Final = 5_000
LATELY: Final = 2.0
REMEMBERED: Final = 120
"""How many looks can be told again to who was cut off."""
MOST_KEPT: Final = 10_000
"""How many runs those looks are of."""
QUEUE: Final = 64
CHUNK: Final = 64 * 1024
LIVE: Final = tuple(status for status in RunStatus if status not in TERMINAL)
Mark = tuple[Any, ...]


def message(event: str, data: bytes, cursor: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"id: {cursor}\nevent: {event}\ndata: " if cursor is not None else f"event: {event}\ndata: "
    return head.encode() + data + b"\n\n"


class Listener:
    """One reader: a bounded queue of what it has not read yet."""

    def __init__(self, most: int = QUEUE) -> None:
        self._parts: deque[bytes] = deque()
        self._most = most
        self._news = asyncio.Event()
        self.cut = False
        self.over = False

    def put(self, part: bytes) -> None:
        """Hand something on; a reader with a full queue is cut off."""
        if self.cut or self.over or not part:
            return
        if len(self._parts) >= self._most:
            self.cut = True
            self._parts.clear()
        else:
            self._parts.append(part)
        self._news.set()

    def end(self) -> None:
        """Nothing more comes."""
        self.over = True
        self._news.set()

    async def get(self, timeout: float) -> bytes | None:
        """What has come since, or b"" when nothing came in time; None: it is over.

        Of a long queue a part: its pieces belong to all readers, what is put together is this one's own.
        """
        if not self._parts and not self.cut and not self.over:
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                return b""
        some, size = list[bytes](), 0
        while self._parts and (not some or size + len(self._parts[0]) <= CHUNK):
            some.append(self._parts.popleft())
            size += len(some[-1])
        if not self._parts:
            self._news.clear()
        if some:
            return b"".join(some)
        return None if self.cut or self.over else b""


class News(msgspec.Struct, frozen=True):
    """A run that is new or has changed: as it is, as it was (None: not seen before), and what is told of it."""

    row: RunRow
    before: RunRow | None
    data: bytes


class Look(msgspec.Struct, frozen=True):
    """What one look found."""

    number: int
    news: list[News]


class Group:
    """Those who listen to the same filter: they are told the same bytes."""

    def __init__(self, which: RunFilter) -> None:
        self.which = which
        self.listeners: set[Listener] = set()
        self.stats = b""
        self.counts: dict[str, int] | None = None
        self.next_count = 0.0

    def told(self, look: Look, boot: str) -> bytes:
        """The events of a look: of runs that match the filter, and of those that did until now."""
        cursor, which = f"{boot}-{look.number}", self.which
        told = [news.data for news in look.news
                if matches(news.row, which) or (news.before is not None and matches(news.before, which))]  # fmt: skip
        return b"".join([message("run", data, cursor) for data in told])

    def tell(self, part: bytes) -> None:
        """Hand something to all of them."""
        for listener in self.listeners:
            listener.put(part)


class Broadcaster:
    """Watches the runs of an app while anybody listens. `boot` tells its cursors from those of other processes.

    `rest` waits so many seconds, or less when something is heard; by default, real ones.
    """

    def __init__(self, views: Views, boot: str, rest: Callable[[float], Awaitable[object]] | None = None) -> None:
        self._views = views
        self._engine = views.engine
        self._boot = boot
        self._rest = rest or self._sit
        self._groups: dict[bytes, Group] = {}
        self._live: dict[bytes, RunRow] = {}
        self._fresh: dict[bytes, RunRow] | None = None
        self._looks: OrderedDict[int, Look] = OrderedDict()
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def listening(self) -> int:
        """How many listen."""
        return sum(len(group.listeners) for group in self._groups.values())

    @property
    def cursor(self) -> str:
        """Where the stream stands."""
        return f"{self._boot}-{self._number}"

    def listen(self, which: RunFilter, last: str | None = None) -> tuple[Listener, bytes]:
        """Begin to listen. `last` is the cursor of one who was cut off. Answers also with what to send first.

        The first ping says that whatever happens from now on is told. Who reads a list after it misses nothing.
        """
        listener = Listener()
        if self._closed:
            listener.end()
            return listener, b""
        name = msgspec.json.encode(which)
        group = self._groups.setdefault(name, Group(which))
        group.listeners.add(listener)
        first = self._missed(group, last) + group.stats
        group.next_count = min(group.next_count, self._engine.clock.monotonic() + FASTEST)
        if not self._watching:
            self._live, self._fresh = {}, None
            self._looks.clear()
            self._number += 1  # nobody looked in between
            self._task = asyncio.get_running_loop().create_task(self._watch())
        return listener, first

    def forget(self, which: RunFilter, listener: Listener) -> None:
        """A listener has gone."""
        name = msgspec.json.encode(which)
        group = self._groups.get(name)
        if group is not None:
            group.listeners.discard(listener)
            if not group.listeners:
                del self._groups[name]

    async def close(self) -> None:
        """End all streams, and stop looking."""
        self._closed = True
        for group in self._groups.values():
            for listener in group.listeners:
                listener.end()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    @property
    def _watching(self) -> bool:
        return self._task is not None and not self._task.done()

    def _missed(self, group: Group, last: str | None) -> bytes:
        here = b""  # until the first look is over
        if self._watching and self._fresh is not None:
            here = message("ping", b"{}", self.cursor)
        if last is None:
            return here
        boot, _, number = last.rpartition("-")
        since = int(number) if number.isdecimal() and len(number) < 16 else -1
        known = boot == self._boot and since <= self._number and self._watching
        if not known or (since < self._number and since + 1 not in self._looks):
            return message("reset", b"{}", self.cursor) + here
        missed = [group.told(look, self._boot) for n, look in self._looks.items() if n > since]
        return b"".join(missed) + here

    # -- looking -------------------------------------------------------------------------------

    async def _sit(self, delay: float) -> None:
        await asyncio.sleep(min(delay, FASTEST))  # noqa: TID251 - a poll of a real store
        if delay > FASTEST and self._engine.store.capabilities.hints:
            await self._engine.store.wait_hint(delay - FASTEST)
        elif delay > FASTEST:
            await asyncio.sleep(delay - FASTEST)  # noqa: TID251

    async def _watch(self) -> None:
        clock, pause = self._engine.clock, FASTEST
        while self._groups:
            began = clock.monotonic()
            changed = 0
            try:
                changed = await self.look()
                await self._count(clock.monotonic())
            except WorldError as error:
                log.warning("looking for changed runs failed: %s", error)
            except Exception:
                log.exception("looking for changed runs failed")  # and goes on: the database may come back
            spent = clock.monotonic() - began
            pause = FASTEST if changed else min(pause * 1.5, SLOWEST)
            await self._rest(min(max(pause, spent * SHARE), REST))

    async def look(self) -> int:
        """Look once; returns how many runs were told of. The first look only remembers."""
        store, first = self._engine.store, self._fresh is None
        live = {row.key: row async for row in self._rows(RunFilter(status=LIVE), MOST_LIVE)}
        fresh = await self._made_lately(first)
        seen = self._live if self._fresh is None else self._fresh | self._live
        found = {
            key: row for key, row in (fresh | live).items() if key not in seen or mark_of(seen[key]) != mark_of(row)
        }
        gone = [key for key in self._live if key not in live and key not in fresh]
        for at in range(0, len(gone), PAGE):
            found.update((row.key, row) for row in await store.rows(gone[at : at + PAGE]))
        self._live, self._fresh = live, fresh
        if first:
            for group in list(self._groups.values()):
                group.tell(message("ping", b"{}", self.cursor))
        if first or not found:
            return 0
        await self._tell([found[key] for key in sorted(found)], seen)
        return len(found)

    async def _rows(self, which: RunFilter, most: int) -> AsyncIterator[RunRow]:
        after: bytes | None = None
        for _ in range(most // PAGE):
            page = await self._engine.store.list(which, after=after, limit=PAGE)
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            after = page[-1].key

    async def _made_lately(self, first: bool) -> dict[bytes, RunRow]:
        """Runs of the last moments, ended or not: those that began and ended between two looks are among them.

        Keys begin with the time, but are made before they are committed; hence the moments.
        """
        since = int((self._engine.clock.now() - (LATELY if first else LATELY + REST)) * 1000)
        mark = max(since, 0).to_bytes(6, "big")
        found: dict[bytes, RunRow] = {}
        async for row in self._rows(RunFilter(), MOST_FRESH):
            if row.key[:6] < mark:
                break
            found[row.key] = row
        return found

    async def _tell(self, rows: Sequence[RunRow], seen: Mapping[bytes, RunRow]) -> None:
        news: list[News] = []
        for at in range(0, len(rows), PAGE):
            part = rows[at : at + PAGE]
            runs = await self._views.runs(part)
            news += [News(row, seen.get(row.key), msgspec.json.encode(run))
                     for row, run in zip(part, runs, strict=True)]  # fmt: skip
        self._number += 1
        look = self._looks[self._number] = Look(self._number, news)
        while len(self._looks) > REMEMBERED or sum(len(kept.news) for kept in self._looks.values()) > MOST_KEPT:
            self._looks.popitem(last=False)
        for group in list(self._groups.values()):
            group.tell(group.told(look, self._boot))

    async def _count(self, now: float) -> None:
        """Tell how many there are, about once a second; less often where counting takes long."""
        for group in list(self._groups.values()):
            if now < group.next_count or not group.listeners:
                continue
            began = self._engine.clock.monotonic()
            counts = await self._engine.store.count(group.which)
            spent = self._engine.clock.monotonic() - began
            group.next_count = now + max(1.0, spent * 20)
            if counts != group.counts:
                group.counts = counts
                data = {"by_status": counts, "at": moment(self._engine.clock.now())}
                group.stats = message("stats", msgspec.json.encode(data))
                group.tell(group.stats)


def mark_of(row: RunRow) -> Mark:
    """What makes a run look different."""
    return (row.epoch, row.status, row.generation, row.inbox, row.progress, row.note, row.reason, row.worker, row.due,
            row.cancelling, row.deaths)  # fmt: skip
