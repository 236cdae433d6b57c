"""A clock that stands still, and alarms that ring when it passes them."""

from stepwell.testing.clock import START, VirtualClock


def test_it_stands_still_until_it_is_moved_and_never_goes_back() -> None:
    clock = VirtualClock()
    assert clock.now() == clock.monotonic() == START
    clock.move_to(START + 5)
    clock.move_to(START + 1)
    assert clock.now() == START + 5


def test_alarms_ring_in_order_of_time_then_of_setting() -> None:
    clock, rung = VirtualClock(0.0), []
    clock.call_at(3.0, lambda: rung.append("c"))
    clock.call_at(1.0, lambda: rung.append("a"))
    clock.call_at(1.0, lambda: rung.append("b"))
    assert clock.next_alarm() == 1.0
    clock.move_to(2.0)
    assert clock.ring() == 2
    assert rung == ["a", "b"]
    assert clock.next_alarm() == 3.0


def test_a_cancelled_alarm_is_silent_and_forgotten() -> None:
    clock, rung = VirtualClock(0.0), []
    alarm = clock.call_at(1.0, lambda: rung.append("a"))
    clock.call_at(2.0, lambda: rung.append("b"))
    alarm.cancel()
    assert clock.next_alarm() == 2.0
    clock.forget()
    assert clock.next_alarm() is None
    clock.move_to(5.0)
    assert clock.ring() == 0
    assert rung == []
