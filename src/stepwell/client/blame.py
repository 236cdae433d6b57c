"""Whose failure a generation ended with: the steps', as they were raised there, where the body only passed them on."""

from collections.abc import Sequence

import msgspec

from stepwell.client.shapes import Frame
from stepwell.client.tracebacks import innermost_own
from stepwell.model.entry import AnyEntry, Finished, Nested, Stepped
from stepwell.model.failure import Failure, class_of


def blamed(entries: Sequence[AnyEntry]) -> Failure | None:
    """What a generation failed with: the steps' own failures where it ended with them, as they were raised there."""
    end = _end(entries)
    if end is None or end.error is None:
        return None
    steps = [e for e in reversed(entries) if isinstance(e, Stepped | Nested) and e.error is not None]
    for step in steps:
        if step.call == end.cause and step.error is not None and _alike(step.error, end.error):
            return step.error
    return _told_there(end.error, [step.error for step in steps if step.error is not None])


def _told_there(failure: Failure, steps: list[Failure]) -> Failure:
    """The same with its members and causes as the steps that they came from had them."""
    if not steps or (failure.group is None and failure.cause is None):
        return failure
    cause, group = failure.cause, failure.group
    return msgspec.structs.replace(
        failure,
        cause=None if cause is None else _own(cause, steps),
        group=None if group is None else [_own(member, steps) for member in group],
    )


def _own(failure: Failure, steps: list[Failure]) -> Failure:
    return next((step for step in steps if _alike(step, failure)), None) or _told_there(failure, steps)


def _alike(step: Failure, failure: Failure) -> bool:
    return (class_of(step), step.message) == (class_of(failure), failure.message)


def awaited(entries: Sequence[AnyEntry]) -> Frame | None:
    """Where the workflow's body got the failure of a step that it ended with."""
    end = _end(entries)
    if end is None or end.error is None or blamed(entries) is end.error:
        return None
    return innermost_own(end.error.traceback)


def _end(entries: Sequence[AnyEntry]) -> Finished | None:
    return next((entry for entry in reversed(entries) if isinstance(entry, Finished)), None)
