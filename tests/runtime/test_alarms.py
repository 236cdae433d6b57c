"""Alarms on a real loop, by a clock that the test sets."""

import asyncio

import pytest

from stepwell.runtime import alarms
from stepwell.runtime.alarms import LoopAlarms


class SetClock:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def test_an_alarm_that_is_due_rings_once_and_from_the_loop() -> None:
    async def main() -> None:
        rung: list[int] = []
        LoopAlarms(SetClock()).call_at(999.0, lambda: rung.append(1))
        assert rung == []
        await asyncio.sleep(0.005)
        assert rung == [1]

    asyncio.run(main())


def test_an_alarm_rings_when_the_clock_has_reached_its_time() -> None:
    async def main() -> None:
        clock, rung = SetClock(), asyncio.Event()
        LoopAlarms(clock).call_at(1000.01, rung.set)
        clock.at = 1000.01
        await asyncio.wait_for(rung.wait(), 60)

    asyncio.run(main())


def test_an_alarm_is_never_early_when_the_clock_is_set_back() -> None:
    async def main() -> None:
        clock, rung = SetClock(), asyncio.Event()
        LoopAlarms(clock).call_at(1000.005, rung.set)
        clock.at = 999.99
        await asyncio.sleep(0.01)
        assert not rung.is_set()
        clock.at = 1000.005
        await asyncio.wait_for(rung.wait(), 60)

    asyncio.run(main())


def test_a_clock_set_forward_is_noticed_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "LONGEST", 0.002)

    async def main() -> None:
        clock, rung = SetClock(), asyncio.Event()
        LoopAlarms(clock).call_at(1000.0 + 86_400, rung.set)
        await asyncio.sleep(0.01)
        assert not rung.is_set()
        clock.at += 86_400
        await asyncio.wait_for(rung.wait(), 60)

    asyncio.run(main())


def test_a_cancelled_alarm_is_silent_also_after_it_has_looked_again() -> None:
    async def main() -> None:
        clock = SetClock()
        rung: list[str] = []
        early = LoopAlarms(clock).call_at(1000.001, lambda: rung.append("early"))
        early.cancel()
        again = LoopAlarms(clock).call_at(1000.001, lambda: rung.append("again"))
        clock.at = 999.99
        await asyncio.sleep(0.005)
        again.cancel()
        clock.at = 2000.0
        await asyncio.sleep(0.02)
        assert rung == []

    asyncio.run(main())
