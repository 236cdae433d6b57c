"""A failure that repeats is told at once, and then now and then."""

import logging

from stepwell.runtime.loudness import level_of


def test_an_hour_of_failures_is_not_an_hour_of_warnings() -> None:
    levels = [level_of(times) for times in range(1, 3601)]
    assert levels[0] == levels[9] == levels[59] == logging.WARNING
    assert levels.count(logging.WARNING) == 2 + 60
    assert set(levels) == {logging.WARNING, logging.DEBUG}
