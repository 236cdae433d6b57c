"""What the runtime needs to know of user code: name → program, and how to run one step of it."""

from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from stepwell.core.kernel import Kernel
from stepwell.model.entry import Started
from stepwell.model.failure import Failure
from stepwell.model.rules import StepRules, WorkflowRules
from stepwell.model.run import RunRow
from stepwell.ports.codec import SignaturePlan, TypePlan
from stepwell.ports.guest import Transactions


class StepDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A step: its function, its types, its rules. `inject` maps parameters to resource names.

    `transaction` is the one of these parameters that gets a connection in the step's own transaction.

    `code` is the fingerprint of its code ("" if there is none), `source` its text, where it can be read.
    """

    name: str
    fn: Callable[..., Any]
    is_async: bool
    rules: StepRules
    signature: SignaturePlan
    result: TypePlan
    inject: Mapping[str, str]
    code: str = ""
    source: str | None = None
    transaction: str | None = None


class WorkflowDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow: `program` makes the root coroutine of a loaded run, inside its kernel.

    `step`: the step that it is, started by itself. `code`, `source`: as those of a step.
    """

    name: str
    fn: Callable[..., Any]
    rules: WorkflowRules
    signature: SignaturePlan
    result: TypePlan
    on: tuple[str, ...]
    program: Callable[[Kernel, "RunFacts"], Coroutine[Any, Any, bytes]]
    warnings: tuple[str, ...] = ()
    step: StepDefinition | None = None
    code: str = ""
    source: str | None = None


class RunFacts(msgspec.Struct, frozen=True):
    """What a program may know of its run: recorded facts only, the same on every replay."""

    row: RunRow
    started: Started
    input: bytes
    registry: "Definitions"


class Errors(Protocol):
    """Exceptions ↔ their stored form, by a registry and never by import (P14)."""

    def register(self, cls: type[BaseException]) -> Any: ...
    def to_failure(self, error: BaseException) -> Failure: ...
    def to_exception(self, failure: Failure) -> BaseException: ...


class Definitions(Protocol):
    """The workflows, resources and errors of one app, and how its users' connections are used."""

    errors: Errors
    transactions: Transactions

    @property
    def events(self) -> Mapping[str, Any]:
        """The events by name; each has the `plan` of its payload."""
        ...

    def workflow(self, name: str) -> WorkflowDefinition | None: ...
    def workflow_names(self) -> tuple[str, ...]: ...
    def subscriptions(self) -> list[tuple[str, str]]: ...
    def resources(self) -> Mapping[str, Callable[..., Any]]: ...


class StepScope(Protocol):
    """What surrounds a running step body: facts about the attempt, and the way to call a step in a step."""

    run_id: str
    workflow: str
    call: str
    attempt: int
    errors: tuple[Failure, ...]
    registry: Definitions
    code: str

    @property
    def idempotency_key(self) -> str: ...

    def log(self, level: int, text: str) -> None:
        """Keep a line with the run; from any thread."""
        ...

    def close(self) -> None:
        """The attempt is over: from here on it can call no step."""
        ...

    async def nested(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def nested_from_thread(
        self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any: ...


step_scope: ContextVar[StepScope | None] = ContextVar("stepwell_step_scope", default=None)
"""The step that the current code belongs to; the executor sets it, inside the step's own context."""


def codes_of(definitions: Definitions, workflows: tuple[str, ...]) -> tuple[str, ...]:
    """The fingerprints of the code of workflows, in their order; "" where there is none."""
    return tuple(d.code if (d := definitions.workflow(name)) is not None else "" for name in workflows)
