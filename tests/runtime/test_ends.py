"""Ends: what follows from a body's outcome is put into the run's draft."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from stepwell.adapters.failures import ErrorRegistry
from stepwell.core.outcome import Outcome, RollbackFailed
from stepwell.core.payloads import INLINE, LARGEST, resolved
from stepwell.errors import PayloadTooLarge
from stepwell.model.entry import AnyEntry, ChildEnded, Continued, Finished, Payload, Started, decode_entries
from stepwell.model.options import StoredOptions
from stepwell.model.policy import Retry
from stepwell.model.rules import WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.runtime.draft import Draft
from stepwell.runtime.ends import end_of

NOW = 100.0
PARENT = b"parent"


class Run:
    """A run whose body has ended with an outcome."""

    def __init__(self, outcome: Outcome, *, retries: int = 0, parent: bool = False, attempt: int = 1,
                 options: StoredOptions | None = None, cancelled: str | None = None) -> None:  # fmt: skip
        self.kernel: Any = SimpleNamespace(outcome=outcome, cancelled=cancelled, undone=["pay"], failed=[])
        self.blobs: dict[str, bytes] = {}
        self.draft = Draft(self.blobs)
        self.errors = ErrorRegistry()
        self.started = Started(at=1.0, input=Payload(v=msgspec.Raw(b"[1]")), attempt=attempt)
        self.row = RunRow(
            key=b"run", id="r", workflow="w", parent=PARENT if parent else None, parent_call="ship" if parent else None,
            options=msgspec.json.encode(options).decode() if options else None,
        )  # fmt: skip
        retry = Retry(retries=retries, delay="10s", jitter=0)
        self.definition: Any = SimpleNamespace(rules=WorkflowRules(retry=retry), code="0a1b2c3d4e5f")
        self.host: Any = SimpleNamespace(chance=lambda: 0.5)
        self.recorded: list[AnyEntry] = []

    def record(self, entry: AnyEntry) -> None:
        self.recorded.append(entry)

    def inline(self, payload: Payload) -> Payload:
        return resolved(payload, self.blobs)

    def now(self) -> float:
        return NOW

    def stamp(self) -> float:
        return NOW

    def end(self, *, armed: bool = False) -> Any:
        return end_of(self, armed=armed)  # type: ignore[arg-type]


def test_a_result_is_the_last_entry_and_the_run_is_released() -> None:
    run = Run(Outcome(value=b"42"))
    decided = run.end()
    assert run.recorded == [Finished(at=NOW, status="succeeded", value=Payload(v=msgspec.Raw(b"42")))]
    assert (decided.patch.status, decided.patch.release, decided.patch.finished_at) == (RunStatus.SUCCEEDED, True, NOW)
    assert run.draft.empty
    assert not run.draft.closes


def test_a_large_result_is_a_blob_in_the_journal_and_inline_for_the_parent() -> None:
    data = b'"' + b"x" * INLINE + b'"'
    run = Run(Outcome(value=data), parent=True)
    run.end()
    [end] = run.recorded
    assert isinstance(end, Finished)
    assert end.value is not None
    assert run.blobs == {end.value.r: data}
    [post] = run.draft.post
    told = msgspec.json.decode(bytes(post.item.data), type=ChildEnded)
    assert (post.target, told.call, told.status) == (PARENT, "ship", "succeeded")
    assert told.value is not None
    assert bytes(told.value.v) == data


def test_an_error_is_recorded_and_the_parent_is_told_of_it() -> None:
    run = Run(Outcome(error=LookupError("gone")), parent=True)
    assert run.end().patch.status is RunStatus.FAILED
    [end] = run.recorded
    assert isinstance(end, Finished)
    assert end.error is not None
    assert "gone" in end.error.message
    assert end.undone == ["pay"]
    [post] = run.draft.post
    assert msgspec.json.decode(bytes(post.item.data), type=ChildEnded).error == end.error


def test_a_result_that_is_too_large_is_the_error_of_the_run() -> None:
    run = Run(Outcome(value=b"1" * (LARGEST + 1)))
    assert run.end().patch.status is RunStatus.FAILED
    assert isinstance(run.kernel.outcome.error, PayloadTooLarge)
    assert run.kernel.outcome.value is None
    [end] = run.recorded
    assert isinstance(end, Finished)
    assert end.value is None
    assert end.error is not None
    assert "the workflow's result" in end.error.message


@pytest.mark.parametrize("armed", [True, False])
def test_waits_are_taken_back_when_there_are_any(armed: bool) -> None:
    run = Run(Outcome(value=b"1"))
    run.end(armed=armed)
    assert run.draft.closes is armed


def test_a_failed_rollback_parks_the_run_which_keeps_its_waits() -> None:
    run = Run(Outcome(error=RollbackFailed("pay", LookupError("bank"), ["book"])), parent=True)
    decided = run.end(armed=True)
    assert decided.patch.status is RunStatus.PARKED
    assert "undoing pay failed: bank; left to undo: book" in decided.patch.reason
    assert run.recorded == []
    assert run.draft.empty
    assert not run.draft.closes


def test_a_run_that_may_be_retried_opens_a_generation_and_tells_nobody() -> None:
    run = Run(Outcome(error=LookupError("gone")), retries=1, parent=True)
    decided = run.end(armed=True)
    assert (decided.patch.status, decided.patch.due) == (RunStatus.QUEUED, NOW + 10)
    assert decided.patch.generation == 2
    [note] = run.recorded
    assert isinstance(note, Continued)
    assert note.reason == "retry"
    [opens] = decode_entries(run.draft.opens)
    assert opens == Started(at=NOW + 10, input=run.started.input, attempt=2, code="0a1b2c3d4e5f")
    assert not run.draft.post
    assert run.draft.closes


def test_the_last_attempt_is_final() -> None:
    assert Run(Outcome(error=LookupError("x")), retries=1, attempt=2).end().patch.status is RunStatus.FAILED


def test_a_run_may_have_been_given_its_own_retries_and_ages() -> None:
    options = StoredOptions(retries=0, keep_failed=60.0, keep_succeeded=5.0)
    failed = Run(Outcome(error=LookupError("x")), retries=3, options=options).end()
    assert (failed.patch.status, failed.patch.expires_at) == (RunStatus.FAILED, NOW + 60)
    assert Run(Outcome(value=b"1"), options=options).end().patch.expires_at == NOW + 5
    cancelled = Run(Outcome(error=LookupError("x")), options=options, cancelled="operator").end()
    assert (cancelled.patch.status, cancelled.patch.expires_at) == (RunStatus.CANCELLED, NOW + 60)


def test_continuing_as_new_begins_with_the_new_input() -> None:
    run = Run(Outcome(again=b"[2]"), attempt=3)
    decided = run.end()
    assert decided.patch.due is None
    assert run.recorded == [Continued(at=NOW, reason="continue")]
    assert decode_entries(run.draft.opens) == [
        Started(at=NOW, input=Payload(v=msgspec.Raw(b"[2]")), attempt=1, code="0a1b2c3d4e5f")
    ]


def test_a_deadline_is_the_error_of_a_run_that_it_cancelled() -> None:
    run = Run(Outcome(error=LookupError("whatever came of it")), cancelled="deadline")
    assert run.end().patch.status is RunStatus.FAILED
    [end] = run.recorded
    assert isinstance(end, Finished)
    assert end.error is not None
    assert "deadline" in end.error.message
    assert type(run.kernel.outcome.error).__name__ == "DeadlineExceeded"
