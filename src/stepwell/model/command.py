"""Commands: what a workflow body asks for, collected by the kernel and carried out by the holder.

They live in memory only. A command whose effect must not happen twice has an entry of its own.
"""

from collections.abc import Callable
from typing import Any

import msgspec


class RunStep(msgspec.Struct, frozen=True):
    """Execute a step: `step` is its definition, `policy` what this call overrides."""

    call: str
    step: Any
    policy: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    digest: str
    opened: int
    rollback: bool = False


class PlaceWait(msgspec.Struct, frozen=True):
    """Wait for an event in the mailbox of `key`, or in the run's own when None."""

    call: str
    event: str
    key: str | None


class StartChild(msgspec.Struct, frozen=True):
    """Create a child run. `request` makes its NewRun once the holder supplies key and stamp.

    `chosen`: the user chose the id, so a run of that id may be there already.
    """

    call: str
    workflow: str
    request: Callable[..., Any]
    detached: bool
    chosen: bool = False


class CloseCall(msgspec.Struct, frozen=True):
    """The body no longer wants this call: stop its step, disarm its wait, cancel its child."""

    call: str


class ReportProgress(msgspec.Struct, frozen=True):
    """Show how far the run is: a fraction from 0 to 1 and a word on it."""

    fraction: float
    note: str | None


class FoldScope(msgspec.Struct, frozen=True):
    """A folded part of the body closed with this value: one entry replaces those of its calls."""

    call: str
    value: bytes


Command = RunStep | PlaceWait | StartChild | CloseCall | FoldScope
