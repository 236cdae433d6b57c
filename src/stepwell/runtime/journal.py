"""The journal writer: whatever arrives while a commit is under way forms the next group.

Changes go by lanes, as many as the store commits at once; all changes of one run by the same one. Invariants.
(1) One commit of a lane at a time, in order of arrival. (2) Callbacks of a lane run in order, from a loop callback,
after the store has answered. (3) A group refused for a data error is split until the guilty change is alone; what
its holder decided after it is refused with it. (4) A commit whose outcome is unknown is repeated until it is known
(P6); nothing is acknowledged before. (5) A change that is "busy" is tried again and delays nobody but its own run.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from stepwell.core.folding import fold
from stepwell.errors import StoreUnavailable, WorldError
from stepwell.model.change import Change, Reply
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.runtime.loudness import level_of

log = logging.getLogger("stepwell.journal")
Done = Callable[[Reply | Exception], None]
GROUP = 1024
"""Most changes in one group: bounds the time a commit holds the database."""
LONGEST_REPEAT = 5.0
LONGEST_BUSY = 1.0
"""Most seconds between two attempts: while the store cannot be reached, and while it says "busy"."""


class _Item:
    __slots__ = ("change", "done", "not_before", "tries")

    def __init__(self, change: Change, done: list[Done]) -> None:
        self.change = change
        self.done = done
        self.tries = 0
        self.not_before = 0.0

    @property
    def named(self) -> bool:
        """Whether it makes runs with ids of their own: trying so may wait for others' transactions."""
        c = self.change
        return (c.create is not None and c.create.named) or any(new.named for new in c.start)


