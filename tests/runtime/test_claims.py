"""Claiming: how often, how many, and when."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stepwell import App, sleep
from stepwell.errors import StoreMoved, StoreUnavailable
from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed, RunRow, WorkerRow
from stepwell.ports.store import Capabilities
from stepwell.runtime.claims import HORIZON, LARGEST_WINDOW, Claims
from stepwell.runtime.workeroptions import WorkerOptions
from stepwell.testing.clock import START, VirtualClock
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


class Store:
    """Answers claims from a script: how many runs each finds, or an error."""

    def __init__(self) -> None:
        self.capabilities = Capabilities(durable=False, shared=False, hints=False)
        self.script: list[int | Exception] = []
        self.due: float | None = None
        self.others: list[WorkerRow] = []
        self.claims: list[tuple[float, int]] = []
        self.looks = 0

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        self.claims.append((request.now, request.limit))
        answer = self.script.pop(0) if self.script else 0
        if isinstance(answer, Exception):
            raise answer
        rows = [RunRow(key=n.to_bytes(16, "big"), id=str(n), workflow="w") for n in range(min(answer, request.limit))]
        return [Claimed(row, [], []) for row in rows]

    async def next_due(self, workflows: object, codes: object) -> float | None:
        self.looks += 1
        return self.due

    async def workers(self) -> list[WorkerRow]:
        self.looks += 1
        return self.others


class Worker:
    """As much of a worker as claiming needs."""

    def __init__(self, poll_s: float | None = 1.0, concurrency: int = 3) -> None:
        self.id = "w"
        self.store: Any = Store()
        self.clock: Any = VirtualClock()
        self.alarms: Any = self.clock
        self.options = WorkerOptions(concurrency=concurrency, poll_s=poll_s)
        self.names = ("w",)
        self.codes = ("0a1b2c3d4e5f",)
        self.suspended: dict[bytes, int] = {}
        self.stopping = self.dead = self.moved = False
        self.finished_count = 0
        self.taken: list[Claimed] = []
        self.doubts = 0
        self.lease = True
        self.gave_up = ""
        self.held = 0
        self.claims = Claims(self)

    @property
    def room(self) -> int:
        return self.claims.window - self.held

    async def renewed(self) -> bool:
        return self.lease

    def take_on(self, claimed: list[Claimed]) -> None:
        self.taken += claimed
        self.held += len(claimed)

    def finish(self, count: int) -> None:
        self.held -= count
        self.finished_count += count
        self.claims.nudge()

    def doubt(self) -> None:
        self.doubts += 1

    def give_up(self, why: str) -> None:
        self.dead = True
        self.gave_up = why

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            await asyncio.sleep(0)
            if condition():
                return
        raise AssertionError("it did not come to that")

    async def rest(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, alarm by alarm."""
        end = self.clock.now() + seconds
        while (due := self.clock.next_alarm()) is not None and due <= end:
            self.clock.move_to(due)
            self.clock.ring()
            await self.rest()
        self.clock.move_to(end)

    async def stop(self) -> None:
        self.stopping = True
        await self.claims.stop()


async def test_an_idle_worker_asks_less_and_less_often() -> None:
    worker = Worker()
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(60)
    first_minute = len(worker.store.claims) + worker.store.looks
    assert first_minute < 60  # less than one query per second from the first minute on
    before = len(worker.store.claims)
    await worker.pass_time(600)
    assert (len(worker.store.claims) - before) / 600 <= 0.21
    assert worker.claims.idle
    await worker.stop()


async def test_it_is_there_when_the_next_run_is_due() -> None:
    worker = Worker()
    worker.store.due = START + 3.0
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(3.0)
    assert [at - START for at, _ in worker.store.claims][-1] == 3.0
    await worker.stop()


async def test_it_is_there_when_the_lease_of_a_lost_worker_ends() -> None:
    worker = Worker()
    worker.store.others = [WorkerRow(id="w", expires_at=START + 31.0), WorkerRow(id="lost", expires_at=START + 27.25)]
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(60)
    asked = [at - START for at, _ in worker.store.claims]
    assert 27.25 in asked
    assert 31.0 not in asked  # one's own
    assert len(asked) < 20
    await worker.stop()


async def test_workers_that_are_alive_wake_nobody() -> None:
    worker = Worker()
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(60)
    asked = len(worker.store.claims)
    for _ in range(12):
        now = worker.clock.now()
        worker.store.others = [WorkerRow(id=f"other {n}", expires_at=now + 10.0 + n) for n in range(5)]
        await worker.pass_time(5)
    assert len(worker.store.claims) - asked == 12
    await worker.stop()


async def test_leases_are_read_again_only_when_they_could_have_ended() -> None:
    worker = Worker()
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(60)
    reads = 0

    async def workers() -> list[WorkerRow]:
        nonlocal reads
        reads += 1
        return [WorkerRow(id="other", expires_at=worker.clock.now() + 15.0)]

    worker.store.workers = workers
    await worker.pass_time(300)
    assert 10 <= reads <= 31, "every second look at most, and at each that could miss an end"
    await worker.stop()


