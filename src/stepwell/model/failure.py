"""The stored form of an exception: what an attempt, a step or a run failed with."""

from __future__ import annotations

from typing import Any

import msgspec

MAX_TEXT = 8 * 1024
"""Bound of a message and of a traceback, in characters; what is cut is marked."""

MAX_DEPTH = 5
"""How many causes, and how many levels of groups, are kept."""

MAX_MEMBERS = 64
"""How many members of an exception group are kept."""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An exception as data. `type` is a name to look up in a registry, never something to import (P14).

    `code` is the stable code where the exception had one. `details` is what its author attached and `args`
    its arguments, both as plain JSON values; `args` is None when JSON cannot hold them. `fields` are the
    attributes that Stepwell's own classes declare. `retry_after` is in seconds. `group` are the members of an
    exception group, `hidden` counts those not kept.
    """

    type: str
    message: str = ""
    code: str | None = None
    retryable: bool = True
    details: Any = None
    args: list[Any] | None = None
    fields: dict[str, Any] | None = None
    retry_after: float | None = None
    traceback: str = ""
    notes: list[str] | None = None
    cause: Failure | None = None
    group: list[Failure] | None = None
    hidden: int = 0


def class_of(failure: Failure) -> str:
    """The bare name of the class that was raised, also where it came back as a `StepError` for want of the class."""
    known_as = (failure.fields or {}).get("type_name") if failure.type == "stepwell.StepError" else None
    return (known_as if isinstance(known_as, str) and known_as else failure.type).rpartition(".")[2]


def head_of(failure: Failure) -> Failure:
    """What one line says of a failure: of a group with a single member, as a `TaskGroup` raises it, the member."""
    while failure.group and len(failure.group) == 1 and not failure.hidden:
        failure = failure.group[0]
    return failure
