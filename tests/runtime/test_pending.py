"""What steps wait for of their run: commits and pauses, until the run is over here."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.model.entry import AnyEntry, Intended
from stepwell.runtime.pending import Pending
from stepwell.testing.clock import START, VirtualClock

ENTRY = Intended(at=1.0, call="pay", attempt=1)


class Run:
    """A run whose commits are acknowledged by the test."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.host: Any = SimpleNamespace(alarms=self.clock)
        self.loop = asyncio.get_running_loop()
        self.log: list[object] = []
        self.effects: list[Callable[[], None]] = []
        self.pending = Pending(self)

    def now(self) -> float:
        return self.clock.now()

    def record(self, entry: AnyEntry) -> None:
        self.log.append(entry)

    def after_ack(self, effect: Callable[..., None], *args: Any) -> None:
        self.log.append("after ack")
        self.effects.append(lambda: effect(*args))

    def flush(self) -> None:
        self.log.append("flush")

    def acknowledge(self) -> None:
        for effect in self.effects:
            effect()


def test_a_step_goes_on_when_its_entry_is_committed_not_before() -> None:
    async def main() -> None:
        run = Run()
        waits = asyncio.create_task(run.pending.committed(ENTRY))
        await asyncio.sleep(0.002)
        assert not waits.done()
        assert run.log == [ENTRY, "after ack", "flush"]
        run.acknowledge()
        await asyncio.wait_for(waits, 60)

    asyncio.run(main())


def test_a_pause_is_as_long_as_it_was_said_to_be() -> None:
    async def main() -> None:
        run = Run()
        waits = asyncio.create_task(run.pending.pause(10.0))
        await asyncio.sleep(0)
        assert run.clock.next_alarm() == START + 10
        run.clock.move_to(START + 10)
        run.clock.ring()
        await asyncio.wait_for(waits, 60)
        assert run.log == []

    asyncio.run(main())


def test_a_pause_that_is_given_up_takes_its_alarm_back() -> None:
    async def main() -> None:
        run = Run()
        waits = asyncio.create_task(run.pending.pause(10.0))
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.wait([waits])
        assert run.clock.next_alarm() is None

    asyncio.run(main())


def test_the_end_of_the_run_cancels_all_who_wait_and_late_answers_do_no_harm() -> None:
    async def main() -> None:
        run = Run()
        waits = [
            asyncio.create_task(run.pending.committed(ENTRY)),
            asyncio.create_task(run.pending.committed(ENTRY)),
            asyncio.create_task(run.pending.pause(10.0)),
        ]
        await asyncio.sleep(0)
        run.pending.cancel()
        run.acknowledge()
        for one in waits:
            with pytest.raises(asyncio.CancelledError):
                await one
        assert run.clock.next_alarm() is None

    asyncio.run(main())


def test_those_who_have_been_answered_are_not_cancelled_later() -> None:
    async def main() -> None:
        run = Run()
        waits = asyncio.create_task(run.pending.committed(ENTRY))
        await asyncio.sleep(0)
        run.acknowledge()
        run.acknowledge()
        await waits
        run.pending.cancel()
        assert not waits.cancelled()

    asyncio.run(main())
