"""Claiming: when to ask the store for runs, and for how many.

Polling is the truth; nudges (our own commits, hints of others') only make it sooner. An idle worker asks when the next
run is due, and otherwise less and less often.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from stepwell.errors import StoreMoved, WorldError
from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed
from stepwell.ports.alarms import Alarm, Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.runtime.loudness import level_of
from stepwell.runtime.workeroptions import WorkerOptions

log = logging.getLogger("stepwell.worker")
LARGEST_WINDOW = 1024
HORIZON = 0.1
"""Seconds of work to hold: many round trips of a claim, and little to give back."""
SHARE = 4
"""A claim is worth its round trip when so large a part of the window is free."""
SLOWEST_POLL = 5.0


class Claimant(Protocol):
    """What the claim loop needs of its worker."""

    id: str
    store: Store
    clock: Clock
    alarms: Alarms
    options: WorkerOptions
    stopping: bool
    dead: bool
    moved: bool
    finished_count: int

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def codes(self) -> tuple[str, ...]: ...
    @property
    def room(self) -> int: ...
    @property
    def suspended(self) -> Mapping[bytes, int]: ...
    def take_on(self, claimed: list[Claimed]) -> None: ...
    async def renewed(self) -> bool: ...
    def doubt(self) -> None: ...
    def give_up(self, why: str) -> None: ...


class Claims:
    """One worker's claim loop."""

    def __init__(self, worker: Claimant) -> None:
        self._worker = worker
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._hints: asyncio.Task[None] | None = None
        self._alarm: Alarm | None = None
        self._alarm_at = float("inf")
        self._backlog = True
        self._idle_polls = 0
        self._failures = 0
        self._lease_end = 0.0
        self._finished_before = 0
        self._adapted_at = worker.clock.monotonic()
        self.window = self._least
        self.claimed = 0
        self.asking = False

    def start(self) -> None:
        """Begin to claim."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run())
        if self._worker.store.capabilities.hints and self._worker.options.poll_s is not None:
            self._hints = loop.create_task(self._listen())

    async def stop(self, *, at_once: bool = False) -> None:
        """Claim no more; a claim under way is finished, or (a crash) abandoned."""
        self._wanted.set()
        if self._alarm is not None:
            self._alarm.cancel()
        for task in (self._hints, self._task):
            if task is None:
                continue
            if task is self._hints or at_once:
                task.cancel()
            await asyncio.wait([task])

    def nudge(self, *, due: bool = False) -> None:
        """There is room again, which matters if something was left; `due`: something may have become ready."""
        if due or (self._backlog and self._worth_it):
            self._wanted.set()

    def expect(self, due: float) -> None:
        """A run of this worker goes to sleep until `due`."""
        if due < self._alarm_at:
            self._ring_at(due)

    @property
    def idle(self) -> bool:
        """Nothing to claim as far as this loop knows."""
        return not self.asking and not self._wanted.is_set()

    @property
    def _least(self) -> int:
        """The window of a worker whose runs take long: each has a slot, and one is at hand."""
        return self._worker.options.concurrency + 1

    @property
    def _worth_it(self) -> bool:
        """Whether there is so much room that a claim is worth its round trip: where runs are slow, for any."""
        return self._worker.room > (self.window // SHARE if self.window > self._least else 0)

    async def _run(self) -> None:
        worker = self._worker
        while not worker.stopping and not worker.dead:
            self._wanted.clear()
            self.asking = True
            try:
                await self._look()
                self._failures = 0
            except WorldError as error:
                if isinstance(error, StoreMoved) and not error.retryable:
                    worker.moved = True
                    worker.give_up(str(error))
                    return
                self._failures += 1
                log.log(level_of(self._failures), "claiming failed: %s", error)
                worker.doubt()
                self._ring_at(worker.clock.now() + 1.0)
            except Exception:
                log.exception("claiming failed")  # and is tried again: a worker must not stop in silence
                self._ring_at(worker.clock.now() + 1.0)
            finally:
                self.asking = False
            if not (self._backlog and self._worth_it):
                if self._backlog and worker.room > 0:
                    self._ring_at(min(self._alarm_at, worker.clock.now() + HORIZON))
                await self._wanted.wait()
            self._adapt()

    async def _look(self) -> None:
        """Claim what there is room for; when that was all there is, find out when to look again."""
        room = self._worker.room
        found = await self._claim() if room > 0 else 0
        self._backlog = found >= room
        if not self._backlog:
            self._backlog = await self._arm() and found > 0

    async def _claim(self) -> int:
        worker = self._worker
        if not await worker.renewed():
            return 0
        options = worker.options
        request = ClaimRequest(worker=worker.id, workflows=worker.names, codes=worker.codes, queues=options.queues,
                               limit=worker.room, now=worker.clock.now(), only=options.only)  # fmt: skip
        claimed = await worker.store.claim(request, worker.suspended)
        if claimed:
            self.claimed += len(claimed)
            self._idle_polls = 0
            done = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._take_on, claimed, done)
            await done
        return len(claimed)

    def _take_on(self, claimed: list[Claimed], done: "asyncio.Future[None]") -> None:
        if self._worker.dead:
            done.set_result(None)
            return
        try:
            self._worker.take_on(claimed)
        finally:
            done.set_result(None)

    async def _arm(self) -> bool:
        """Ring when the next run is due, or when it is time to look again. True: one is due already.

        If nothing was found though one is due, it is not for this worker (another queue): it is no reason to hurry.
        """
        worker = self._worker
        now = worker.clock.now()
        due = await worker.store.next_due(worker.names, worker.codes)
        waits = [due - now] if due is not None and due > now else []
        if worker.options.poll_s is not None:
            self._idle_polls += 1
            poll = worker.options.poll_s
            waits.append(min(poll * 2.0 ** min(self._idle_polls, 10), max(SLOWEST_POLL, poll)))
            if self._idle_polls > 1:  # a busy worker looks often enough without it
                waits.append(await self._lease(now, now + waits[-1]) - now)
        if waits:
            self._ring_at(now + min(waits))
        return due is not None and due <= now

    async def _lease(self, now: float, until: float) -> float:
        """When the first of the other workers' leases ends; whoever is alive has renewed its own by then.

        A lost worker's runs are taken over when its lease ends, and not only at the next poll. What was read last
        holds for as long as it ends after `until`: leases only become longer.
        """
        if self._lease_end <= until:
            workers = await self._worker.store.workers()
            ends = [w.expires_at for w in workers if w.id != self._worker.id and w.expires_at > now]
            self._lease_end = min(ends, default=now + self._worker.options.lease_s)
        return self._lease_end

    def _ring_at(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self._worker.alarms.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm_at = float("inf")
        self._wanted.set()

    async def _listen(self) -> None:
        while True:
            try:
                if await self._worker.store.wait_hint(30.0):
                    self._wanted.set()
            except WorldError as error:
                log.warning("listening failed: %s", error)
                await asyncio.sleep(1.0)  # noqa: TID251 - real time: only a real store has hints
            except Exception:
                log.exception("listening failed; polling goes on")
                await asyncio.sleep(30.0)  # noqa: TID251

    def _adapt(self) -> None:
        """Hold as many runs as finish within `HORIZON`: fewer would wait for claims, more would be hoarded."""
        now, finished = self._worker.clock.monotonic(), self._worker.finished_count
        if now - self._adapted_at >= HORIZON / 4 or finished - self._finished_before > self.window:
            rate = (finished - self._finished_before) / max(now - self._adapted_at, HORIZON / 100)
            self.window = max(self._least, min(LARGEST_WINDOW, max(int(rate * HORIZON), self.window * 3 // 4)))
            self._adapted_at, self._finished_before = now, finished
