"""Open timers: the one due first, cheaply."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stepwell.core.asyncloop import Timer
from stepwell.core.opencalls import KIND_OF, Agenda, Kind
from stepwell.core.scope import Scope
from stepwell.model.entry import ChildEnded, Fired, Folded, Received, Stepped

OWNER: Any = None


def timer(when: float, call: str) -> Timer:
    return Timer(when, call, OWNER, print, (), None, Scope("", 0))


def test_the_earliest_is_first_and_equal_ones_in_the_order_of_opening() -> None:
    agenda = Agenda()
    assert agenda.first() is None
    timers = [timer(when, call) for when, call in [(5, "b"), (3, "z"), (3, "a"), (9, "c")]]
    for one in timers:
        agenda.add(one)
    assert agenda.first() == (3, "z")
    timers[1].closed = True
    assert agenda.first() == (3, "a")
    timers[2].closed = timers[0].closed = True
    assert agenda.first() == (9, "c")
    timers[3].closed = True
    assert agenda.first() is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=300))
def test_it_says_what_a_scan_would_say(moves: list[tuple[bool, int]]) -> None:
    agenda = Agenda()
    open_: list[Timer] = []
    for opens, number in moves:
        if opens or not open_:
            one = timer(float(number), f"t{len(open_)}")
            agenda.add(one)
            open_.append(one)
        else:
            open_.pop(number % len(open_)).closed = True
        expected = min(open_, key=lambda t: t.when_, default=None)
        assert agenda.first() == (None if expected is None else (expected.when_, expected.call))


def test_closed_timers_do_not_pile_up() -> None:
    agenda = Agenda()
    forever = timer(1e12, "for ever")
    agenda.add(forever)
    for n in range(10_000):
        one = timer(float(n), "t")
        agenda.add(one)
        one.closed = True
    assert len(agenda._heap) < 200
    assert agenda.first() == (1e12, "for ever")


def test_every_kind_but_a_detached_run_has_its_entry() -> None:
    assert set(KIND_OF) == {Stepped, Fired, Received, ChildEnded, Folded}
    assert set(Kind) - set(KIND_OF.values()) == {Kind.DETACHED}
