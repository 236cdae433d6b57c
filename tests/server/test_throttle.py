"""Bounds on guessing."""

import pytest

from stepwell.errors import TooManyRequests
from stepwell.server.throttle import MOST_ADDRESSES, Throttle
from stepwell.testing.clock import VirtualClock


def test_each_address_and_all_together() -> None:
    clock = VirtualClock()
    throttle = Throttle(clock, each=2, overall=3, within=60)
    throttle.failed("a")
    throttle.check("a")
    throttle.failed("a")
    with pytest.raises(TooManyRequests) as refused:
        throttle.check("a")
    assert 0 < refused.value.retry_after <= 60
    throttle.check("b")
    throttle.failed("b")
    with pytest.raises(TooManyRequests):
        throttle.check("c")
    clock.move_to(clock.now() + 60)
    throttle.check("a")
    throttle.check("c")


def test_a_right_key_forgives() -> None:
    throttle = Throttle(VirtualClock(), each=2, overall=100, within=60)
    throttle.failed("a")
    throttle.failed("a")
    throttle.succeeded("a")
    throttle.check("a")


def test_addresses_are_bounded() -> None:
    throttle = Throttle(VirtualClock(), each=2, overall=10**6, within=60)
    for number in range(MOST_ADDRESSES + 10):
        throttle.failed(str(number))
    assert len(throttle._by) == MOST_ADDRESSES
