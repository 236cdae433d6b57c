"""The watchdog: a blocked loop is reported with the frame that holds it, a turning one never."""

import asyncio
import time

import pytest

from stepwell.runtime.watchdog import Watchdog
from stepwell.testing.clock import VirtualClock


def hog_the_loop(watchdog: Watchdog) -> None:
    """Block, from before it looks until it has noticed, and for several of its periods more."""
    watchdog.start()
    until = time.monotonic() + 60
    while not watchdog.seen and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.03)


class Counted(VirtualClock):
    """A clock that knows how often it was asked."""

    asked = 0

    def monotonic(self) -> float:
        self.asked += 1
        return super().monotonic()


def test_it_names_the_frame_that_blocks_once_per_blockage(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=0.01)
        try:
            hog_the_loop(watchdog)
            assert len(watchdog.seen) == 1
            assert "hog_the_loop" in watchdog.seen[0]
        finally:
            await asyncio.to_thread(watchdog.stop)
        return watchdog

    asyncio.run(main())._thread.join(60)  # what was seen is logged by then
    assert "the event loop has been blocked" in caplog.text
    assert "hog_the_loop" in caplog.text


def test_a_second_blockage_is_reported_again() -> None:
    def first() -> None:
        time.sleep(0.1)

    def second() -> None:
        time.sleep(0.1)

    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=0.02)
        watchdog.start()
        try:
            for hog in (first, second):
                until = time.monotonic() + 60
                # Again, if the thread had no turn meanwhile, or had this blockage reported before the function began.
                while not any(f"in {hog.__name__}\n" in stack for stack in watchdog.seen):
                    assert time.monotonic() < until
                    hog()
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.to_thread(watchdog.stop)

    asyncio.run(main())


def test_a_loop_that_turns_is_not_reported() -> None:
    async def main() -> None:
        clock = Counted()
        watchdog = Watchdog(clock, period=0.001, blocked=60.0)
        watchdog.start()
        async with asyncio.timeout(50):
            while clock.asked < 20:  # twice in each round
                await asyncio.sleep(0.001)
        watchdog.stop()
        assert watchdog.seen == []

    asyncio.run(main())


def test_stopping_from_the_loop_ends_the_thread_without_a_report() -> None:
    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.01, blocked=600.0)
        watchdog.start()
        await asyncio.sleep(0.012)
        watchdog.stop()
        watchdog._thread.join(timeout=60)  # far less than it would wait for the loop, which this blocks
        assert not watchdog._thread.is_alive()
        assert watchdog.seen == []

    asyncio.run(main())


def test_the_thread_ends_by_itself_when_the_loop_has_been_closed() -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=600.0)
        watchdog.start()
        return watchdog

    watchdog = asyncio.run(main())
    until = time.monotonic() + 60
    while watchdog._thread.is_alive() and time.monotonic() < until:
        # The question put just before the loop was closed is never answered: stop() has to end that wait.
        watchdog._turned.set()
        time.sleep(0.005)
    assert not watchdog._thread.is_alive()
    assert watchdog.seen == []


def test_it_knows_how_long_the_loop_was_blocked() -> None:
    async def main() -> None:
        clock = VirtualClock()
        watchdog = Watchdog(clock, period=0.001, blocked=0.005)
        try:
            hog_the_loop(watchdog)
            clock.move_to(clock.now() + 3.0)
        finally:
            await asyncio.to_thread(watchdog.stop)
        await asyncio.to_thread(watchdog._thread.join, 60)
        assert watchdog.lag() == 3.0
        assert watchdog.lag() == 0.0  # since it was asked last

    asyncio.run(main())
