"""Whether the real event loop can still make something happen by itself: what a virtual clock must wait for."""

import asyncio
from typing import Any


class RealLoop:
    """Looks into the running loop: pending timers and open files can wake a step, an awaited event cannot.

    What it cannot look into (another kind of loop, bodies in threads) counts as able to go on.
    """

    def __init__(self, patience: float) -> None:
        self._loop: Any = asyncio.get_running_loop()
        self._patience = patience
        self._naps: set[asyncio.TimerHandle] = set()
        self._files = self._open_files()

    async def nap(self, seconds: float) -> None:
        """Sleep in real time, unnoticed by `can_go_on`."""
        done = self._loop.create_future()
        handle = self._loop.call_later(seconds, lambda: done.done() or done.set_result(None))
        self._naps.add(handle)
        try:
            await done
        finally:
            handle.cancel()
            self._naps.discard(handle)

    @property
    def can_go_on(self) -> bool:
        """Something may happen soon without anybody's doing: a timer, a file, a callback that is ready."""
        scheduled = getattr(self._loop, "_scheduled", None)
        if scheduled is None or self._files is None:
            return True
        soon = self._loop.time() + self._patience
        if any(not h.cancelled() and h not in self._naps and h.when() <= soon for h in scheduled):
            return True
        return self._open_files() != self._files

    def _open_files(self) -> int | None:
        selector = getattr(self._loop, "_selector", None)
        files = selector.get_map() if selector is not None else None
        return None if files is None else len(files)
