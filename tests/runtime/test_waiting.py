"""The reason of a waiting run: written from its open calls, and read back."""

from typing import Any

import pytest

from stepwell.core.opencalls import Kind, OpenCall
from stepwell.runtime.waiting import calls_in, open_calls, reason_of

FUTURE: Any = None


def calls(**kinds: Kind) -> dict[str, OpenCall]:
    return named(kinds)


def named(kinds: dict[str, Kind]) -> dict[str, OpenCall]:
    return {name: OpenCall(name, kind, FUTURE, 0) for name, kind in kinds.items()}


def test_the_reason_names_every_call_with_its_kind() -> None:
    assert reason_of(calls(approval=Kind.EVENT, ship=Kind.CHILD)) == "waiting for event approval, child run ship"


def test_a_timer_that_belongs_to_another_call_is_left_out() -> None:
    open_ = named({"approval": Kind.EVENT, "approval/timeout": Kind.TIMER, "sleep": Kind.TIMER})
    assert open_calls(open_) == ["approval", "sleep"]


def test_a_timeout_whose_call_is_not_open_stands_for_itself() -> None:
    assert open_calls(named({"gone/timeout": Kind.TIMER})) == ["gone/timeout"]


def test_without_open_calls_it_waits_for_its_next_attempt() -> None:
    assert reason_of({}) == "waiting for its next attempt"
    assert calls_in(reason_of({})) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_written_can_be_read_back(kind: Kind) -> None:
    open_ = named({"first": kind, "scope/second#2": kind})
    assert calls_in(reason_of(open_)) == ["first", "scope/second#2"]


@pytest.mark.parametrize("reason", [None, "", "paused by an operator", "it diverged: step a"])
def test_other_reasons_name_no_calls(reason: str | None) -> None:
    assert calls_in(reason) == []
