"""Who goes first: priority and waiting time on one scale."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stepwell.core.admission import AGEING, RESUMED, rank_of

TIMES = st.floats(0, 2e9)
PRIORITIES = st.integers(-1000, 1000)


def test_the_lower_priority_number_goes_first_and_the_earlier_of_equals() -> None:
    assert rank_of(100.0, 1) < rank_of(100.0, 2)
    assert rank_of(100.0, 1) < rank_of(101.0, 1)


def test_one_that_goes_on_has_a_head_start() -> None:
    assert rank_of(100.0, 100, resumed=True) == rank_of(100.0, 100) - RESUMED
    assert rank_of(104.0, 100, resumed=True) < rank_of(100.0, 100)
    assert rank_of(106.0, 100, resumed=True) > rank_of(100.0, 100)


@given(TIMES, PRIORITIES, PRIORITIES)
def test_nothing_starves(ready: float, patient: int, urgent: int) -> None:
    """A run of any priority overtakes every one that becomes ready long enough after it."""
    wait = max(0, patient - urgent) * AGEING
    assert rank_of(ready, patient) <= rank_of(ready + wait + 0.001, urgent)


@given(st.lists(st.tuples(TIMES, PRIORITIES), max_size=30))
def test_equal_priorities_go_in_the_order_of_readiness(runs: list[tuple[float, int]]) -> None:
    order = sorted(runs, key=lambda run: rank_of(*run))
    for one, other in pairwise(order):
        assert one[1] != other[1] or one[0] <= other[0] + 1e-3
