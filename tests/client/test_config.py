"""Settings: argument, then environment, then default; refused by the name of their source."""

import pytest

from stepwell import StepwellError
from stepwell.client.config import settings


def test_defaults_and_their_origin() -> None:
    found = settings({}, {})
    assert found.database_url == "sqlite:///stepwell.db"
    assert found.concurrency == 10
    assert found.poll_interval == 1.0
    assert set(found.origin.values()) == {"default"}


def test_arguments_come_before_the_environment() -> None:
    environment = {"STEPWELL_CONCURRENCY": "7", "STEPWELL_POLL_INTERVAL": "500ms", "STEPWELL_NAMESPACE": "blue"}
    found = settings({"concurrency": 3}, environment)
    assert (found.concurrency, found.poll_interval, found.namespace) == (3, 0.5, "blue")
    assert found.origin["concurrency"] == "argument"
    assert found.origin["namespace"] == "STEPWELL_NAMESPACE"


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("STEPWELL_CONCURRENCY", "many", "invalid_option"),
        ("STEPWELL_CONCURRENCY", "0", "invalid_option"),
        ("STEPWELL_LEASE", "5 parsecs", "invalid_duration"),
        ("STEPWELL_LEASE", "0", "invalid_option"),
        ("STEPWELL_LEASE", "nan", "invalid_duration"),
        ("STEPWELL_POLL_INTERVAL", "0", "invalid_option"),
        ("STEPWELL_MODE", "boss", "invalid_option"),
        ("STEPWELL_DURABILITY", "maybe", "invalid_option"),
        ("STEPWELL_NAMESPACE", "", "invalid_option"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str, code: str) -> None:
    with pytest.raises(StepwellError) as refused:
        settings({}, {variable: value})
    assert refused.value.code == code
    assert variable in str(refused.value)


@pytest.mark.parametrize(("text", "seconds"), [("2", 2.0), ("0.5", 0.5), ("1e1", 10.0), ("1m 30s", 90.0)])
def test_durations_in_the_environment_are_seconds_or_text(text: str, seconds: float) -> None:
    assert settings({}, {"STEPWELL_POLL_INTERVAL": text}).poll_interval == seconds