class JournalWriter:
    """Group commit for one process. `submit` never waits; the answer comes through the callback.

    A commit that fails is repeated for ever, since runs depend on it; where none does and a person waits, for
    `patience_s` seconds at most, and then refused by the error.
    """

    def __init__(self, store: Store, clock: Clock, repeat_s: float = 0.05, patience_s: float | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._settled = asyncio.Event()
        lanes = range(store.capabilities.lanes)
        self._lanes = [_Lane(store, clock, repeat_s, patience_s, self._settled.set) for _ in lanes]

    @property
    def idle(self) -> bool:
        return all(lane.idle for lane in self._lanes)

    @property
    def groups(self) -> int:
        """How many groups were formed."""
        return sum(lane.groups for lane in self._lanes)

    @property
    def progress_at(self) -> float:
        """When the store last answered the lane that waits longest, by the monotonic clock."""
        at_work = [lane.progress_at for lane in self._lanes if not lane.idle]
        return min(at_work) if at_work else max(lane.progress_at for lane in self._lanes)

    def submit(self, change: Change, done: Done) -> None:
        """Have a change committed; `done` gets the store's reply, or why it was refused."""
        lanes = self._lanes
        (lanes[0] if len(lanes) == 1 else lanes[_number(change) % len(lanes)]).submit(_Item(change, [done]))

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
            self._settled.clear()
            await self._settled.wait()

    async def abandon(self) -> None:
        """Stop in the middle, as a killed process does (tests): nothing more is committed or answered."""
        for lane in self._lanes:
            await lane.abandon()


def _number(change: Change) -> int:
    """The same for all changes of a run; messages to one key keep their order, too."""
    send = change.send
    if change.run or send is None:
        return change.run[-1] if change.run else 0
    return send.target[-1] if send.target is not None else sum(f"{send.event} {send.key}".encode())


class _Lane:
    """One line of groups, each committed after the one before."""

    def __init__(self, store: Store, clock: Clock, repeat_s: float, patience_s: float | None,
                 settled: Callable[[], None]) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._repeat_s = repeat_s
        self._patience_s = patience_s
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[list[Reply]] | None = None
        self._repeat: asyncio.TimerHandle | None = None
        self._pending: list[_Item] = []
        self._group: list[_Item] = []
        self._busy = False
        self._soon = False
        self._failures = 0
        self._alone: dict[asyncio.Task[None], bytes] = {}
        """Changes that are tried by themselves, and the runs whose later changes wait for them."""
        self.progress_at = clock.monotonic()
        self.groups = 0

    @property
    def idle(self) -> bool:
        return not (self._busy or self._pending or self._alone)

    def submit(self, item: _Item) -> None:
        """Put it into the next group."""
        if self.idle:
            self.progress_at = self._clock.monotonic()
        self._pending.append(item)
        self._flush_soon()

    async def abandon(self) -> None:
        """Stop in the middle."""
        self._pending.clear()
        if self._repeat is not None:
            self._repeat.cancel()
        tasks: list[asyncio.Task[None] | asyncio.Task[list[Reply]]] = list(self._alone)
        if self._task is not None and not self._task.done():
            self._task.remove_done_callback(self._answered)
            tasks.append(self._task)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- groups --------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._busy and not self._soon:
            self._soon = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._soon = False
        if self._busy or not self._pending:
            return
        group = self._form()
        if group:
            self._busy = True
            self._commit(group)
        else:
            self._flush_later()

    def _form(self) -> list[_Item]:
        group: list[_Item] = []
        held: dict[bytes, _Item] = {}
        left: list[_Item] = []
        blocked = set(self._alone.values())
        now = self._loop.time()
        for n, item in enumerate(self._pending):
            change = item.change
            if len(group) >= GROUP:
                left.extend(self._pending[n:])
                break
            into = group if item.not_before <= now else left
            if change.epoch is None:
                into.append(item)
                continue
            before = held.get(change.run)
            if change.run in blocked:
                left.append(item)
            elif before is None:
                held[change.run] = item
                into.append(item)
            elif (folded := fold(before.change, change)) is not None:
                before.change = folded
                before.done += item.done
            else:
                blocked.add(change.run)
                left.append(item)
        self._pending = left
        return group

    def _flush_later(self) -> None:
        """Everything pending is busy: try again when the first of it is to be."""
        waiting = [item.not_before for item in self._pending if item.not_before]
        if waiting:
            if self._repeat is not None:
                self._repeat.cancel()
            self._repeat = self._loop.call_at(min(waiting), self._flush)

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
        elif isinstance(error, WorldError) and error.retryable and not (task.cancelled() or self._impatient):
            self._again(group, error)
            return
        elif isinstance(error, Exception) and not isinstance(error, WorldError) and len(group) > 1:
            half = len(group) // 2
            self._split([group[:half], group[half:]])
            return
        else:
            self._refuse(group, error)
        self._next()

    def _refuse(self, group: list[_Item], error: BaseException) -> None:
        refusal = error if isinstance(error, Exception) else RuntimeError(repr(error))
        refused = group + self._decided_after(group)
        self._tell([(item, refusal) for item in refused])

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
        if self.idle:
            self._settled()

    @property
    def _impatient(self) -> bool:
        return self._patience_s is not None and self._clock.monotonic() - self.progress_at > self._patience_s

    def _again(self, group: list[_Item], error: WorldError) -> None:
        self._failures += 1
        delay = self._pause(self._failures)
        log.log(level_of(self._failures), "commit failed, repeating in %.2f s: %s", delay, error)
        self._repeat = self._loop.call_later(delay, lambda: self._commit(group))

    def _pause(self, failures: int) -> float:
        return min(LONGEST_REPEAT, self._repeat_s * float(2 ** min(failures, 8)))

    def _split(self, parts: list[list[_Item]]) -> None:
        # Halves go first and one after the other: they were decided before anything that is pending.
        first, second = parts
        self._pending = second + self._pending
        self._commit(first)

    def _answer(self, group: list[_Item], replies: Sequence[Reply]) -> None:
        busy: list[_Item] = []
        final: list[tuple[_Item, Reply | Exception]] = []
        for item, reply in zip(group, replies, strict=True):
            if reply.why != "busy":
                final.append((item, reply))
            elif item.named:
                self._try_alone(item)
            else:
                busy.append(item)
                item.tries += 1
                if item.tries > 1:  # the first time at once, with the next group
                    item.not_before = self._loop.time() + self._busy_pause(item.tries)
        # They were decided before anything that is pending.
        self._pending[:0] = busy
        self._tell(final)

    def _busy_pause(self, tries: int) -> float:
        return min(LONGEST_BUSY, self._repeat_s / 20 * float(2 ** min(tries, 12)))

    def _tell(self, answers: Sequence[tuple[_Item, Reply | Exception]]) -> None:
        for item, reply in answers:
            for done in item.done:
                try:
                    done(reply)
                except Exception:
                    log.exception("an acknowledgement was not handled")

    # -- alone ---------------------------------------------------------------------------------

    def _try_alone(self, item: _Item) -> None:
        task = self._loop.create_task(self._tried(item))
        self._alone[task] = item.change.run
        task.add_done_callback(self._tried_alone)

    async def _tried(self, item: _Item) -> None:
        """Try a change by itself, ever less often, until whoever holds what it needs has ended."""
        failures = 0
        while True:
            item.tries += 1
            await asyncio.wait([self._loop.create_future()], timeout=self._busy_pause(item.tries))
            try:
                (reply,) = await self._store.commit([item.change])
            except WorldError as error:
                if not error.retryable:
                    self._refuse([item], error)
                    return
                failures += 1
                await asyncio.wait([self._loop.create_future()], timeout=self._pause(failures))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                self._refuse([item], error)
                return
            else:
                self.progress_at = self._clock.monotonic()
                if reply.why != "busy":
                    self._tell([(item, reply)])
                    return

    def _tried_alone(self, task: "asyncio.Task[None]") -> None:
        del self._alone[task]
        if self._pending:
            self._flush_soon()
        elif self.idle:
            self._settled()


async def _committed_by(store: Store, changes: list[Change]) -> list[Reply]:
    return await store.commit(changes)
