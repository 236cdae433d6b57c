"""What follows from the end of a body."""

from typing import Any

import pytest

from stepwell import continue_as_new
from stepwell.core.ending import EndFacts, ending, ending_error, headline, parked
from stepwell.core.rewind import ROLLBACK
from stepwell.errors import DeadlineExceeded, NonRetryableError
from stepwell.model.change import Patch
from stepwell.model.entry import Continued, Finished, Payload, Started, decode_entries
from stepwell.model.failure import Failure
from stepwell.model.policy import Retry
from stepwell.model.rules import WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from tests.core.driver import KEY, Held, House, stored

house = House()
NO = Failure(type="ValueError")


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.step
async def undo(name: Any) -> Any:
    return name


@house.workflow
async def body(n: int) -> Any:
    if n < 0:
        continue_as_new(n + 1)
    await work(n).on_rollback(undo)
    return await work(n)


def facts(retry: Retry | None = None, attempt: int = 1, retries: int | None = None) -> EndFacts:
    rules = WorkflowRules(retry=retry or Retry(0))
    started = Started(at=1.0, attempt=attempt, deadline=500.0, input=stored({"n": 1}))
    row = RunRow(key=KEY, id="r", workflow="body", generation=3, priority=2)
    return EndFacts(row, rules, started, retries, {"succeeded": 60.0, "failed": None}, 100.0, lambda: 0.5)


def ends(held: Held, given: EndFacts, value: Payload | None = None, again: Payload | None = None) -> Any:
    failure = NO if value is None and again is None else None
    return ending(held.kernel, given, value, again, failure)


def test_a_result() -> None:
    held = Held(body, 1).done("work", 1).done("work#2", 2)
    end = ends(held, facts(), stored(2))
    assert end.entry == Finished(at=100.0, status="succeeded", value=stored(2))
    assert end.patch == Patch(status=RunStatus.SUCCEEDED, release=True, finished_at=100.0, reason="", expires_at=160.0)


def test_an_error_names_its_call_and_what_was_undone() -> None:
    held = Held(body, 1).done("work", 1).failed("work#2", ValueError("no"))
    held.done("rollback/undo")
    end = ends(held, facts())
    assert end.entry == Finished(at=100.0, status="failed", error=NO, cause="work#2", undone=["work"])
    assert end.patch.status is RunStatus.FAILED
    assert end.patch.reason == "ValueError"  # by which failed runs are listed
    assert end.patch.expires_at is None


def test_the_cause_is_found_through_groups_and_wrappers() -> None:
    import asyncio

    @House().workflow
    async def wrapped() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work("a"))
                group.create_task(work("b"))
        except* ValueError as group_:
            raise KeyError("wrapped") from group_

    end = ends(Held(wrapped).failed("work#2", ValueError("no")), facts())
    assert end.entry.cause == "work#2"

    @House().workflow
    async def collected() -> None:
        found = await asyncio.gather(work("a"), work("b"), return_exceptions=True)
        raise BaseExceptionGroup("both", [one for one in found if isinstance(one, BaseException)])

    held = Held(collected).failed("work#2", ValueError("no")).failed("work", ValueError("no"))
    assert ends(held, facts()).entry.cause == "work#2"


@pytest.mark.parametrize(
    ("attempt", "retries", "again"), [(1, None, True), (3, None, False), (1, 0, False), (3, 5, True)]
)
def test_a_retry_of_the_run_is_a_new_generation(attempt: int, retries: int | None, again: bool) -> None:
    held = Held(body, 1).failed("work", ValueError("no"))
    end = ends(held, facts(Retry(2, "10s", "constant", jitter=0.0), attempt, retries))
    if not again:
        assert isinstance(end.entry, Finished)
        return
    assert end.entry == Continued(at=100.0, reason="retry", error=NO)
    assert (end.patch.status, end.patch.due, end.patch.generation) == (RunStatus.QUEUED, 110.0, 4)
    (started,) = decode_entries(end.opens)
    assert isinstance(started, Started)
    assert (started.at, started.attempt, started.deadline, started.input) == (
        110.0,
        attempt + 1,
        500.0,
        stored({"n": 1}),
    )


def test_errors_that_are_not_to_be_retried_end_the_run() -> None:
    for error in (NonRetryableError("no"), KeyError("not covered")):
        held = Held(body, 1).failed("work", error)
        assert isinstance(ends(held, facts(Retry(5, retry_on=(ValueError, NonRetryableError)))).entry, Finished)


def test_continue_as_new_opens_a_generation() -> None:
    end = ends(Held(body, -1), facts(attempt=2), again=stored({"n": 0}))
    assert end.entry == Continued(at=100.0, reason="continue")
    (started,) = decode_entries(end.opens)
    assert isinstance(started, Started)
    assert (started.input, started.attempt) == (stored({"n": 0}), 1)
    assert (end.patch.due, end.patch.generation) == (None, 4)


def test_cancelled_is_cancelled_and_a_deadline_is_a_failure() -> None:
    held = Held(body, 1).done("work", 1).cancel()
    held.done("rollback/undo")
    end = ends(held, facts(Retry(5)))
    assert end.entry == Finished(at=100.0, status="cancelled", undone=["work"])
    late = Held(body, 1).cancel("deadline")
    assert isinstance(ending_error(late.kernel), DeadlineExceeded)
    end = ends(late, facts(Retry(5)))
    assert (end.entry.status, end.entry.cause) == ("failed", None)


def test_a_rollback_that_failed_parks_the_run() -> None:
    held = Held(body, 1).done("work", 1).failed("work#2", ValueError("no"))
    held.failed("rollback/undo", KeyError("nor this"))
    end = ends(held, facts())
    assert end.entry is None
    assert end.patch.status is RunStatus.PARKED
    assert end.patch.reason is not None
    assert end.patch.reason.startswith(ROLLBACK)
    assert "undoing work failed: 'nor this'; left to undo: undo of work" in end.patch.reason
    assert parked("x").patch == Patch(status=RunStatus.PARKED, release=True, reason="x")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure("ValueError", "no luck\nat all"), "ValueError: no luck"),
        (Failure("make.<locals>.NotToday"), "NotToday"),
        (Failure("E", "  \n"), "E"),
        (Failure("E", "x" * 300), "E: " + "x" * 196 + "…"),
        (Failure("stepwell.StepError", "gone", fields={"type_name": "CardGone"}), "CardGone: gone"),
        (Failure("ExceptionGroup", "one", group=[Failure("shop.Lost", "no")]), "Lost: no"),
        (Failure("ExceptionGroup", "two", group=[Failure("A"), Failure("B")]), "ExceptionGroup: two"),
    ],
)
def test_a_failure_in_one_line(failure: Failure, said: str) -> None:
    assert headline(failure) == said
    assert len(said) <= 200
