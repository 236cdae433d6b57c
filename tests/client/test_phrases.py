"""Sentences about runs."""

from typing import Any

import pytest

from stepwell.client.phrases import cut, now_of, policy_of, span, summary_of, why_of
from stepwell.client.shapes import DiffLine, Why
from stepwell.client.timeline import Attempt, CallView
from stepwell.model.policy import Effect, Retry
from stepwell.model.rules import StepRules, WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus as S

MISFIT = (
    "the code no longer fits this run's journal; no retry used:\n"
    "  journal, entry 1: step 'a: b'\n"
    "  code asks for:    timer 'sleep'\n"
    "Deploy code that fits."
)


def row(status: S, **more: Any) -> RunRow:
    given: dict[str, Any] = {"key": b"k" * 16, "id": "r", "workflow": "w", "status": status, **more}
    return RunRow(**given)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.12, "120 ms"), (-1, "0 ms"), (3.14, "3.1s"), (5.0, "5s"), (64, "1m 04s"), (43_440, "12h 04m"),
     (266_400, "3d 2h"),
     (59.97, "1m 00s"), (3_600, "1h 00m")],
)  # fmt: skip
def test_lengths(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (row(S.QUEUED), None),
        (row(S.QUEUED, due=160.0), "Starts in 1m 00s"),
        (row(S.QUEUED, deaths=2), "2 workers were lost with it"),
        (row(S.RUNNING, progress=0.4, note="sending"), "40% sending"),
        (row(S.RUNNING, cancelling=True), "Cancelling"),
        (row(S.RUNNING), None),
        (row(S.WAITING, reason="waiting for event a/review.submitted, timer x/timeout", due=110.0),
         "Waits for review.submitted, 10s left"),
        (row(S.WAITING, reason="waiting for event a, event b, child run c"), "Waits for a, b and 1 more"),
        (row(S.WAITING, reason="waiting for timer sleep", due=110.0), "Sleeps, 10s left"),
        (row(S.WAITING, reason="waiting for its next attempt", due=110.0), "Between two attempts, next in 10s"),
        (row(S.WAITING), "Waits"),
        (row(S.FAILED, reason="stepwell.StepError: gone\nmore"), "StepError: gone"),
        (row(S.PARKED, reason="x" * 300), "x" * 199 + "…"),
        (row(S.PARKED, reason=MISFIT), "the code no longer fits this run's journal; no retry used"),
        (row(S.PAUSED), None),
        (row(S.SUCCEEDED), None),
    ],
)  # fmt: skip
def test_a_row_in_a_list(run: RunRow, text: str | None) -> None:
    assert now_of(run, 100.0) == text


def call(name: str, kind: str = "step", status: str = "running", **more: Any) -> CallView:
    return CallView(id=name, name=name, parent=None, kind=kind, status=status, **more)


FAILED = [Attempt(n=1, status="failed")]


@pytest.mark.parametrize(
    ("run", "calls", "text"),
    [
        (row(S.RUNNING), [call("send", attempts=FAILED), call("w", "wait", "waiting", event="review", due=172_900.0)],
         "Running send, attempt 2 of 6. Also waits for review, 2d 0h left."),
        (row(S.RUNNING), [call("a"), call("b"), call("c")], "Running a. Running b. And 1 more."),
        (row(S.RUNNING), [], "A worker holds it."),
        (row(S.RUNNING, cancelling=True), [call("u", "undo", undo=True)], "Cancelling. Undoing with u."),
        (row(S.WAITING), [call("w", "wait", "waiting", event="e", key="7")], "Waits for e with key 7."),
        (row(S.WAITING, cancelling=True), [call("c", "child", "waiting", child="r/c")],
         "Cancelling. Waits for child r/c."),
        (row(S.WAITING), [call("s", "sleep", "waiting", due=110.0), call("c", "child", "waiting", child="r/c")],
         "Waits until s is over, 10s left. And for child r/c."),
        (row(S.WAITING), [call("send", status="waiting", due=101.0, attempts=FAILED)],
         "Waits to try send again in 1s, attempt 2 of 6."),
        (row(S.QUEUED, queue="slow"), [], "Queued in slow."),
        (row(S.QUEUED, due=160.0), [], "Delayed, starts in 1m 00s."),
        (row(S.QUEUED), [call("send", status="queued")], "Queued in default. Waits for a free slot for send."),
        (row(S.SUCCEEDED, created_at=10.0, finished_at=13.0), [], "Succeeded after 3s."),
        (row(S.FAILED), [call("charge", status="failed", attempts=FAILED * 6)],
         "charge failed after 6 attempts: CardGone: no card"),
        (row(S.CANCELLED), [call("u", "undo", "succeeded", undo=True)], "Cancelled; 1 step undone."),
        (row(S.TERMINATED), [], "Terminated without rollbacks."),
        (row(S.PAUSED), [], "Paused by an operator; resume lets it go on."),
        (row(S.PARKED, reason="diverged"), [], "Parked: it needs a person. Diverged."),
        (row(S.PARKED, reason=MISFIT), [],
         "Parked: it needs a person. The code no longer fits this run's journal; no retry used."),
    ],
)  # fmt: skip
def test_the_sentence_over_a_run(run: RunRow, calls: list[CallView], text: str) -> None:
    told = summary_of(run, calls, 100.0, tries={"send": 6}, error=("CardGone", "no card"))
    assert told.text == text
    assert "".join(part.text for part in told.parts) == text
    assert any(part.strong for part in told.parts) or run.status is S.RUNNING


def test_why_a_run_is_parked() -> None:
    why = why_of(row(S.PARKED, reason=MISFIT))
    assert why is not None
    assert why.text == "The code no longer fits this run's journal; no retry used."
    assert why.diff == [DiffLine("journal, entry 1", "step 'a: b'"), DiffLine("code asks for", "timer 'sleep'")]
    assert why.advice == "Deploy code that fits."
    assert why_of(row(S.PARKED, reason="two deaths")) == Why("Two deaths.", [], None)
    assert why_of(row(S.PARKED)) is None
    assert why_of(row(S.FAILED, reason="x")) is None


def test_a_lost_attempt_counts_as_none() -> None:
    lost = call("send", attempts=[Attempt(n=1, status="unknown", lost=True), Attempt(n=1, status="running")])
    assert summary_of(row(S.RUNNING), [lost], 100.0, tries={"send": 6}).text == "Running send."


def test_that_nobody_can_take_it_is_said() -> None:
    told = summary_of(row(S.QUEUED), [], 100.0, unserved="no worker is alive")
    assert told.text == "Queued in default: no worker is alive."


def test_policies() -> None:
    assert policy_of(StepRules(retry=Retry(0))) == "1 attempt"
    rules = StepRules(retry=Retry(5, "2s", "linear"), timeout=30.0, queue_timeout=60.0, effect=Effect.AT_MOST_ONCE)
    assert (
        policy_of(rules) == "6 attempts, 2s apart, growing; at most 30s each; at most once; at most 1m 00s in the queue"
    )
    assert policy_of(WorkflowRules(retry=Retry(0), deadline=3600.0)) == "1 attempt; at most 1h 00m in all"


def test_long_texts_are_cut() -> None:
    assert cut("  a\nb") == "a"
    assert cut("") == ""
    assert cut("abcdef", 4) == "abc…"
