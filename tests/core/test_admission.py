"""The order of a queue: readiness, priority, ageing."""

from hypothesis import given
from hypothesis import strategies as st

from stepwell.core.admission import AGEING, RESUMED, rank_of

moments = st.floats(0, 2e9)
priorities = st.integers(-1000, 1000)


@given(moments, moments, priorities)
def test_at_equal_priority_who_was_ready_first_goes_first(a: float, b: float, priority: int) -> None:
    assert (rank_of(a, priority) <= rank_of(b, priority)) == (a <= b) or abs(a - b) < 1e-3


@given(moments, st.integers(-1000, 999))
def test_at_equal_readiness_the_lower_number_goes_first(at: float, priority: int) -> None:
    assert rank_of(at, priority) < rank_of(at, priority + 1)


@given(moments, priorities, st.integers(1, 500))
def test_nothing_starves(at: float, priority: int, worse: int) -> None:
    """Waiting long enough beats any better priority that comes later."""
    assert rank_of(at, priority + worse) < rank_of(at + worse * AGEING + 1, priority)


def test_a_resumed_run_goes_before_a_new_one_of_equal_priority() -> None:
    assert rank_of(100.0, 100, resumed=True) < rank_of(100.0, 100)
    assert rank_of(100.0, 100) - rank_of(100.0, 100, resumed=True) == RESUMED
