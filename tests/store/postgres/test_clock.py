from hypothesis import given
from hypothesis import strategies as st

from stepwell.store.postgres.clock import RENEW, SMALL, DatabaseClock


class Base:
    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return 5000.0 + self.at

    def monotonic(self) -> float:
        return self.at


def measured(base: Base, clock: DatabaseClock, there: float, took: float = 0.002) -> None:
    """The database said `there` in the middle of a round trip."""
    sent = base.at
    base.at += took
    clock.learn(sent, there, base.at)


def test_before_it_has_asked_it_is_the_machine_s() -> None:
    base = Base()
    clock = DatabaseClock(base)
    assert clock.now() == base.now()
    assert clock.monotonic() == 100.0
    assert clock.stale


def test_it_goes_by_the_database() -> None:
    base = Base()
    clock = DatabaseClock(base)
    measured(base, clock, 9000.0)
    assert clock.now() == 9000.001
    base.at += 7.0
    assert clock.now() == 9007.001
    assert not clock.stale
    base.at += RENEW
    assert clock.stale


def test_the_shortest_round_trip_is_believed_until_it_is_old() -> None:
    base = Base()
    clock = DatabaseClock(base)
    measured(base, clock, 9000.0, took=0.002)
    true = clock.now()
    measured(base, clock, true + 0.3, took=0.5)
    assert abs(clock.now() - (true + 0.5)) < 1e-6, "a slow answer that contradicts nothing changes nothing"
    base.at += 10_000.0
    expected = clock.now()
    measured(base, clock, expected + 0.5, took=0.4)
    assert clock.now() > expected + 0.6, "what is known has aged by more than that"


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    base = Base()
    clock = DatabaseClock(base)
    measured(base, clock, 9000.0)
    before = clock.now()
    measured(base, clock, 9000.0 - 60.0, took=0.4)
    assert clock.now() < before - 50.0
    measured(base, clock, 99_000.0, took=0.4)
    assert clock.now() > 98_999.0


def test_it_stands_still_rather_than_go_back_a_little() -> None:
    base = Base()
    clock = DatabaseClock(base)
    measured(base, clock, 9000.0)
    before = clock.now()
    measured(base, clock, 9000.0 - SMALL / 2)
    assert clock.now() == before
    base.at += SMALL
    assert before < clock.now() < before + SMALL


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0001, 2.0), st.floats(0.0, 1.0)), max_size=30))
def test_it_is_never_further_off_than_the_best_round_trip(steps: list[tuple[float, float, float]]) -> None:
    """Of a database's clock that runs right, whatever the network does; and it never goes back."""
    base, ahead = Base(), 1234.5
    clock = DatabaseClock(base)
    best, last = float("inf"), 0.0
    for pause, took, part in steps:
        base.at += pause
        sent = base.at
        base.at += took
        clock.learn(sent, sent + took * part + ahead, base.at)
        best = min(best, took / 2 + 1e-4 * 300)
        now = clock.now()
        assert now >= last
        last = now
        assert abs(now - (base.at + ahead)) <= max(best, SMALL) + 1e-6
