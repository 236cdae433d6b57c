"""Conduct: an error that parks the run in tests, a warning in production."""

from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.errors import Diverged, Nondeterminism
from stepwell.runtime import conduct


def definition(*warnings: str) -> Any:
    return SimpleNamespace(warnings=warnings)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged of runs: other loggers may speak up at any time."""
    return [record.getMessage() for record in caplog.records if record.name == "stepwell.run"]


def run(*, strict: bool, drifted: tuple[str, ...] = (), forgotten: tuple[str, ...] = (), stuck: Any = None) -> Any:
    kernel = SimpleNamespace(drifted=list(drifted), forgotten=list(forgotten), stuck=stuck)
    return SimpleNamespace(
        kernel=kernel, host=SimpleNamespace(strict=strict), about=lambda: {"run_id": "r-1", "workflow": "w"}
    )


def test_code_without_findings_is_not_suspected() -> None:
    assert conduct.suspicion(definition()) is None


def test_findings_become_an_error_at_the_first_place() -> None:
    error = conduct.suspicion(definition("/app/flow.py:12: time.time() is called", "/app/flow.py:30: open() is called"))
    assert error is not None
    assert (error.file, error.line) == ("/app/flow.py", 12)
    assert "/app/flow.py:12: time.time() is called; /app/flow.py:30: open() is called" in str(error)


def test_a_finding_without_a_place_is_an_error_too() -> None:
    error = conduct.suspicion(definition("its code cannot be read"))
    assert error is not None
    assert (error.file, error.line) == (None, None)


def test_each_finding_is_logged_once_per_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conduct, "_warned", set())
    flows: Any = SimpleNamespace(workflow={"a": definition("x.py:1: one", "x.py:2: two"), "gone": None}.get)
    conduct.warn_of(flows, ("a", "gone"))
    conduct.warn_of(flows, ("a",))
    assert said(caplog) == ["workflow a: x.py:1: one", "workflow a: x.py:2: two"]


def test_nothing_noticed_is_nothing_said(caplog: pytest.LogCaptureFixture) -> None:
    for strict in (True, False):
        one = run(strict=strict)
        conduct.look_at(one)
        assert one.kernel.stuck is None
    assert said(caplog) == []


def test_in_tests_other_arguments_are_divergence_and_come_before_forgotten_calls() -> None:
    one = run(strict=True, drifted=("pay", "ship"), forgotten=("mail",))
    conduct.look_at(one)
    assert isinstance(one.kernel.stuck, Diverged)
    assert one.kernel.stuck.diff == "pay, ship"
    assert one.kernel.drifted == one.kernel.forgotten == []


def test_in_tests_a_forgotten_call_parks_the_run() -> None:
    one = run(strict=True, forgotten=("mail",))
    conduct.look_at(one)
    assert isinstance(one.kernel.stuck, Nondeterminism)
    assert "never awaited: mail" in str(one.kernel.stuck)


def test_in_production_it_is_a_warning_said_once(caplog: pytest.LogCaptureFixture) -> None:
    one = run(strict=False, drifted=("pay",), forgotten=("mail",))
    conduct.look_at(one)
    conduct.look_at(one)
    assert one.kernel.stuck is None
    assert said(caplog) == [
        "run r-1 of w: replayed calls have other arguments than recorded: pay",
        "run r-1 of w: calls were made and never awaited, so they were not executed: mail",
    ]
    (first, *_) = [record for record in caplog.records if record.name == "stepwell.run"]
    assert first.run_id == "r-1"  # type: ignore[attr-defined]


def test_the_first_reason_to_be_stuck_stays(caplog: pytest.LogCaptureFixture) -> None:
    first = Diverged("first")
    one = run(strict=True, drifted=("pay",), stuck=first)
    conduct.look_at(one)
    assert one.kernel.stuck is first
    assert said(caplog) == ["run r-1 of w: replayed calls have other arguments than recorded: pay"]
