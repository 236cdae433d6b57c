from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.core.retry import next_delay, retry_after_of
from stepwell.errors import StepError
from stepwell.model.policy import BACKOFFS, Backoff, Retry


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [("constant", [2, 2, 2, 2]), ("linear", [2, 4, 6, 8]), ("exponential", [2, 4, 8, 16])],
)
def test_the_tables_figures(backoff: Backoff, expected: list[float]) -> None:
    retry = Retry(4, delay="2s", backoff=backoff, jitter=0)
    assert [next_delay(retry, n, True, None, 0.7) for n in (1, 2, 3, 4)] == expected
    assert next_delay(retry, 5, True, None, 0.7) is None


def test_no_retries_and_errors_that_are_final() -> None:
    assert next_delay(Retry(0), 1, True, None, 0.5) is None
    assert next_delay(Retry(5), 1, False, 1.0, 0.5) is None


def test_the_cap() -> None:
    retry = Retry(100_000, delay="1s", jitter=0)
    assert next_delay(retry, 18, True, None, 0.5) == 86_400.0
    assert next_delay(retry, 99_999, True, None, 0.5) == 86_400.0


def test_jitter_is_symmetric() -> None:
    retry = Retry(5, delay="100s", backoff="constant", jitter=0.1)
    assert next_delay(retry, 1, True, None, 0.0) == pytest.approx(90)
    assert next_delay(retry, 1, True, None, 0.5) == pytest.approx(100)
    assert next_delay(retry, 1, True, None, 0.999_999) == pytest.approx(110, abs=0.01)


def test_retry_after_wins_but_is_capped() -> None:
    retry = Retry(5, delay="1s", max_delay="1m")
    assert next_delay(retry, 1, True, 7.5, 0.9) == 7.5
    assert next_delay(retry, 1, True, 3600.0, 0.9) == 60.0
    assert next_delay(retry, 1, True, 0.0, 0.9) == 0.0


@given(
    st.sampled_from(BACKOFFS),
    st.integers(1, 10**6),
    st.floats(0, 10**5),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 10**9),
)
def test_always_within_bounds(
    backoff: Backoff, attempt: int, delay: float, jitter: float, rand: float, after: float | None
) -> None:
    retry = Retry(10**6, timedelta(seconds=delay), backoff, "48h", jitter)
    wait = next_delay(retry, attempt, True, after, rand)
    assert wait is not None
    assert 0 <= wait <= retry.max_delay


NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (5, 5.0),
        (0.5, 0.5),
        (-3, 0.0),
        (True, None),
        (float("nan"), None),
        (float("inf"), 36_525 * 86_400.0),
        ("120", 120.0),
        (b"120", 120.0),
        (" 2m ", 120.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (timedelta(minutes=1), 60.0),
        (datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC), 30.0),
        ([5], None),
    ],
)
def test_retry_after_of(value: object, expected: float | None) -> None:
    error = ValueError()
    error.retry_after = value  # type: ignore[attr-defined]
    assert retry_after_of(error, NOW) == expected


def test_retry_after_of_never_raises() -> None:
    class Hostile(Exception):
        @property
        def retry_after(self) -> float:
            raise RuntimeError

    assert retry_after_of(Hostile()) is None
    assert retry_after_of(ValueError()) is None
    assert retry_after_of(StepError("busy", retry_after="10s")) == 10.0
    assert retry_after_of(StepError("busy", retry_after=datetime(2026, 1, 1, tzinfo=UTC))) is None
    assert retry_after_of(StepError("busy", retry_after=10_000_000)) == 10_000_000.0


@given(st.text() | st.binary() | st.integers() | st.floats() | st.timedeltas() | st.datetimes())
def test_whatever_it_is(value: object) -> None:
    result = retry_after_of(StepError(retry_after=value), NOW)  # type: ignore[arg-type]
    assert result is None or result >= 0
