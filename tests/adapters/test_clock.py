import time

from stepwell.adapters.clock import SystemClock
from stepwell.ports.clock import Clock


def test_the_system_clock() -> None:
    clock: Clock = SystemClock()
    assert abs(clock.now() - time.time()) < 60
    first, second = clock.monotonic(), clock.monotonic()
    assert first <= second
