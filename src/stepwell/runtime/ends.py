"""Carries out the end of a body: the last entry, who is told, and what of the run is kept or begun anew."""

import logging

import msgspec

from stepwell.core.ending import EndFacts, Ending, ending, ending_error, parked
from stepwell.core.starting import stored_options
from stepwell.core.transitions import told_parent
from stepwell.model.change import Change
from stepwell.model.entry import Finished
from stepwell.model.status import RunStatus
from stepwell.runtime.holding import Holding

log = logging.getLogger("stepwell.run")
NO_AGES: dict[str, float | None] = {}


def end_of(run: Holding, *, armed: bool) -> Ending:
    """Put what follows from the kernel's outcome into the run's draft; the caller releases the run.

    `armed`: the run has waits in mailboxes, which are to be taken back.
    """
    decided = _decided(run)
    if decided.entry is not None:
        run.record(decided.entry)
    run.draft.opens = decided.opens
    if isinstance(decided.entry, Finished):
        value = decided.entry.value
        told = msgspec.structs.replace(decided.entry, value=None if value is None else run.inline(value))
        post = told_parent(run.row, told, run.now())
        if post:
            run.draft.post.extend(post)
    if decided.patch.status is not RunStatus.PARKED:
        # A parked run keeps its waits: what comes meanwhile is there when a person lets it go on.
        run.draft.closes = armed
    return decided


def _decided(run: Holding) -> Ending:
    kernel = run.kernel
    outcome = kernel.outcome
    assert outcome is not None
    error = ending_error(kernel)
    value = again = failure = None
    try:
        if error is not None:
            failure = run.errors.to_failure(error)
        elif outcome.again is not None:
            again = run.draft.payload(outcome.again, "the input of continue_as_new")
        else:
            value = run.draft.payload(outcome.value, "the workflow's result")
    except Exception as refused:  # noqa: BLE001 - too large: the run fails with that
        failure, value, again, error = run.errors.to_failure(refused), None, None, refused
    if error is not None and outcome.error is not error:
        kernel.outcome = msgspec.structs.replace(outcome, error=error, value=None, again=None)
    return ending(kernel, _facts(run), value, again, failure)


def _facts(run: Holding) -> EndFacts:
    stored, ages = stored_options(run.row), NO_AGES
    if run.row.options:
        ages = {"succeeded": stored.keep_succeeded, "failed": stored.keep_failed, "cancelled": stored.keep_failed}
    return EndFacts(run.row, run.definition.rules, run.started, stored.retries, ages, run.stamp(), run.host.chance,
                    run.definition.code)  # fmt: skip


def park_for(run: Holding, reason: str) -> None:
    """Park a run with which something went wrong that is not its own doing; whatever was not submitted is dropped."""
    log.error("the run is parked: %s", reason, extra=run.about())
    tell, facts = run.host.tell, {"run_id": run.row.id, "workflow": run.row.workflow, "reason": reason}
    change = Change(run=run.key, epoch=run.epoch, generation=run.row.generation, patch=parked(reason).patch)
    run.host.writer.submit(change, lambda _: tell("run.parked", **facts))
    run.drop("parked")
