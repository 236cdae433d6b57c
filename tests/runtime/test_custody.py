"""Custody: quiet runs are looked at in time, and what the worker does not know is handed back."""

import asyncio
from types import SimpleNamespace
from typing import Any

from stepwell.model.change import Change, Patch
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.runtime.custody import Custody
from stepwell.runtime.lookups import Lookups
from stepwell.runtime.workeroptions import WorkerOptions
from stepwell.testing.clock import VirtualClock


class Run:
    """A held run, as far as custody sees it."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.acked = 0
        self.over = False
        self.heard: list[object] = []

    def drop(self, why: str) -> None:
        self.heard.append(why)

    def posted(self, inbox: int) -> None:
        self.heard.append(inbox)


class Worker:
    """Store, writer and worker in one."""

    id = "me"
    dead = False

    def __init__(self, poll_s: float | None = 1.0) -> None:
        self.clock = self.alarms = VirtualClock()
        self.store = self.writer = self
        self.options = WorkerOptions(poll_s=poll_s)
        self.lookups = Lookups(self)  # type: ignore[arg-type]
        self.runs: dict[bytes, Any] = {}
        self.known: set[bytes] = set()
        self.kept: dict[bytes, RunRow] = {}
        self.asked: list[list[bytes]] = []
        self.committed: list[Change] = []
        self.ready: list[bytes] = []
        self.custody = Custody(self)  # type: ignore[arg-type]

    def holds(self, key: bytes) -> bool:
        return key in self.runs or key in self.known

    def started(self, key: bytes) -> None:
        self.ready.append(key)

    async def rows(self, keys: list[bytes]) -> list[RunRow]:
        self.asked.append(list(keys))
        await asyncio.sleep(0)
        return [self.kept[key] for key in keys if key in self.kept]

    async def row(self, key: bytes) -> RunRow | None:
        return self.kept.get(key)

    async def commit(self, change: Change) -> Any:
        self.committed.append(change)
        return SimpleNamespace(ok=True)

    async def move(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + seconds)
        self.clock.ring()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)


def row(key: bytes, **facts: Any) -> RunRow:
    return RunRow(**{"key": key, "id": key.decode(), "workflow": "w", "epoch": 1, **facts})


def test_a_run_without_a_commit_between_two_looks_hears_of_its_inbox() -> None:
    async def main() -> None:
        worker = Worker(poll_s=1.0)
        quiet, busy = Run(), Run()
        worker.runs = {b"quiet": quiet, b"busy": busy}
        worker.kept = {key: row(key, inbox=7) for key in worker.runs}
        worker.custody.start()
        await worker.move(0.5)
        assert worker.asked == []  # nobody is known to be quiet yet
        busy.acked += 1
        await worker.move(0.5)
        assert worker.asked == [[b"quiet"]]
        assert (quiet.heard, busy.heard) == ([7], [])
        worker.custody.stop()
        await worker.move(60)
        assert len(worker.asked) == 1

    asyncio.run(main())


def test_without_a_poll_interval_and_in_a_dead_worker_nothing_is_planned() -> None:
    async def main() -> None:
        for worker in (Worker(poll_s=None), Worker()):
            worker.dead = worker.options.poll_s is not None
            worker.custody.start()
            assert worker.clock.next_alarm() is None
            worker.custody.stop()

    asyncio.run(main())


def test_a_run_that_was_taken_away_is_dropped_and_an_old_row_says_nothing() -> None:
    async def main() -> None:
        worker = Worker()
        taken, newer, over = Run(epoch=1), Run(epoch=3), Run()
        over.over = True
        worker.runs = {b"taken": taken, b"newer": newer, b"over": over}
        worker.kept = {
            b"taken": row(b"taken", epoch=2, inbox=1),
            b"newer": row(b"newer", epoch=2, inbox=1),
            b"over": row(b"over", inbox=1),
        }
        worker.custody.look([*worker.runs, b"gone"])
        await worker.settle()
        assert (taken.heard, newer.heard, over.heard) == (["it was taken away"], [], [])

    asyncio.run(main())


def test_there_is_one_look_at_a_time() -> None:
    async def main() -> None:
        worker = Worker()
        worker.custody.look([b"a"])
        worker.custody.look([b"b"])
        await worker.settle()
        assert worker.asked == [[b"a"]]
        worker.custody.look([b"c"])
        await worker.settle()
        assert worker.asked == [[b"a"], [b"c"]]

    asyncio.run(main())


def test_an_unknown_run_is_handed_back_the_second_time_it_is_heard_of() -> None:
    async def main() -> None:
        worker = Worker()
        worker.known = {b"known"}
        worker.kept = {b"lost": row(b"lost", worker="me", epoch=4, generation=2, rank=9.0)}
        for commits in (0, 1):
            worker.custody.heard(frozenset({b"lost", b"known"}))
            await worker.settle()
            assert len(worker.committed) == commits
        patch = Patch(status=RunStatus.QUEUED, release=True, rank=9.0)
        assert worker.committed == [Change(run=b"lost", epoch=4, generation=2, patch=patch)]
        assert worker.ready == [b"lost"]

    asyncio.run(main())


def test_twice_means_twice_in_a_row() -> None:
    async def main() -> None:
        worker = Worker()
        worker.kept = {b"lost": row(b"lost", worker="me")}
        for held in ({b"lost"}, set[bytes](), {b"lost"}):
            worker.custody.heard(frozenset(held))
            await worker.settle()
        assert worker.committed == []

    asyncio.run(main())


def test_nothing_is_handed_back_that_another_holds_or_that_has_arrived_meanwhile() -> None:
    async def main() -> None:
        worker = Worker()
        worker.kept = {b"theirs": row(b"theirs", worker="other"), b"late": row(b"late", worker="me")}
        for _ in range(2):
            worker.custody.heard(frozenset({b"theirs", b"late", b"gone"}))
        worker.known = {b"late"}
        await worker.settle()
        assert worker.committed == []

    asyncio.run(main())
