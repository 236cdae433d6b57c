"""Keeps what runs log: gathered by the process, written a few times per second, bounded per run.

Best effort, and beside the journal: nothing waits for a line to be kept, and a crash loses those of the last moment.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

import msgspec

from stepwell.errors import WorldError
from stepwell.model.logline import KIND, Batch, Line, decode_batch
from stepwell.model.record import Record
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store

log = logging.getLogger("stepwell.worker")
EVERY: Final = 0.5
"""Seconds for which lines are gathered."""
MOST_LINES: Final = 2_000
MOST_BYTES: Final = 256 * 1024
LONGEST: Final = 8 * 1024
"""Characters of one line."""
FULL: Final = f"the log of this run is full ({MOST_LINES:,} lines, or {MOST_BYTES // 1024} kB): no more lines are kept"
MOST_WAITING: Final = 20_000
MOST_UNSENT: Final = 2_000
BATCH: Final = 200
KNOWN: Final = 10_000
"""Runs whose totals are remembered; of others they are read again."""


class LogLines:
    """One process's lines. `redact` takes out of a text what is not to be kept; `tag` tells processes apart."""

    def __init__(self, store: Store, clock: Clock, tag: str, *, every: float = EVERY,
                 redact: Callable[[str], str] | None = None) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._tag = tag
        self._every = every
        self._redact = redact
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, bool, Line]] = deque()
        self._armed = False
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._totals: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self._unsent: list[Record] = []
        self._written = 0
        self._ms = 0

    def add(self, run: bytes, line: Line, *, fresh: bool) -> None:
        """Have a line kept; from any thread. `fresh`: no other process can have kept a line of the run before."""
        if len(self._waiting) < MOST_WAITING:  # more than that, and something is wrong: lines must not eat the memory
            self._waiting.append((run, fresh, line))
        if not self._armed:
            self._armed = True
            self._loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        if self._every:
            self._loop.call_later(self._every, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        if self._loop.is_closed():
            return
        task = self._loop.create_task(self.flush())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Write what there is."""
        async with self._lock:
            try:
                await self._write()
            except WorldError as error:
                log.warning("log lines could not be written, and are kept for later: %s", error)
                del self._unsent[:-MOST_UNSENT]
            except Exception:
                log.exception("log lines could not be written")
                self._unsent.clear()

    async def _write(self) -> None:
        self._armed = False
        lines: dict[bytes, list[Line]] = {}
        fresh: set[bytes] = set()
        while self._waiting:
            run, is_fresh, line = self._waiting.popleft()
            lines.setdefault(run, []).append(line)
            if is_fresh:
                fresh.add(run)
        await self._learn([run for run in lines if run not in self._totals], fresh)
        for run, some in lines.items():
            self._unsent += self._records(run, some)
        while self._unsent:
            await self._store.put(self._unsent[:BATCH])  # under ids of their own: repeating it is safe
            del self._unsent[:BATCH]
        while len(self._totals) > KNOWN:
            self._totals.popitem(last=False)

    async def _learn(self, runs: list[bytes], fresh: set[bytes]) -> None:
        """How much has been kept of these runs before."""
        for run in runs:
            found = [] if run in fresh else await self._store.records(KIND, owner=run, limit=1, newest=True)
            last = decode_batch(found[0].data) if found else None
            self._totals[run] = (last.count, last.size) if last is not None else (0, 0)

    def _records(self, run: bytes, lines: list[Line]) -> list[Record]:
        count, size = self._totals[run]
        kept: list[Line] = []
        for given in lines:
            if count > MOST_LINES:
                break
            line = msgspec.structs.replace(given, text=self._fit_to_keep(given.text))
            length = len(line.text.encode(errors="replace"))
            if count == MOST_LINES or size + length > MOST_BYTES:
                line, count, length = Line(line.at, "WARNING", FULL), MOST_LINES, 0
            kept.append(line)
            count, size = count + 1, size + length
        self._totals[run] = (count, size)
        self._totals.move_to_end(run)
        parts = [kept[at : at + BATCH] for at in range(0, len(kept), BATCH)]
        return [self._record(run, Batch(part, count, size)) for part in parts]

    def _record(self, run: bytes, batch: Batch) -> Record:
        at = batch.lines[0].at
        self._written += 1
        self._ms = max(self._ms, int(at * 1000))  # in the order of writing, however the clock goes
        id_ = f"{self._ms:012x}{self._written & 0xFFFFFF:06x}{self._tag}"
        return Record(kind=KIND, id=id_, at=at, data=msgspec.json.encode(batch), owner=run)

    def _fit_to_keep(self, text: str) -> str:
        if self._redact is not None:
            try:
                text = self._redact(text)
            except Exception:  # noqa: BLE001 - what could not be looked through must not be kept
                text = "(this line could not be redacted, and was not kept)"
        text = text.encode(errors="replace").decode()  # no half characters
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    async def close(self) -> None:
        """Write the rest."""
        await self.flush()
        for task in list(self._tasks):
            task.cancel()

    def abandon(self) -> None:
        """Forget the rest, as a killed process does (tests)."""
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
