"""The journal writer: whatever arrives while a commit is under way forms the next group.

Invariants. (1) One commit at a time, in order of arrival. (2) Callbacks run in order, from a loop callback,
after the store has answered. (3) A group refused for a data error is split until the guilty change is alone; what
its holder decided after it is refused with it. (4) A commit whose outcome is unknown is repeated until it is known
(P6); nothing is acknowledged before.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from stepwell.core.folding import fold
from stepwell.errors import StoreUnavailable, WorldError
from stepwell.model.change import Change, Reply
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store

log = logging.getLogger("stepwell.journal")
Done = Callable[[Reply | Exception], None]
GROUP = 1024
"""Most changes in one group: bounds the time a commit holds the database."""


class _Item:
    __slots__ = ("change", "done")

    def __init__(self, change: Change, done: list[Done]) -> None:
        self.change = change
        self.done = done


class JournalWriter:
    """Group commit for one process. `submit` never waits; the answer comes through the callback."""

    def __init__(self, store: Store, clock: Clock, repeat_s: float = 0.05) -> None:
        self._store = store
        self._repeat_s = repeat_s
        self._task: asyncio.Task[list[Reply]] | None = None
        self._repeat: asyncio.TimerHandle | None = None
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._pending: list[_Item] = []
        self._busy = False
        self._soon = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._failures = 0
        self._group: list[_Item] = []
        self.progress_at = clock.monotonic()
        self.groups = 0

    @property
    def idle(self) -> bool:
        return not self._busy and not self._pending

    def submit(self, change: Change, done: Done) -> None:
        """Have a change committed; `done` gets the store's reply, or why it was refused."""
        self._pending.append(_Item(change, [done]))
        if not self._busy and not self._soon:
            self._soon = True
            self._idle.clear()
            self.progress_at = self._clock.monotonic()
            self._loop.call_soon(self._flush)

    async def commit(self, change: Change) -> Reply:
        """The same, to be awaited."""
        future: asyncio.Future[Reply] = self._loop.create_future()

        def done(reply: Reply | Exception) -> None:
            if future.done():
                return
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        self.submit(change, done)
        return await future

    async def settled(self) -> None:
        """Wait until nothing is pending or under way."""
        while not self.idle:
            await self._idle.wait()

    async def abandon(self) -> None:
        """Stop in the middle, as a killed process does (tests): nothing more is committed or answered."""
        self._pending.clear()
        if self._repeat is not None:
            self._repeat.cancel()
        if self._task is not None and not self._task.done():
            self._task.remove_done_callback(self._answered)
            self._task.cancel()
            await asyncio.wait([self._task])

    # -- groups --------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._soon = False
        if self._busy or not self._pending:
            return
        group = self._form()
        self._busy = True
        self._commit(group)

    def _form(self) -> list[_Item]:
        group: list[_Item] = []
        held: dict[bytes, _Item] = {}
        left: list[_Item] = []
        blocked: set[bytes] = set()
        for n, item in enumerate(self._pending):
            change = item.change
            if len(group) >= GROUP:
                left.extend(self._pending[n:])
                break
            if change.epoch is None:
                group.append(item)
                continue
            before = held.get(change.run)
            if change.run in blocked:
                left.append(item)
            elif before is None:
                held[change.run] = item
                group.append(item)
            elif (folded := fold(before.change, change)) is not None:
                before.change = folded
                before.done += item.done
            else:
                blocked.add(change.run)
                left.append(item)
        self._pending = left
        return group

    def _commit(self, group: list[_Item]) -> None:
        self.groups += 1
        self._task = task = self._loop.create_task(_committed_by(self._store, [i.change for i in group]))
        self._group = group
        task.add_done_callback(self._answered)

    def _answered(self, task: "asyncio.Task[list[Reply]]") -> None:
        group, self._group = self._group, []  # what was committed is not to be kept in memory
        error = StoreUnavailable("the journal writer was stopped") if task.cancelled() else task.exception()
        if error is None:
            self._failures = 0
            self.progress_at = self._clock.monotonic()
            self._answer(group, task.result())
        elif isinstance(error, WorldError) and error.retryable and not task.cancelled():
            self._again(group, error)
            return
        elif isinstance(error, Exception) and not isinstance(error, WorldError) and len(group) > 1:
            half = len(group) // 2
            self._split([group[:half], group[half:]])
            return
        else:
            refusal = error if isinstance(error, Exception) else RuntimeError(repr(error))
            self._answer(group + self._decided_after(group), refusal)
        self._next()

    def _decided_after(self, refused: list[_Item]) -> list[_Item]:
        """Take out of the queue what the holders of refused changes have decided since: its ground is gone."""
        held = {(i.change.run, i.change.epoch) for i in refused if i.change.epoch is not None}
        gone = [i for i in self._pending if (i.change.run, i.change.epoch) in held]
        if gone:
            self._pending = [i for i in self._pending if (i.change.run, i.change.epoch) not in held]
        return gone

    def _next(self) -> None:
        self._busy = False
        if self._pending:
            self._flush()
        elif not self._soon:
            self._idle.set()

    def _again(self, group: list[_Item], error: WorldError) -> None:
        self._failures += 1
        delay = min(5.0, self._repeat_s * 2 ** min(self._failures, 8))
        level = logging.WARNING if self._failures in (1, 10) or self._failures % 60 == 0 else logging.DEBUG
        log.log(level, "commit failed, repeating in %.2f s: %s", delay, error)
        self._repeat = self._loop.call_later(delay, lambda: self._commit(group))

    def _split(self, parts: list[list[_Item]]) -> None:
        # Halves go first and one after the other: they were decided before anything that is pending.
        first, second = parts
        self._pending = second + self._pending
        self._commit(first)

    def _answer(self, group: list[_Item], answer: Sequence[Reply] | Exception) -> None:
        replies: Sequence[Reply | Exception]
        replies = [answer] * len(group) if isinstance(answer, Exception) else answer
        for item, reply in zip(group, replies, strict=True):
            for done in item.done:
                try:
                    done(reply)
                except Exception:
                    log.exception("an acknowledgement was not handled")


async def _committed_by(store: Store, changes: list[Change]) -> list[Reply]:
    return await store.commit(changes)
