import math
import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.errors import DurationWarning, InvalidDuration, NaiveDatetime
from stepwell.model.duration import LONGEST, UNITS, describe, instant, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30),
        ("500ms", 0.5),
        ("700ms", 0.7),
        ("10 minutes", 600),
        ("1 minute", 60),
        ("1 day", 86_400),
        ("24 hours", 86_400),
        ("1h 30m", 5_400),
        ("1h30m", 5_400),
        ("1h, 30m", 5_400),
        ("2 weeks", 1_209_600),
        ("1.5h", 5_400),
        (".5s", 0.5),
        ("  5 S  ", 5),
        ("0s", 0),
        ("10 days", 864_000),
    ],
)
def test_text(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_numbers_are_seconds() -> None:
    assert seconds(5) == 5.0
    assert isinstance(seconds(5), float)
    assert seconds(0.25) == 0.25
    assert seconds(timedelta(minutes=2)) == 120.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "5",
        "s",
        "5 parsecs",
        "1h -5m",
        "-5s",
        "1h 30",
        "1e3s",
        "5s!",
        "1,000s",
        "٣s",
        "9" * 400 + "s",
    ],
)
def test_text_refused(value: str) -> None:
    with pytest.raises(InvalidDuration) as caught:
        seconds(value, "timeout")
    assert "timeout" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        math.nan,
        math.inf,
        -math.inf,
        -1,
        -0.001,
        10**400,
        1e300,
        [],
        timedelta(-1),
        timedelta.max,
    ],
)
def test_values_refused(value: object) -> None:
    with pytest.raises(InvalidDuration):
        seconds(value)  # type: ignore[arg-type]


def test_the_message_says_what_was_expected_and_what_to_do() -> None:
    with pytest.raises(InvalidDuration, match=r"unknown unit 'parsecs'; expected one of w, d, h, m, s, ms"):
        seconds("5 parsecs")
    with pytest.raises(InvalidDuration, match=r"Leave deadline out"):
        seconds(1e12, "deadline")


def test_a_large_bare_number_is_probably_milliseconds() -> None:
    with pytest.warns(DurationWarning, match=r"did you mean '300s'\? If not, write '3d 11h 20m'") as caught:
        assert seconds(300_000) == 300_000.0
    assert caught[0].filename == __file__


def test_no_warning_for_what_names_its_unit() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seconds(86_400)
        seconds("300000s")
        seconds(timedelta(days=30))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0s"),
        (5_400, "1h 30m"),
        (0.25, "250ms"),
        (90_061.5, "1d 1h 1m 1s 500ms"),
        (1e-9, "0s"),
        (-5, "-5s"),
    ],
)
def test_describe(value: float, expected: str) -> None:
    assert describe(value) == expected


@given(st.integers(0, LONGEST * 1000))
def test_describe_is_read_back(milliseconds: int) -> None:
    assert seconds(describe(milliseconds / 1000)) == milliseconds / 1000


@given(
    st.sampled_from([(name, factor) for unit, (factor, names) in UNITS.items() for name in (unit, *names)]),
    st.integers(0, 1000),
    st.sampled_from(["", " ", "\t"]),
)
def test_every_unit_name(unit: tuple[str, int], count: int, space: str) -> None:
    assert seconds(f"{count}{space}{unit[0].upper()}") == count * unit[1] / 1000


def test_instant() -> None:
    assert instant(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400.0
    assert instant(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0.0
    with pytest.raises(NaiveDatetime, match="2025-12-31"):
        instant(datetime(2025, 12, 31))  # noqa: DTZ001
