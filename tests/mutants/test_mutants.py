"""The harness, proved: builds that are known to be wrong are caught by the scenarios that are there for them."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.core import asyncloop, transitions
from stepwell.core.folding import fold
from stepwell.model.change import Change, Reply
from stepwell.model.run import RunRow
from stepwell.runtime import ends, journal
from stepwell.runtime.activation import Activation
from stepwell.runtime.custody import Custody
from stepwell.runtime.journal import _Lane
from stepwell.runtime.steps import StepCalls
from stepwell.runtime.suspended import Suspended
from stepwell.store.memory import MemoryStore, changes, leases
from stepwell.store.memory.space import Space
from tests.mutants import meetings as meet
from tests.mutants import scenarios as s

Patch = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[], Coroutine[Any, Any, None]]
ALL = s.SCENARIOS + meet.SCENARIOS
MUTANTS: dict[str, tuple[Patch, Scenario]] = {}


def mutant(scenario: Scenario) -> Callable[[Patch], Patch]:
    """Register a wrong build, and the scenario that has to catch it."""

    def register(patch: Patch) -> Patch:
        MUTANTS[patch.__name__] = patch, scenario
        return patch

    return register


# -- the builds ------------------------------------------------------------------------------------


@mutant(s.a_late_worker_changes_nothing)
def no_epoch_check(m: pytest.MonkeyPatch) -> None:
    m.setattr(changes, "_fenced", lambda space, row, c: True)


@mutant(s.an_end_is_final)
def terminal_states_overwritten(m: pytest.MonkeyPatch) -> None:
    """Terminating raises no epoch, and the fence looks at nothing else."""
    real = transitions._set

    def without_bump(*args: Any) -> Change:
        change = real(*args)
        assert change.patch is not None
        return replace(change, patch=replace(change.patch, bump=False))

    def epoch_only(space: Space, row: RunRow, c: Change) -> bool:
        return c.epoch is None or row.epoch == c.epoch

    m.setattr(transitions, "_set", without_bump)
    m.setattr(changes, "_fenced", epoch_only)


@mutant(s.a_kernel_that_others_have_overtaken_is_not_used_again)
def no_epoch_check_of_kept_kernels(m: pytest.MonkeyPatch) -> None:
    real = leases._claimed

    def trusting(space: Space, row: RunRow, request: Any, cached: Any) -> Any:
        return real(space, row, request, {row.key: row.epoch} if row.key in cached else {})

    def take(self: Suspended, key: bytes) -> Any:
        run = self._runs.pop(key, None)
        if run is not None:
            run.epoch = run.host.store.space.runs[key].epoch - 1  # type: ignore[attr-defined]
        return run

    m.setattr(leases, "_claimed", trusting)
    m.setattr(Suspended, "take", take)


@mutant(s.what_is_acknowledged_is_there)
def acknowledged_before_the_commit(m: pytest.MonkeyPatch) -> None:
    real = _Lane._commit

    def eager(self: _Lane, group: Any) -> None:
        self._answer(group, [Reply(True) for _ in group])
        for item in group:
            item.done = []
        real(self, group)

    m.setattr(_Lane, "_commit", eager)


@mutant(s.effects_wait_for_what_they_follow_from)
def effects_before_the_acknowledgement(m: pytest.MonkeyPatch) -> None:
    def at_once(self: Activation, effect: Callable[..., None], *args: Any) -> None:
        self._effects.append((0, effect, args))

    m.setattr(Activation, "after_ack", at_once)


@mutant(s.a_dead_workers_runs_are_taken_over_by_those_who_live)
def recovery_only_at_the_start(m: pytest.MonkeyPatch) -> None:
    real, seen = leases._bury, set()

    def once(space: Space, now: float) -> None:
        if id(space) not in seen:
            seen.add(id(space))
            real(space, now)

    m.setattr(leases, "_bury", once)


@mutant(s.a_lost_reply_makes_no_run_immortal)
def heartbeat_without_reconciliation(m: pytest.MonkeyPatch) -> None:
    m.setattr(Custody, "heard", lambda self, held: None)


@mutant(s.attempts_are_counted_over_crashes)
def retry_count_in_memory(m: pytest.MonkeyPatch) -> None:
    real = StepCalls._tried

    def forgetful(self: StepCalls, *args: Any) -> None:
        run, record = self._run, self._run.record
        self._run.record = lambda entry: None  # type: ignore[method-assign]
        try:
            real(self, *args)
        finally:
            run.record = record  # type: ignore[method-assign]

    m.setattr(StepCalls, "_tried", forgetful)


@mutant(s.changes_of_one_run_in_one_group_are_folded_into_one)
def unfolded_group(m: pytest.MonkeyPatch) -> None:
    def form(self: _Lane) -> Any:
        group, self._pending = self._pending, []
        return group

    m.setattr(_Lane, "_form", form)


@mutant(s.changes_of_one_run_in_one_group_are_folded_into_one)
def a_fold_that_loses_the_first(m: pytest.MonkeyPatch) -> None:
    def second(first: Change, second: Change) -> Change | None:
        return fold(replace(first, count=0, data=b""), replace(second, seq=first.seq))

    m.setattr(journal, "fold", second)


@mutant(meet.no_message_falls_between_looking_and_waiting)
def look_and_arm_in_two_transactions(m: pytest.MonkeyPatch) -> None:
    real = changes._arm

    def later(space: Space, run: bytes, wait: Any) -> None:
        if space.messages.get((wait.event, wait.key)):
            real(space, run, wait)
            return
        asyncio.get_running_loop().call_soon(place, space, run, wait)

    def place(space: Space, run: bytes, wait: Any) -> None:
        kept = space.messages.pop((wait.event, wait.key), {})
        real(space, run, wait)
        if kept:
            space.messages[wait.event, wait.key] = kept

    m.setattr(changes, "_arm", later)


@mutant(meet.a_message_that_comes_when_the_run_goes_to_sleep_wakes_it)
def the_inbox_mark_ignored(m: pytest.MonkeyPatch) -> None:
    real = changes._patch
    m.setattr(changes, "_patch", lambda space, row, p: real(space, row, replace(p, seen=None)))


@mutant(meet.one_id_is_one_run)
def check_then_insert(m: pytest.MonkeyPatch) -> None:
    real = MemoryStore.commit

    async def racy(self: MemoryStore, group: Any) -> Any:
        free = {c.create.row.id for c in group if c.create is not None and c.create.row.id not in self.space.ids}
        await asyncio.sleep(0)
        for run_id in free:
            self.space.ids.pop(run_id, None)
        return await real(self, group)

    m.setattr(MemoryStore, "commit", racy)


@mutant(meet.a_parent_hears_of_its_childs_end)
def parents_not_woken(m: pytest.MonkeyPatch) -> None:
    m.setattr(ends, "told_parent", lambda row, end, now: ())


@mutant(meet.a_cancelled_run_gets_no_slot_any_more)
def slots_after_a_cancellation(m: pytest.MonkeyPatch) -> None:
    def give_up(self: StepCalls, name: str) -> None:
        call = self._calls.get(name)
        if call is not None:
            self._run.after_ack(self._close, name, call)

    m.setattr(StepCalls, "give_up", give_up)


@mutant(meet.a_generator_left_in_the_middle_is_closed_by_its_own_run)
def kernel_without_generator_hooks(m: pytest.MonkeyPatch) -> None:
    m.setattr(asyncloop.KernelLoop, "_generator_dropped", lambda self, generator: None)


# -- the proof -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_the_engine_passes(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "SOON", s.LATE)
    asyncio.run(scenario())


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.filterwarnings("ignore")  # a wrong build may leave anything behind
def test_the_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    patch, scenario = MUTANTS[name]
    caplog.set_level(logging.CRITICAL, "stepwell")
    patch(monkeypatch)
    with pytest.raises(s.VIOLATION):
        asyncio.run(scenario())
    caplog.clear()
    gc.collect()  # what it has left behind speaks up here, and not in a test after this one


def test_every_scenario_has_its_mutant() -> None:
    assert {scenario for _, scenario in MUTANTS.values()} == set(ALL)
