"""Settings: argument, then environment, then default; refused by the name of their source."""

import warnings
from pathlib import Path

import pytest

from stepwell import StepwellError
from stepwell.client.config import settings
from stepwell.errors import DurationWarning


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


def test_a_bare_number_of_a_file_is_warned_of_once_and_there(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.stepwell]\nretention = 7_776_000\n")
    with pytest.warns(DurationWarning, match="did you mean '7776s'") as caught:
        assert settings({}, {}, folder=tmp_path).retention == 7_776_000.0
    assert (caught[0].filename, caught[0].lineno) == (f"[tool.stepwell] in {tmp_path}/pyproject.toml", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settings({}, {"STEPWELL_RETENTION": "7776000s"}, folder=tmp_path).retention == 7_776_000.0


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


def test_files_come_between_the_environment_and_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[tool.stepwell]\nurl = "sqlite:///p.db"\nlease = "20s"\nconcurrency = 4\nretention = "30 days"\n'
        '[tool.stepwell.profiles.quick]\nlease = 2\nconcurrency = 8\nserver = "https://x"\n'
    )
    environment = {"STEPWELL_CONCURRENCY": "6", "XDG_CONFIG_HOME": str(tmp_path)}
    found = settings({}, environment, folder=tmp_path)
    assert (found.database_url, found.lease, found.concurrency, found.retention) == (
        "sqlite:///p.db", 20.0, 6, 2_592_000.0)  # fmt: skip
    assert found.origin["lease"] == f"[tool.stepwell] in {file}"
    assert found.origin["concurrency"] == "STEPWELL_CONCURRENCY"
    later = settings({}, environment | {"STEPWELL_PROFILE": "quick"}, folder=tmp_path)
    assert (later.lease, later.concurrency) == (2.0, 6)
    named = settings({"lease": 3}, environment, named="quick", folder=tmp_path)
    assert (named.lease, named.concurrency) == (3.0, 8)
    assert named.origin["concurrency"] == f"profile quick in {file}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed = 1", "has 'speed'"),
        ('lease = "5 parsecs"', r"lease of \[tool\.stepwell\] in"),
        ("concurrency = true", r"concurrency of \[tool\.stepwell\] in"),
        ("namespace = 5", r"namespace of \[tool\.stepwell\] in"),
    ],
)
def test_a_bad_value_names_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.stepwell]\n{text}\n")
    with pytest.raises(StepwellError, match=said) as refused:
        settings({}, {}, folder=tmp_path)
    assert str(tmp_path) in str(refused.value)
