import pytest

from stepwell.store.sql.migrations import migrations


def test_migrations_are_numbered_without_gaps() -> None:
    steps = migrations("sqlite")
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0].name == "initial"


def test_every_step_says_who_may_still_read() -> None:
    for step in migrations("sqlite"):
        assert 1 <= step.min_reader <= step.number


def test_an_unknown_dialect() -> None:
    with pytest.raises(FileNotFoundError):
        migrations("nothing")
