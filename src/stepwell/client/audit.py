"""The audit: one record for every write that came through the API, kept before it is answered."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from stepwell.client.filters import cursor_of
from stepwell.client.shapes import Moment, moment
from stepwell.model.record import Record
from stepwell.ports.store import Store

AUDIT: Final = "audit"


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What a record holds: who did what to what; `status` is that of the answer, `request` its id."""

    who: str
    action: str
    target: str | None = None
    before: Any = None
    after: Any = None
    status: int = 0
    request: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is listed."""

    id: str
    at: Moment
    who: str
    action: str
    target: str | None
    before: Any
    after: Any
    status: int
    request: str


class Audit:
    """Writes records in groups: those that come while others are being written go together."""

    def __init__(self, store: Store, now: Callable[[], float], new_key: Callable[[], bytes]) -> None:
        self._store = store
        self._now = now
        self._new_key = new_key
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def note(self, noted: Noted) -> None:
        """Keep a record; returns when it is written. Raises WorldError."""
        record = Record(kind=AUDIT, id=self._new_key().hex(), at=self._now(), data=msgspec.json.encode(noted))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self._store.put([record for record, _ in group])
            except Exception as error:  # noqa: BLE001 - each of those who wait is told
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in group:
                    if not done.done():
                        done.set_result(None)
        self._writing = None

    async def page(self, limit: int, after: str | None) -> tuple[list[AuditEntry], str | None]:
        """Records, the newest first, and where the next page begins (None at the end).

        Raises NotFound for what no page ended with.
        """
        cursor_of(after)
        found = await self._store.records(AUDIT, after=after, limit=limit, newest=True)
        entries = []
        for record in found:
            noted = msgspec.json.decode(record.data, type=Noted)
            entries.append(AuditEntry(id=record.id, at=moment(record.at), **msgspec.structs.asdict(noted)))
        return entries, found[-1].id if len(found) == limit else None
