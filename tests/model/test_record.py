"""Bands of durations."""

import pytest

from stepwell.model.record import BANDS, SHORTEST, band_of, seconds_of


@pytest.mark.parametrize("length", [1e-4, 3e-4, 0.001, 0.0123, 1.0, 59.9, 86_400.0, 1e7])
def test_a_band_ends_above_what_is_in_it_and_not_far(length: float) -> None:
    top = seconds_of(band_of(length))
    assert length < top * (1 + 1e-6)
    assert top <= length * 2 ** (1 / BANDS) * (1 + 1e-6)


def test_bands_grow_with_the_length() -> None:
    lengths = [1e-6 * 1.3**n for n in range(100)]
    bands = [band_of(length) for length in lengths]
    assert bands == sorted(bands)
    assert len(set(bands)) > 60


@pytest.mark.parametrize("length", [-5.0, 0.0, 1e-9, SHORTEST])
def test_the_shortest_are_together(length: float) -> None:
    assert band_of(length) == 0


def test_a_doubling_is_a_whole_number_of_bands() -> None:
    assert [band_of(SHORTEST * 2**n) for n in range(30)] == [n * BANDS for n in range(30)]
