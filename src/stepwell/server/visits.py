"""Requests that last, streams and waits: they end soon after what they were let in by opens nothing any more.

Keys and sessions are looked at once a second for all of them, each once, however many visits it has.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from stepwell.client.keys import Keys, Sessions
from stepwell.errors import WorldError
from stepwell.runtime.loudness import level_of
from stepwell.server.identity import Identity

log = logging.getLogger("stepwell.server")
EVERY: Final = 1.0


class Visit(msgspec.Struct, frozen=True, eq=False):
    """One request that lasts: whose it is, and what ends it."""

    identity: Identity
    end: Callable[[], None]


class Visits:
    """The visits of one server. `rest` waits so many seconds; by default, real ones."""

    def __init__(self, keys: Keys, sessions: Sessions,
                 rest: Callable[[float], Awaitable[object]] | None = None) -> None:  # fmt: skip
        self._keys = keys
        self._sessions = sessions
        self._rest = rest or asyncio.sleep  # noqa: TID251 - a poll of a real store
        self._visits: set[Visit] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self, identity: Identity | None, end: Callable[[], None]) -> Callable[[], None]:
        """A visit begins. `end` is called once if it is to end early; what is returned, when it has ended."""
        if identity is None:
            end()
            return lambda: None
        visit = Visit(identity, end)
        self._visits.add(visit)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        return lambda: self._visits.discard(visit)

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        failures = 0
        await self._rest(EVERY)
        while self._visits:
            try:
                await self.look()
                failures = 0
            except WorldError as error:
                failures += 1
                log.log(level_of(failures), "looking whether keys are still valid failed: %s", error)
            except Exception:
                log.exception("looking whether keys are still valid failed")  # and goes on: the database may come back
            await self._rest(EVERY)

    async def look(self) -> int:
        """End the visits whose key or session is not valid any more; returns how many. Raises WorldError."""
        visits = list(self._visits)
        keys = await self._keys.standing({v.identity.key for v in visits if v.identity.key is not None})
        sessions = await self._sessions.standing({s for v in visits if (s := v.identity.session) is not None})
        closed = any(visit.identity.open for visit in visits) and await self._keys.exist(now=True)

        def welcome(identity: Identity) -> bool:
            if identity.open or identity.key is None:
                return identity.open and not closed
            key = keys.get(identity.key)
            there = identity.session is None or identity.session in sessions
            return there and key is not None and identity.scopes <= set(key.kept.scopes)

        over = [visit for visit in visits if visit in self._visits and not welcome(visit.identity)]
        for visit in over:
            self._visits.discard(visit)
            visit.end()
        return len(over)