async def test_a_long_outage_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.store.script = [StoreUnavailable("gone")] * 100
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(99)
    assert worker.doubts == 100
    told = [record for record in caplog.records if "claiming failed" in record.message and record.levelname != "DEBUG"]
    assert len(told) == 3, "the first, the tenth, the sixtieth"
    worker.store.script = [0, StoreUnavailable("gone again")]
    await worker.pass_time(10)
    assert "gone again" in caplog.text, "another outage is told at once"
    await worker.stop()


async def test_a_due_run_that_is_not_for_this_worker_is_no_reason_to_hurry() -> None:
    """Of another queue, say: asking again and again would not help."""
    worker = Worker()
    worker.store.due = 0.0
    worker.claims.start()
    await worker.rest()
    assert len(worker.store.claims) == 1
    await worker.pass_time(60)
    assert len(worker.store.claims) < 20
    await worker.stop()


async def test_found_some_and_more_is_due_it_asks_at_once() -> None:
    worker = Worker()
    worker.store.script, worker.store.due = [2, 0], 0.0  # as when a thousand are due at once
    worker.claims.start()
    await worker.until(lambda: len(worker.store.claims) == 2)
    assert worker.clock.now() == START
    await worker.stop()


async def test_a_nudge_wakes_it_and_a_full_worker_waits_for_room() -> None:
    worker = Worker(poll_s=None)
    worker.claims.start()
    await worker.rest()
    assert len(worker.store.claims) == 1
    worker.store.script = [4, 2]
    worker.claims.nudge(due=True)
    await worker.until(lambda: len(worker.taken) == 4)
    assert worker.room <= 0
    await worker.rest()
    assert len(worker.store.claims) == 2  # no room, no question
    worker.finish(2)
    await worker.until(lambda: len(worker.taken) == 6)
    await worker.stop()


async def test_the_window_follows_what_was_finished() -> None:
    worker = Worker(poll_s=None, concurrency=10)
    assert worker.claims.window == 11
    worker.claims.start()
    for _ in range(20):
        worker.store.script.append(10_000)
        worker.claims.nudge(due=True)
        await worker.until(lambda: worker.held > 0 and worker.room <= 0)
        worker.finish(worker.held)
    assert worker.claims.window == LARGEST_WINDOW  # bounded
    for _ in range(40):
        await worker.pass_time(HORIZON)
        worker.claims.nudge(due=True)
        await worker.rest()
    assert worker.claims.window == 11  # and it shrinks again
    await worker.stop()


async def test_a_few_free_places_are_not_worth_a_claim_where_runs_are_quick() -> None:
    worker = Worker(poll_s=None, concurrency=10)
    worker.claims.start()
    worker.store.script = [11, 100, 10, 5]
    worker.claims.nudge(due=True)
    await worker.until(lambda: worker.held == 11)
    worker.finish(1)  # a slow worker has every place filled at once
    await worker.until(lambda: len(worker.store.claims) == 2)
    worker.claims.window = 12  # as after a quick time
    worker.finish(1)
    await worker.rest()
    assert len(worker.store.claims) == 2
    await worker.pass_time(HORIZON)  # but if that was all for now, the places are not left empty
    await worker.until(lambda: len(worker.store.claims) == 3)
    await worker.stop()


async def test_a_moved_database_ends_it() -> None:
    worker = Worker()
    moved = StoreMoved("elsewhere")
    moved.retryable = False
    worker.store.script = [moved]
    worker.claims.start()
    await worker.until(lambda: worker.dead)
    assert "elsewhere" in worker.gave_up
    assert worker.moved
    await worker.stop()


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ZeroDivisionError("a bug")])
async def test_it_goes_on_whatever_claiming_raises(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.store.script = [error, 1]
    worker.claims.start()
    await worker.rest()
    await worker.pass_time(1.0)
    assert len(worker.taken) == 1
    assert "claiming failed" in caplog.text
    assert worker.doubts == isinstance(error, StoreUnavailable)
    await worker.stop()


async def test_stopped_it_asks_no_more() -> None:
    worker = Worker()
    worker.claims.start()
    await worker.rest()
    await worker.stop()
    asked = len(worker.store.claims)
    worker.claims.nudge(due=True)
    await worker.pass_time(60)
    assert len(worker.store.claims) == asked


async def test_a_dead_worker_takes_nothing_on_even_if_the_claim_was_under_way() -> None:
    worker = Worker()
    worker.store.script = [2]
    worker.dead = False
    worker.claims.start()
    worker.dead = True
    await worker.rest()
    assert worker.taken == []
    await worker.stop()


async def test_a_worker_serves_what_is_defined_while_it_works() -> None:
    app = App("memory://")
    async with Environment(app):

        @app.workflow
        async def late() -> str:
            await sleep("1h")
            return "served"

        assert await (await late.start()).result() == "served"


async def test_a_worker_for_some_queues_leaves_the_others_alone() -> None:
    app = App("memory://")

    @app.workflow(queue="slow")
    async def slow() -> str:
        return "slow"

    @app.workflow
    async def quick() -> str:
        return "quick"

    async with Environment(app, workers=0) as env:
        first, second = await slow.start(), await quick.start()
        async with app.worker(queues=["default"]):
            assert await second.result() == "quick"
            await env.settle()
            assert (await first.status()).state == "queued"
        async with app.worker(queues=["slow"]):
            assert await first.result() == "slow"
