"""A store that fails where it is told to: before a commit, after it, or only in its reply."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from stepwell.errors import StoreUnavailable
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.run import Claimed
from stepwell.ports.store import Store


class Fault(StrEnum):
    """What happens at the chosen write."""

    CRASH_BEFORE = "the process dies before the commit"
    CRASH_AFTER = "the process dies after the commit, before the reply"
    LOST_REPLY = "the commit happens, the reply is lost"
    REFUSED = "the commit does not happen, the store says so"


class FaultyStore:
    """Wraps a store; counts its writes (commits and claims that gave something) and spoils the n-th.

    Everything else goes to the inner store as it is.
    """

    def __init__(self, inner: Store, at: int = 0, fault: Fault = Fault.CRASH_AFTER) -> None:
        self._inner = inner
        self.at = at
        self.fault = fault
        self.writes = 0
        self.hit = False
        self.crashed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        """Commit, unless this is the one."""
        replies: list[Reply] = await self._spoiled(lambda: self._inner.commit(changes))
        return replies

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        """Claim, unless this is the one."""
        claimed: list[Claimed] = await self._spoiled(lambda: self._inner.claim(request, cached))
        return claimed

    async def _spoiled(self, write: Callable[[], Awaitable[Any]]) -> Any:
        if self.crashed.is_set():
            await _never()
        self.writes += 1
        if self.writes != self.at:
            return await write()
        self.hit = True
        if self.fault is Fault.REFUSED:
            raise StoreUnavailable("a fault that the test asked for")
        if self.fault is Fault.CRASH_BEFORE:
            self.crashed.set()
            await _never()
        answer = await write()
        if self.fault is Fault.LOST_REPLY:
            raise StoreUnavailable("a fault that the test asked for, after the commit")
        self.crashed.set()
        await _never()
        return answer


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
