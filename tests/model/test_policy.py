import dataclasses
from datetime import timedelta

import pytest

from stepwell.errors import InvalidDuration, InvalidOption
from stepwell.model.policy import (
    NO_POLICY,
    NOT_DONE,
    Check,
    Effect,
    Keep,
    Policy,
    Retention,
    Retry,
    check,
    effect_of,
)


def test_retry_is_a_value_in_seconds() -> None:
    retry = Retry(3, delay="2s", backoff="constant")
    assert retry == Retry(3, 2, "constant")
    assert hash(retry) == hash(Retry(retries=3, delay=timedelta(seconds=2), backoff="constant"))
    assert (retry.retries, retry.delay, retry.max_delay, retry.jitter) == (3, 2.0, 86_400.0, 0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        retry.retries = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"retries": True},
        {"retries": 1.5},
        {"retries": 10**9},
        {"backoff": "fibonacci"},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"jitter": float("nan")},
        {"jitter": True},
        {"retry_on": 5},
        {"retry_on": int},
        {"retry_on": (ValueError, "KeyError")},
    ],
)
def test_bad_retry_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        Retry(**options)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption):
        Policy(**options)  # type: ignore[arg-type]


def test_a_delay_beyond_its_cap_is_refused() -> None:
    with pytest.raises(InvalidOption, match="delay 2d is longer than max_delay 1d"):
        Retry(3, delay="48h")
    with pytest.raises(InvalidOption):
        Policy(delay="2s", max_delay="1s")
    assert Retry(3, delay="48h", max_delay="72h").delay == 172_800.0
    with pytest.raises(InvalidDuration):
        Retry(3, delay="soon")


def test_retry_on() -> None:
    assert Retry(1).covers(ValueError())
    assert Retry(1, retry_on=LookupError).covers(KeyError())
    assert not Retry(1, retry_on=(LookupError, OSError)).covers(ValueError())
    assert not Retry(1, retry_on=lambda e: "busy" in str(e)).covers(ValueError("no"))
    assert Retry(1, retry_on=lambda e: bool(1 / 0)).covers(ValueError())


def test_merge_fills_and_overrides() -> None:
    base = Policy(retries=5, timeout="30s", delay="1s", raises=ValueError)
    merged = base.merge(Policy(timeout="1m", name="charge"))
    assert merged == Policy(name="charge", retries=5, timeout=60, delay=1, raises=[ValueError])
    assert base.timeout == 30.0
    assert base.merge(None) == base == NO_POLICY.merge(base) == base.merge(Policy())
    assert NO_POLICY.merge(None) == Policy()


def test_a_retry_merges_as_a_whole() -> None:
    retry = Retry(2, delay="5s", backoff="linear", jitter=0)
    assert Policy(retries=9, timeout="3s").merge(retry).retry() == retry
    assert Policy.of(retry).retry() == retry
    with pytest.raises(InvalidOption, match="not a policy"):
        Policy.of("x")  # type: ignore[arg-type]


def test_the_retry_part() -> None:
    assert Policy().retry() == Retry(0)
    assert Policy(max_delay="500ms").retry() == Retry(0, delay="500ms", max_delay="500ms")
    far = Policy(delay="48h")
    with pytest.raises(InvalidOption):
        far.retry()
    assert far.merge(Policy(max_delay="72h")).retry().delay == 172_800.0


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"raises": int},
        {"queue_timeout": "0s"},
        {"name": ""},
        {"name": "a\nb"},
        {"effect": "twice"},
        {"raises": 5},
    ],
)
def test_bad_policy_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        Policy(**options)  # type: ignore[arg-type]


def test_effects() -> None:
    assert effect_of("idempotent") is Effect.AT_LEAST_ONCE
    assert effect_of(Effect.IDEMPOTENT) is Effect.AT_LEAST_ONCE
    assert Policy(effect="at_most_once").effect is Effect.AT_MOST_ONCE
    probe = check(lambda order: NOT_DONE)
    assert isinstance(probe, Check)
    assert Policy(effect=probe).effect is probe
    with pytest.raises(InvalidOption):
        check(5)  # type: ignore[arg-type]


def test_retention_and_keep() -> None:
    assert Retention(succeeded="7 days", failed="30 days") == Retention(timedelta(7), timedelta(30))
    assert Retention().failed is None
    assert Keep(succeeded=100, failed=50).failed == 50
    with pytest.raises(InvalidDuration):
        Retention("never")
    with pytest.raises(InvalidOption):
        Keep(succeeded=-1)
