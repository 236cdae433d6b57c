"""What follows from the end of a body: the last entry, the run's last state, or a new generation."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.core.kernel import Kernel
from stepwell.core.outcome import RollbackFailed, marks
from stepwell.core.retry import next_delay, retry_after_of
from stepwell.core.rewind import ROLLBACK
from stepwell.errors import DeadlineExceeded, StepwellError
from stepwell.model.change import Patch
from stepwell.model.entry import AnyEntry, Continued, Finished, Payload, Started, encode_entries
from stepwell.model.failure import Failure, class_of, head_of
from stepwell.model.rules import WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

LONGEST_REASON: Final = 200


class Ending(msgspec.Struct, frozen=True):
    """The last entry of the generation, the row's new values, and the first entry of the next generation."""

    entry: AnyEntry | None
    patch: Patch
    opens: bytes = b""


class EndFacts(msgspec.Struct, frozen=True):
    """What the decision depends on. `keep_for`: ages by status that this run was given itself (seconds).

    `code`: the fingerprint of the code that decided.
    """

    row: RunRow
    rules: WorkflowRules
    started: Started
    retries: int | None
    keep_for: dict[str, float | None]
    now: float
    chance: Callable[[], float]
    code: str = ""


def parked(reason: str) -> Ending:
    """The run needs a person."""
    return Ending(None, Patch(status=RunStatus.PARKED, release=True, reason=reason))


def ending(kernel: Kernel, facts: EndFacts, value: Payload | None, again: Payload | None,
           failure: Failure | None) -> Ending:  # fmt: skip
    """Decide by the kernel's outcome; the stored forms of its value, next input or error are given."""
    outcome = kernel.outcome
    assert outcome is not None
    if isinstance(outcome.error, RollbackFailed):
        left = ", ".join(outcome.error.left)
        return parked(f"{ROLLBACK}undoing {outcome.error.call} failed: {outcome.error.error}; left to undo: {left}")
    if again is not None:
        started = msgspec.structs.replace(facts.started, at=facts.now, input=again, attempt=1, code=facts.code)
        return _next_generation(facts, "continue", started, 0.0, None)
    if value is not None:
        return _end(facts, Finished(at=facts.now, status=RunStatus.SUCCEEDED.value, value=value))
    error = outcome.error
    assert error is not None
    if kernel.cancelled is not None and kernel.cancelled != "deadline":
        return _end(facts, Finished(at=facts.now, status=RunStatus.CANCELLED.value, undone=kernel.undone))
    if kernel.cancelled is None and (delay := _retry_delay(facts, error)) is not None:
        started = msgspec.structs.replace(
            facts.started, at=facts.now, attempt=facts.started.attempt + 1, code=facts.code
        )
        return _next_generation(facts, "retry", started, delay, failure)
    came_from = marks(error)
    cause = next((call for call in kernel.failed if call in came_from), None)  # the first that failed
    end = Finished(at=facts.now, status=RunStatus.FAILED.value, error=failure, cause=cause, undone=kernel.undone)
    return _end(facts, end)


def ending_error(kernel: Kernel) -> BaseException | None:
    """The exception that the run ends with, if it does."""
    assert kernel.outcome is not None
    if kernel.outcome.error is not None and kernel.cancelled == "deadline":
        return DeadlineExceeded("the run was not finished by its deadline")
    return kernel.outcome.error


def _retry_delay(facts: EndFacts, error: BaseException) -> float | None:
    if facts.rules.of_step:
        return None
    retry = facts.rules.retry
    if facts.retries is not None:
        retry = type(retry)(facts.retries, retry.delay, retry.backoff, retry.max_delay, retry.jitter, retry.retry_on)
    retryable = error.retryable if isinstance(error, StepwellError) else isinstance(error, Exception)
    if not retry.covers(error):
        return None
    return next_delay(retry, facts.started.attempt, retryable, retry_after_of(error, facts.now), facts.chance())


def _end(facts: EndFacts, entry: Finished) -> Ending:
    keep = facts.keep_for.get(entry.status)
    patch = Patch(
        status=RunStatus(entry.status),
        release=True,
        finished_at=facts.now,
        reason=headline(entry.error) if entry.error is not None else "",
        expires_at=None if keep is None else facts.now + keep,
    )
    return Ending(entry, patch)


def headline(failure: Failure) -> str:
    """A failure in one line: by which failed runs are listed, and found again."""
    head = head_of(failure)
    first = next(iter(head.message.strip().splitlines()), "")
    text = f"{class_of(head)}: {first}" if first else class_of(head)
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def _next_generation(facts: EndFacts, reason: str, started: Started, delay: float, failure: Failure | None) -> Ending:
    ready = facts.now + delay
    patch = Patch(
        status=RunStatus.QUEUED,
        release=True,
        due=ready if delay else None,
        rank=rank_of(ready, facts.row.priority, resumed=True),
        generation=facts.row.generation + 1,
        pin="" if facts.row.pin else None,  # a fresh journal fits any code
    )
    opens = encode_entries([replace(started, at=ready)])
    return Ending(Continued(at=facts.now, reason=reason, error=failure), patch, opens)
