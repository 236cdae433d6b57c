"""The bounds of a journal: one warning, then no more."""

import pytest

from stepwell.runtime.bounds import MOST_BYTES, MOST_ENTRIES, WARN_ENTRIES, Bounds


def test_the_warning_comes_once_when_the_first_bound_is_reached() -> None:
    bounds = Bounds(WARN_ENTRIES - 1, 0)
    assert bounds.warning is None
    bounds.entries += 1
    warning = bounds.warning
    assert warning is not None
    assert "10,000 entries; at 50,000 it is parked" in warning
    assert "continue_as_new" in warning
    bounds.entries += 1
    assert bounds.warning is None


def test_a_run_that_was_loaded_beyond_the_first_bound_has_been_warned_before() -> None:
    assert Bounds(WARN_ENTRIES, 0).warning is None


@pytest.mark.parametrize(
    ("entries", "size", "what"),
    [
        (MOST_ENTRIES, 0, "50,000 entries; expected fewer than 50,000"),
        (0, MOST_BYTES, "52,428,800 bytes; expected fewer than 52,428,800"),
        (MOST_ENTRIES, MOST_BYTES, "50,000 entries"),
    ],
)
def test_a_run_at_a_bound_may_not_go_on(entries: int, size: int, what: str) -> None:
    error = Bounds(entries, size).exceeded
    assert error is not None
    assert what in str(error)
    assert not error.retryable


def test_just_below_the_bounds_it_may() -> None:
    assert Bounds(MOST_ENTRIES - 1, MOST_BYTES - 1).exceeded is None
