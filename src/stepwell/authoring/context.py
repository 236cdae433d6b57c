"""What a workflow body may call: recorded time and randomness, sleeps, scopes, progress, facts of the run."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, NoReturn, Self, TypeVar
from uuid import UUID

import msgspec

from stepwell.authoring.ambient import body_kernel, facts_of, kernel_here, step_here
from stepwell.authoring.call import Call
from stepwell.authoring.program import roll_back
from stepwell.core.asyncloop import KernelLoop
from stepwell.core.kernel import Kernel
from stepwell.core.outcome import ContinueAsNew
from stepwell.core.scope import Scope
from stepwell.errors import InvalidOption, WrongContext
from stepwell.model.duration import Duration, instant, seconds
from stepwell.model.failure import Failure
from stepwell.ports.definitions import StepScope

T = TypeVar("T")


# -- time and chance -------------------------------------------------------------------------------


def now() -> datetime:
    """The run's own time: the stamp of what last happened to it, aware, in UTC; the same on replay."""
    return datetime.fromtimestamp(body_kernel("stepwell.now()").stamp, UTC)


def random() -> float:
    """A random float in [0, 1), the same on replay: 53 bits of BLAKE2b over the run's key and the draw."""
    bits = int.from_bytes(body_kernel("stepwell.random()").bits(8), "big") >> 11
    return bits / (1 << 53)


def uuid4() -> UUID:
    """A random UUID, the same on replay."""
    return UUID(bytes=body_kernel("stepwell.uuid4()").bits(16), version=4)


def sleep(duration: Duration, *, name: str = "sleep") -> Call[None]:
    """Sleep durably: `await sleep("24 hours")`. A number is seconds. The run leaves memory meanwhile (P8).

    Raises:
        InvalidDuration: the value is no duration.
        WrongContext: called in a step or outside of any run.
    """
    kernel = body_kernel("stepwell.sleep()")
    length = seconds(duration, "sleep")
    call = kernel.identify(name)
    return Call(name, call, kernel, lambda: kernel.sleep(call, kernel.stamp + length))


def sleep_until(moment: datetime, *, name: str = "sleep_until") -> Call[None]:
    """Sleep durably until a moment; at once when it has passed.

    Raises:
        NaiveDatetime: the moment has no time zone.
    """
    due = instant(moment)
    kernel = body_kernel("stepwell.sleep_until()")
    call = kernel.identify(name)
    return Call(name, call, kernel, lambda: kernel.sleep(call, due))


# -- structure -------------------------------------------------------------------------------------


class scope:  # noqa: N801 - used as a statement: `async with scope("page 17"):`
    """Group the calls inside a block, in the tree and in their identity."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: KernelLoop | None = None
        self._before: Scope | None = None

    def __enter__(self) -> Self:
        kernel = body_kernel("stepwell.scope()")
        self._loop = kernel.loop
        self._before = kernel.loop.enter(kernel.loop.scope.named(self._name))
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None and self._before is not None:
            self._loop.enter(self._before)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__(*exc)


class cleanup:  # noqa: N801
    """A block whose steps run though the run is being cancelled: `async with cleanup(): await unlock()` (P12)."""

    def __init__(self) -> None:
        self._scope: Scope | None = None
        self._before = False

    def __enter__(self) -> Self:
        self._scope = body_kernel("stepwell.cleanup()").loop.scope
        self._before, self._scope.cleanup = self._scope.cleanup, True
        return self

    def __exit__(self, *exc: object) -> None:
        if self._scope is not None:
            self._scope.cleanup = self._before

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__(*exc)


def rollback() -> Call[None]:
    """Undo now what `on_rollback` has registered so far, last first; for a body that caught the error.

    An undo that fails for good parks the run and lists what is left.
    """
    kernel = body_kernel("stepwell.rollback()")

    def begin() -> Any:
        scope = kernel.loop.scope.child()
        scope.undo = True
        return kernel.loop.spawn(roll_back(kernel), scope)

    return Call("rollback", "rollback", kernel, begin)


def continue_as_new(*args: Any, **kwargs: Any) -> NoReturn:
    """End this generation and begin the next with these arguments: the journal starts afresh, the id stays."""
    kernel = body_kernel("stepwell.continue_as_new()")
    facts = facts_of(kernel)
    definition = facts.registry.workflow(facts.row.workflow)
    assert definition is not None
    raise ContinueAsNew(definition.signature.encode_args(args, kwargs))


# -- telling ---------------------------------------------------------------------------------------


def progress(fraction: float, note: str | None = None) -> None:
    """Say how far the run is: a fraction from 0 to 1, and a word on it. In a workflow body.

    Raises:
        InvalidOption: the fraction is not between 0 and 1 (percent, perhaps).
    """
    if type(fraction) not in (int, float) or not 0 <= fraction <= 1:
        raise InvalidOption(f"progress {fraction!r}", expected="a fraction from 0 to 1")
    body_kernel("stepwell.progress()").report(float(fraction), note)


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a body may know of its run; recorded facts only.

    `code`: the fingerprint of the code that its generation began with, empty where nobody knew it.
    """

    id: str
    workflow: str
    generation: int
    attempt: int
    started_at: datetime
    deadline: datetime | None
    tags: dict[str, Any]
    code: str
    logger: Any


class StepInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a step may know of its attempt. `idempotency_key` is the same over all attempts of the call.

    `errors` are the failures of earlier attempts, oldest first; `code` is the fingerprint of the step's code.
    """

    run_id: str
    workflow: str
    call: str
    attempt: int
    errors: tuple[Failure, ...]
    idempotency_key: str
    code: str
    logger: Any


def run_info() -> RunInfo:
    """Facts of the current run, in its body."""
    kernel = body_kernel("stepwell.run_info()")
    facts = facts_of(kernel)
    started = facts.started
    return RunInfo(
        id=facts.row.id,
        workflow=facts.row.workflow,
        generation=kernel.generation,
        attempt=started.attempt,
        started_at=datetime.fromtimestamp(started.at, UTC),
        deadline=None if started.deadline is None else datetime.fromtimestamp(started.deadline, UTC),
        tags=dict(facts.row.tags),
        code=started.code,
        logger=BodyLogger(kernel),
    )


def step_info() -> StepInfo:
    """Facts of the current attempt, in a step.

    Raises:
        WrongContext: called outside of a step.
    """
    scope_: StepScope | None = None if kernel_here() is not None else step_here()
    if scope_ is None:
        raise WrongContext("stepwell.step_info() was called outside of a step", hint="In a body, use run_info().")
    return StepInfo(
        run_id=scope_.run_id,
        workflow=scope_.workflow,
        call=scope_.call,
        attempt=scope_.attempt,
        errors=scope_.errors,
        idempotency_key=scope_.idempotency_key,
        code=scope_.code,
        logger=StepLogger(scope_),
    )


class StepLogger(logging.LoggerAdapter[logging.Logger]):
    """A step's logger: as any other, with the facts of the attempt; its lines are kept with the run as well."""

    def __init__(self, scope_: StepScope) -> None:
        facts = {"run_id": scope_.run_id, "workflow": scope_.workflow, "step": scope_.call}
        super().__init__(logging.getLogger("stepwell.step"), facts)
        self._scope = scope_

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write one line at a `logging` level, whichever levels are shown; from "info" on it is kept."""
        self._scope.log(level, line_of(msg, args, kwargs.get("exc_info")))
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        super().log(level, msg, *args, **kwargs)


def line_of(message: object, args: tuple[object, ...], error: object) -> str:
    """The text of a line, and the traceback with it; a message that its arguments do not fit is left as it is."""
    given = args[0] if len(args) == 1 and isinstance(args[0], dict) else args
    try:
        text = str(message) % given if args else str(message)
    except (TypeError, ValueError, KeyError):
        text = f"{message} {args!r}"
    found = error if isinstance(error, BaseException) else sys.exception() if error else None
    return text if found is None else "\n".join([text, *traceback.format_exception(found)]).rstrip()


class BodyLogger:
    """A workflow's logger: silent in replay; a line goes out when the activation that wrote it is acknowledged."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def log(self, level: int, message: str, *args: object) -> None:
        """Write one line at a `logging` level."""
        if not self._kernel.replaying:
            self._kernel.lines.append((level, message % args if args else message))

    def debug(self, message: str, *args: object) -> None:
        self.log(logging.DEBUG, message, *args)

    def info(self, message: str, *args: object) -> None:
        self.log(logging.INFO, message, *args)

    def warning(self, message: str, *args: object) -> None:
        self.log(logging.WARNING, message, *args)

    def error(self, message: str, *args: object) -> None:
        self.log(logging.ERROR, message, *args)
