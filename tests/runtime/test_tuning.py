"""Process-wide settings: set where they are the defaults, left alone where somebody chose otherwise."""

from typing import Any

import pytest

from stepwell.runtime import tuning


class Process:
    """Stands in for the modules `gc` and `sys`."""

    def __init__(self, threshold: int, interval: float) -> None:
        self.threshold: tuple[int, ...] = (threshold, 10, 10)
        self.interval = interval
        self.done: list[str] = []

    def get_threshold(self) -> tuple[int, ...]:
        return self.threshold

    def set_threshold(self, *values: int) -> None:
        self.done.append("threshold")
        self.threshold = values

    def collect(self) -> None:
        self.done.append("collect")

    def freeze(self) -> None:
        self.done.append("freeze")

    def getswitchinterval(self) -> float:
        return self.interval

    def setswitchinterval(self, value: float) -> None:
        self.done.append("interval")
        self.interval = value


def process(monkeypatch: pytest.MonkeyPatch, threshold: int, interval: float) -> Any:
    made = Process(threshold, interval)
    monkeypatch.setattr(tuning, "gc", made)
    monkeypatch.setattr(tuning, "sys", made)
    return made


def test_defaults_are_tuned_and_garbage_is_collected_before_it_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    made = process(monkeypatch, 700, 0.005)
    tuning.tune_process()
    assert made.done == ["collect", "freeze", "threshold", "interval"]
    assert made.threshold == tuning.THRESHOLDS
    assert made.interval == tuning.SWITCH_S


def test_the_second_time_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    made = process(monkeypatch, 700, 0.005)
    tuning.tune_process()
    made.done.clear()
    tuning.tune_process()
    assert made.done == []


@pytest.mark.parametrize(
    ("threshold", "interval", "done"),
    [
        (0, 0.02, []),
        (2000, 0.005, ["interval"]),
        (700, 0.01, ["collect", "freeze", "threshold"]),
    ],
)
def test_what_somebody_chose_stays(
    monkeypatch: pytest.MonkeyPatch, threshold: int, interval: float, done: list[str]
) -> None:
    made = process(monkeypatch, threshold, interval)
    tuning.tune_process()
    assert made.done == done
