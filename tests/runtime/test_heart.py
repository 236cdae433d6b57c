"""The heartbeat: it beats while there is progress, and knows until when its leases hold."""

import threading
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from stepwell.errors import StoreUnavailable
from stepwell.model.run import WorkerRow
from stepwell.runtime.heart import AGAIN, Heartbeat
from stepwell.testing.clock import START, VirtualClock

ROW = WorkerRow(id="w")
HELD = frozenset({b"run"})
LEASE = 60.0
TICK = 0.002


class Soon(threading.Event):
    """Waits for a moment only, however long it was told to; what it was told is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[float | None] = set()

    def wait(self, timeout: float | None = None) -> bool:
        self.told.add(timeout)
        return super().wait(TICK)


class Fake:
    """The store's side of a heartbeat, and what the worker's side was told."""

    def __init__(self, *answers: frozenset[bytes] | Exception | None, lease: float = LEASE) -> None:
        self.answers = list(answers)
        self.clock = VirtualClock()
        self.beats = 0
        self.looked = 0
        self.alive = True
        self.on_beat: Callable[[], None] = lambda: None
        self.held: list[frozenset[bytes]] = []
        self.lost: list[str] = []
        self.calls: list[str] = []
        self.refusal: Exception | None = None
        self.heartbeat = Heartbeat(
            self,
            lambda: replace(ROW, expires_at=self.clock.now() + lease),
            lease,
            self.clock,
            self._alive,
            self.held.append,
            lambda: self.lost.append("lost"),
        )
        # Beats come quickly, and whoever stops the heart waits for its thread as long as a lease is.
        self.heartbeat._stop = self.pauses = Soon()

    @property
    def beating(self) -> bool:
        thread = self.heartbeat._thread
        return thread is not None and thread.is_alive()

    def _alive(self) -> bool:
        self.looked += 1
        return self.alive

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        assert worker.id == ROW.id
        self.beats += 1
        self.calls.append("beat")
        self.on_beat()
        answer = self.answers.pop(0) if self.answers else HELD
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self, worker: str) -> None:
        self.calls.append(f"stop {worker}")
        if self.refusal is not None:
            raise self.refusal

    def close(self) -> None:
        self.calls.append("close")


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_lease_holds_from_before_the_beat_was_sent() -> None:
    fake = Fake(lease=15.0)
    fake.on_beat = lambda: fake.clock.move_to(START + 4)  # the store took four seconds to answer
    assert fake.heartbeat.holds_until == 0.0
    assert fake.heartbeat.beat()
    assert fake.heartbeat.holds_until == START + 15
    assert fake.held == [HELD]


def test_a_beat_that_failed_or_was_refused_prolongs_nothing() -> None:
    fake = Fake(HELD, StoreUnavailable("away"), None, lease=15.0)
    fake.heartbeat.beat()
    fake.clock.move_to(START + 5)
    with pytest.raises(StoreUnavailable):
        fake.heartbeat.beat()
    assert not fake.heartbeat.beat()
    assert fake.heartbeat.holds_until == START + 15
    assert fake.held == [HELD]


def test_without_progress_there_is_no_beat_until_there_is_again(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake()
    fake.alive = False
    fake.heartbeat.start()
    until(lambda: fake.looked >= 3)
    assert fake.beats == 0
    fake.alive = True
    until(lambda: fake.beats >= 2)
    fake.heartbeat.stop("w")
    assert "no progress within a lease" in caplog.text
    assert fake.lost == []


def test_one_that_stood_still_as_a_whole_is_asked_twice(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake()
    heartbeat_asks = fake._alive
    fake.heartbeat._alive = lambda: heartbeat_asks() and fake.looked % 2 == 0  # a turn later there is progress
    fake.heartbeat.start()
    until(lambda: fake.beats >= 3)
    fake.heartbeat.stop("w")
    assert "no progress" not in caplog.text
    assert AGAIN in fake.pauses.told


def test_a_lease_that_is_over_is_renewed_unless_somebody_has_noticed() -> None:
    fake = Fake(HELD, HELD, None, lease=15.0)
    assert fake.heartbeat.over
    assert fake.heartbeat.beat()
    assert not fake.heartbeat.over
    assert fake.heartbeat.renew()
    assert fake.beats == 1
    fake.clock.move_to(START + 15)
    assert fake.heartbeat.over
    assert fake.heartbeat.renew()
    assert (fake.beats, fake.heartbeat.over) == (2, False)
    fake.clock.move_to(START + 60)
    assert not fake.heartbeat.renew()
    assert fake.held == [HELD, HELD]


def test_a_worker_declared_dead_is_told_once_and_beats_no_more() -> None:
    fake = Fake(HELD, None)
    fake.heartbeat.start()
    until(lambda: bool(fake.lost) and not fake.beating)
    assert fake.lost == ["lost"]
    assert fake.beats == 2
    fake.heartbeat.abandon()


def test_errors_are_logged_and_beating_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake(StoreUnavailable("the disk is away"), ZeroDivisionError("a bug"))
    fake.heartbeat.start()
    until(lambda: fake.beats >= 4)
    fake.heartbeat.stop("w")
    assert "heartbeat failed: the disk is away" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text
    assert fake.lost == []


def test_stopping_signs_off_after_the_last_beat_and_closes() -> None:
    fake = Fake()
    fake.heartbeat.start()
    until(lambda: fake.beats >= 1)
    fake.heartbeat.stop("w")
    assert not fake.beating
    assert fake.calls == ["beat"] * fake.beats + ["stop w", "close"]
    assert fake.pauses.told == {LEASE / 3}


def test_signing_off_may_fail_and_closes_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake()
    fake.refusal = StoreUnavailable("away")
    fake.heartbeat.stop("w")
    assert fake.calls == ["stop w", "close"]
    assert "the lease will run out by itself: away" in caplog.text


def test_abandoning_says_nothing_to_the_store() -> None:
    fake = Fake()
    fake.heartbeat.start()
    fake.heartbeat.abandon()
    assert not fake.beating
    assert [call for call in fake.calls if call != "beat"] == ["close"]
