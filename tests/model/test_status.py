"""The states of a run: their stored numbers, which are for ever, and the words that people use for them."""

import pytest

from stepwell.errors import InvalidOption
from stepwell.model.status import ALIASES, CODE, STATUS, TERMINAL, RunStatus, status_of


def test_stored_numbers_never_change() -> None:
    """They are in every database; a new status gets a new number, and none is given twice."""
    assert {status.value: code for status, code in CODE.items()} == {
        "queued": 0,
        "running": 1,
        "waiting": 2,
        "paused": 3,
        "parked": 4,
        "succeeded": 10,
        "failed": 11,
        "cancelled": 12,
        "terminated": 13,
    }
    assert set(CODE) == set(RunStatus)
    assert {STATUS[code] for code in CODE.values()} == set(RunStatus)


@pytest.mark.parametrize("status", RunStatus)
def test_what_has_ended_has_a_number_from_ten_on(status: RunStatus) -> None:
    assert status.terminal is (status in TERMINAL) is (CODE[status] >= 10)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "queued"),
        ("created", "queued"),
        ("scheduled", "queued"),
        ("processing", "running"),
        ("active", "running"),
        ("sleeping", "waiting"),
        ("suspended", "waiting"),
        ("complete", "succeeded"),
        ("completed", "succeeded"),
        ("success", "succeeded"),
        ("errored", "failed"),
        ("error", "failed"),
        ("canceled", "cancelled"),
    ],
)
def test_words_of_other_systems(word: str, status: str) -> None:
    assert status_of(word) is RunStatus(status)
    assert status_of(word.upper()) is RunStatus(status)


@pytest.mark.parametrize("status", RunStatus)
def test_our_own_words(status: RunStatus) -> None:
    assert status_of(status.value) is status
    assert status_of(status.value.title()) is status


def test_an_alias_never_hides_a_status() -> None:
    assert not set(ALIASES) & {status.value for status in RunStatus}
    assert all(word == word.lower() for word in ALIASES)


def test_an_unknown_word_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidOption, match="no run status is called 'lost'") as refused:
        status_of("lost")
    assert all(status.value in str(refused.value) for status in RunStatus)
