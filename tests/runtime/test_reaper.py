"""Retention: whose rule counts for which runs, and removal in batches."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.errors import StoreUnavailable
from stepwell.model.policy import Keep, Retention
from stepwell.ports.store import Retire
from stepwell.runtime import reaper
from stepwell.runtime.reaper import BATCH, Reaper, retirement
from stepwell.testing.clock import START, VirtualClock


class Flows:
    """Workflows by name, of which only retention and keep are known; None: the code is gone."""

    def __init__(self, rules: dict[str, tuple[Retention | None, Keep | None] | None]) -> None:
        self._rules = rules

    def workflow_names(self) -> tuple[str, ...]:
        return tuple(self._rules)

    def workflow(self, name: str) -> Any:
        rules = self._rules[name]
        return rules and SimpleNamespace(rules=SimpleNamespace(retention=rules[0], keep=rules[1]))


class Bin:
    """A store that only retires: so many at each call, or an error."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Retire] = []

    async def retire(self, which: Retire) -> int:
        self.asked.append(which)
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer


def rules(default: Retention | None, **flows: Any) -> Retire:
    return retirement(Flows(flows), default, 5.0)  # type: ignore[arg-type]


def made(store: Bin) -> Reaper:
    return Reaper(store, Flows({}), None, VirtualClock())  # type: ignore[arg-type]


def test_without_rules_nothing_may_go() -> None:
    assert rules(None, a=(None, None)) == Retire(now=5.0, ages={}, keeps={}, limit=BATCH)


def test_the_default_is_for_all_and_failed_covers_every_other_end() -> None:
    assert rules(Retention(succeeded="1h", failed="1d")).ages == {
        ("*", "succeeded"): 3600.0,
        ("*", "failed"): 86_400.0,
        ("*", "cancelled"): 86_400.0,
        ("*", "terminated"): 86_400.0,
    }


def test_a_workflow_says_its_own_and_only_what_it_says() -> None:
    which = rules(Retention(succeeded="1h"), a=(Retention(succeeded="2h"), None), b=(None, None))
    assert which.ages == {("*", "succeeded"): 3600.0, ("a", "succeeded"): 7200.0}


def test_keep_counts_runs_per_workflow() -> None:
    which = rules(None, a=(None, Keep(succeeded=3, failed=1)), b=(None, Keep(succeeded=0)), gone=None)
    assert which.keeps == {("a", "succeeded"): 3, ("a", "failed"): 1, ("b", "succeeded"): 0}
    assert which.ages == {}


def test_a_sweep_takes_batches_until_one_is_not_full() -> None:
    store = Bin(BATCH, BATCH, 7, 99)
    assert asyncio.run(made(store).sweep()) == 2 * BATCH + 7
    assert [which.limit for which in store.asked] == [BATCH] * 3
    assert {which.now for which in store.asked} == {START}


def test_other_tasks_have_their_turn_between_batches() -> None:
    async def main() -> None:
        store = Bin(BATCH, BATCH)
        turns: list[int] = []
        sweep = asyncio.create_task(made(store).sweep())
        while not sweep.done():
            turns.append(len(store.asked))
            await asyncio.sleep(0)
        assert turns[:3] == [0, 1, 2]

    asyncio.run(main())


def test_it_goes_on_after_errors_and_stops_when_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reaper, "EVERY", 0.001)
    caplog.set_level(logging.INFO, "stepwell.worker")

    async def main() -> None:
        store = Bin(StoreUnavailable("the disk is away"), ZeroDivisionError("a bug"), 4)
        one = made(store)
        one.start()
        async with asyncio.timeout(60):
            while len(store.asked) < 4:
                await asyncio.sleep(0.001)
        await one.stop()
        asked = len(store.asked)
        await asyncio.sleep(0.005)
        assert len(store.asked) == asked

    asyncio.run(main())
    assert "retention failed: the disk is away" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text
    assert "retention removed 4 runs" in caplog.text


def test_one_that_was_never_started_can_be_stopped() -> None:
    asyncio.run(made(Bin()).stop())
