"""The watchdog: a blocked loop is reported with the frame that holds it, a turning one never."""

import asyncio
import time

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.runtime.watchdog import Watchdog
from stepwell.testing.clock import VirtualClock


def hog_the_loop(watchdog: Watchdog) -> None:
    """Block until it has been noticed, and for several of its periods more."""
    until = time.monotonic() + 5
    while not watchdog.seen and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.03)


def test_it_names_the_frame_that_blocks_once_per_blockage(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=0.01)
        watchdog.start()
        try:
            hog_the_loop(watchdog)
            assert len(watchdog.seen) == 1
            assert "hog_the_loop" in watchdog.seen[0]
        finally:
            await asyncio.to_thread(watchdog.stop)

    asyncio.run(main())
    assert "the event loop has been blocked" in caplog.text
    assert "hog_the_loop" in caplog.text


def test_a_second_blockage_is_reported_again() -> None:
    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=0.02)
        watchdog.start()
        try:
            for n in (1, 2):
                until = time.monotonic() + 5
                while len(watchdog.seen) < n and time.monotonic() < until:
                    time.sleep(0.001)
                assert len(watchdog.seen) == n
                await asyncio.sleep(0.02)
        finally:
            await asyncio.to_thread(watchdog.stop)

    asyncio.run(main())


def test_a_loop_that_turns_is_not_reported() -> None:
    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.001, blocked=1.0)
        watchdog.start()
        await asyncio.sleep(0.03)
        watchdog.stop()
        assert watchdog.seen == []

    asyncio.run(main())


def test_stopping_from_the_loop_ends_the_thread_without_a_report() -> None:
    async def main() -> None:
        watchdog = Watchdog(VirtualClock(), period=0.01, blocked=30.0)
        watchdog.start()
        await asyncio.sleep(0.012)
        watchdog.stop()
        watchdog._thread.join(timeout=10)  # far less than it would wait for the loop, which this blocks
        assert not watchdog._thread.is_alive()
        assert watchdog.seen == []

    asyncio.run(main())


def test_the_thread_ends_by_itself_when_the_loop_has_been_closed() -> None:
    async def main() -> Watchdog:
        watchdog = Watchdog(VirtualClock(), period=0.002, blocked=30.0)
        watchdog.start()
        return watchdog

    watchdog = asyncio.run(main())
    until = time.monotonic() + 5
    while watchdog._thread.is_alive() and time.monotonic() < until:
        # The question put just before the loop was closed is never answered: stop() has to end that wait.
        watchdog._turned.set()
        time.sleep(0.005)
    assert not watchdog._thread.is_alive()
    assert watchdog.seen == []


def test_it_knows_how_long_the_loop_was_blocked() -> None:
    async def main() -> None:
        watchdog = Watchdog(SystemClock(), period=0.001, blocked=0.005)
        watchdog.start()
        try:
            hog_the_loop(watchdog)
            await asyncio.sleep(0.02)
            assert watchdog.lag() >= 0.03
            assert watchdog.lag() < 0.03  # since it was asked last
        finally:
            await asyncio.to_thread(watchdog.stop)

    asyncio.run(main())
