"""Rules: what a definition says about its runs and attempts, resolved to numbers (seconds)."""

from typing import Final, Literal

import msgspec

from stepwell.model.policy import Check, Effect, Keep, Retention, Retry

Versioning = Literal["latest", "pin"]
""""latest": whoever knows the workflow, as long as its code fits the journal; "pin": the code it began with."""
VERSIONINGS: Final[tuple[Versioning, ...]] = ("latest", "pin")


class StepRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a step's attempts are made."""

    retry: Retry
    timeout: float | None = None
    queue_timeout: float | None = None
    effect: Effect | Check = Effect.AT_LEAST_ONCE


class WorkflowRules(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults of a workflow's runs. `of_step`: a step started by itself; its retries are the call's, not the run's.

    `versioning`: which code may go on with a run, see `Versioning`.
    """

    retry: Retry
    queue: str = "default"
    priority: int = 100
    queue_timeout: float | None = None
    deadline: float | None = None
    retention: Retention | None = None
    keep: Keep | None = None
    of_step: bool = False
    versioning: Versioning = "latest"
