"""Look-ups: repeated until the store answers, told in the loop, and fatal only for the run they are for."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from stepwell.errors import SchemaMissing, StoreUnavailable
from stepwell.model.change import Change, Reply
from stepwell.model.entry import AnyEntry, ChildStarted, Finished, Payload, Started, encode_entries
from stepwell.model.run import Claimed, InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.runtime.lookups import Lookups
from stepwell.testing.clock import VirtualClock

ITEM = InboxItem(n=1, kind="message", at=1.0)
STARTED = ChildStarted(at=1.0, call="ship", run=b"child".hex(), id="c")


class Run:
    key = b"run"
    epoch = 1
    over = False

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def inbox_arrived(self, items: list[InboxItem]) -> None:
        self.heard.append(items)

    def child_again(self, started: ChildStarted, ended: Any) -> None:
        self.heard.append((started, ended))

    def drop(self, why: str) -> None:
        self.heard.append(why)


class Worker:
    """Store, writer and worker in one; the store fails as often as `failures` says."""

    def __init__(self, *failures: Exception) -> None:
        self.clock = self.alarms = VirtualClock()
        self.store = self.writer = self
        self.failures = list(failures)
        self.loaded: Claimed | None = None
        self.replies: list[Reply] = []
        self.committed: list[Change] = []
        self.ready: list[bytes] = []
        self.taken: list[Claimed] = []
        self.before_answer: Callable[[], None] = lambda: None
        self.lookups = Lookups(self)  # type: ignore[arg-type]

    async def answer(self, value: Any) -> Any:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.before_answer()
        return value

    async def inbox(self, key: bytes, after: int) -> list[InboxItem]:
        assert (key, after) == (b"run", 4)
        answer: list[InboxItem] = await self.answer([ITEM])
        return answer

    async def load(self, key: bytes) -> Any:
        return await self.answer(self.loaded)

    async def commit(self, change: Change) -> Reply:
        self.committed.append(change)
        return self.replies.pop(0)

    def started(self, key: bytes) -> None:
        self.ready.append(key)

    def take_on(self, claimed: list[Claimed]) -> None:
        self.taken += claimed

    async def settle(self) -> None:
        async with asyncio.timeout(60):
            while self.lookups.under_way:
                await asyncio.sleep(0)
                if (due := self.clock.next_alarm()) is not None:
                    self.clock.move_to(due)
                    self.clock.ring()
        await asyncio.sleep(0)


def child(status: RunStatus, *entries: AnyEntry, **more: Any) -> Claimed:
    row = RunRow(key=b"child", id="c", workflow="w", status=status, epoch=2)
    return Claimed(row, [(0, encode_entries([Started(at=1.0), *entries]))], [], **more)


def asked(worker: Worker) -> list[Any]:
    """What a run hears that asks for its child."""

    async def main() -> list[Any]:
        run: Any = Run()
        worker.lookups = Lookups(worker)  # type: ignore[arg-type]
        worker.lookups.child(run, RunRow(key=b"child", id="c", workflow="w"), STARTED)
        await worker.settle()
        return list(run.heard)

    return asyncio.run(main())


def made(*failures: Exception) -> Worker:
    async def main() -> Worker:
        return Worker(*failures)

    return asyncio.run(main())


def test_the_inbox_arrives_however_often_the_store_was_away() -> None:
    async def main() -> None:
        worker, run = Worker(*(StoreUnavailable("away") for _ in range(9))), Run()
        began = worker.clock.now()
        worker.lookups.inbox(run, 4)  # type: ignore[arg-type]
        assert worker.lookups.under_way == 1
        await worker.settle()
        assert run.heard == [[ITEM]]
        assert worker.clock.now() - began == pytest.approx(0.05 + 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3 * 2.0)

    asyncio.run(main())


def test_an_inbox_asked_for_under_another_epoch_is_not_told() -> None:
    async def main() -> None:
        worker, run = Worker(), Run()
        worker.before_answer = lambda: setattr(run, "epoch", 2)
        worker.lookups.inbox(run, 4)  # type: ignore[arg-type]
        await worker.settle()
        assert run.heard == []

    asyncio.run(main())


@pytest.mark.parametrize("error", [SchemaMissing("no tables"), ZeroDivisionError("no tables")])
def test_when_waiting_cannot_help_the_run_is_dropped(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        worker, run = Worker(error), Run()
        worker.lookups.inbox(run, 4)  # type: ignore[arg-type]
        await worker.settle()
        assert run.heard == ["a look-up failed: no tables"]

    asyncio.run(main())
    assert "background work failed" in caplog.text


def test_cancelled_look_ups_tell_nobody() -> None:
    async def main() -> None:
        worker, run = Worker(), Run()
        worker.lookups.inbox(run, 4)  # type: ignore[arg-type]
        await asyncio.sleep(0)
        worker.lookups.cancel()
        await worker.settle()
        assert run.heard == []

    asyncio.run(main())


def test_a_run_is_loaded_after_all_unless_it_has_changed_hands() -> None:
    async def main() -> None:
        worker = Worker()
        worker.loaded = child(RunStatus.RUNNING)
        for epoch in (2, 1):
            worker.lookups.reload(Claimed(msgspec.structs.replace(worker.loaded.row, epoch=epoch), None, []))
            await worker.settle()
        assert worker.taken == [worker.loaded]

    asyncio.run(main())


def test_a_child_that_succeeded_is_told_with_its_result_from_a_blob() -> None:
    worker = made()
    end = Finished(at=2.0, status="succeeded", value=Payload(r="d1"))
    worker.loaded = child(RunStatus.SUCCEEDED, end, blobs={"d1": b'"large"'})
    [(started, ended)] = asked(worker)
    assert started is STARTED
    assert (ended.call, ended.run, ended.status) == ("ship", b"child".hex(), "succeeded")
    assert ended.value == Payload(v=msgspec.Raw(b'"large"'))
    assert worker.committed == []


def test_a_child_that_failed_is_set_going_again() -> None:
    worker = made()
    worker.loaded = child(RunStatus.TERMINATED, Finished(at=2.0, status="terminated"))
    worker.replies = [Reply(ok=True)]
    assert asked(worker) == [(STARTED, None)]
    [change] = worker.committed
    assert change.patch is not None
    assert (change.run, change.patch.status) == (b"child", RunStatus.QUEUED)
    assert worker.ready == [b"child"]


def test_a_child_that_somebody_else_moved_is_looked_at_again() -> None:
    worker = made()
    worker.loaded = child(RunStatus.TERMINATED, Finished(at=2.0, status="terminated"))
    worker.replies = [Reply(ok=False, why="stale"), Reply(ok=True)]
    assert asked(worker) == [(STARTED, None)]
    assert len(worker.committed) == 2
    assert worker.ready == [b"child"]


@pytest.mark.parametrize("loaded", [None, child(RunStatus.WAITING)])
def test_a_child_that_still_goes_or_is_gone_is_left_alone(loaded: Claimed | None) -> None:
    worker = made()
    worker.loaded = loaded
    assert asked(worker) == [(STARTED, None)]
    assert worker.committed == []
