"""The errors Stepwell raises, in one hierarchy ordered by who can act.

    StepwellError
    ├── UsageError      the caller: the API was misused, and the code has to change
    ├── RunError        the run's owner: how a run ended, seen through its handle or by its parent
    ├── WorkError       the workflow's author: a step or a wait inside a run did not succeed
    ├── EngineRefusal   the operator or caller: the engine understood the request and says no
    └── WorldError      whoever runs the machines: database, disk, network

Every class has a stable `code`, the same in Python, REST and CLI; `ERRORS` maps codes to classes. A message
says what happened, what was expected and what to do, in this order. The engine's private control-flow signals
are not errors and are not here.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Final

ERRORS: Final[dict[str, type["StepwellError"]]] = {}
"""Every error class of the package by its code."""


class StepwellError(Exception):
    """Base of all errors of the package.

    `what` is a clause without final punctuation ("'5 parsecs' is not a duration"), `expected` completes
    "expected …", `hint` is a sentence that says what to do. `fields` are the attributes that the class
    declares in `own`; they keep the class's default when they are not given. `retryable` answers for a step
    or run that ends with this error: may another attempt be made?
    """

    code: str = "error"
    retryable: bool = False
    own: ClassVar[tuple[str, ...]] = ()
    message: str = ""
    what: str = ""
    expected: str | None = None
    hint: str | None = None

    def __init__(
        self, what: str = "", *, expected: str | None = None, hint: str | None = None, **fields: object
    ) -> None:
        message = what if expected is None else f"{what}; expected {expected}"
        if hint is not None:
            message = f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {hint}"
        super().__init__(message)
        self.message = message
        if message != what:  # an error without these keeps the class's: most are of one piece
            self.what, self.expected, self.hint = what, expected, hint
        for name, value in fields.items():
            if name not in self.own:
                raise TypeError(f"{type(self).__name__} has no field {name!r}, only {self.own}")
            setattr(self, name, value)

    def __init_subclass__(cls, *, code: str | None = None, retryable: bool | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if retryable is not None:
            cls.retryable = retryable
        if code is None:
            code = cls.__dict__.get("code")
            if code is None:
                return
        cls.code = code
        if code in ERRORS:
            raise TypeError(f"error code {code!r} of {cls.__qualname__} is taken by {ERRORS[code]}")
        # Users' classes are not indexed: a reload or a second app may define them again.
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
            ERRORS[code] = cls

    def __str__(self) -> str:
        return self.message or Exception.__str__(self)  # a subclass may not have called our __init__

    def fields(self) -> dict[str, object]:
        """The class's own attributes, besides message, code and retryable: for REST, CLI and journal."""
        return {name: getattr(self, name) for name in self.own}


ERRORS[StepwellError.code] = StepwellError


# --- the caller -----------------------------------------------------------------------------------


class UsageError(StepwellError, code="usage"):
    """The API was called in a way that cannot work; only a change of the calling code helps."""


class InvalidDuration(UsageError, code="invalid_duration"):
    """A value is not a duration: unknown unit, negative, not finite, or of another type."""


class InvalidCron(UsageError, code="invalid_cron"):
    """A cron expression or its time zone cannot be read; the message names the field and the place."""


class NaiveDatetime(UsageError, code="naive_datetime"):
    """A datetime without time zone was given where a moment is meant."""


class InvalidOption(UsageError, code="invalid_option"):
    """An option has a value outside its range, or does not go with another."""


class DuplicateName(UsageError, code="duplicate_name"):
    """Two definitions of one app have the same name."""


class UnknownWorkflow(UsageError, code="unknown_workflow"):
    """No workflow, step or pipeline of this name is registered in the app."""


class UnknownEvent(UsageError, code="unknown_event"):
    """No event of this name is registered in the app."""


class _AtPath(UsageError):
    own = ("path",)
    path: str = ""


class NotSerializable(_AtPath, code="not_serializable"):
    """A value cannot be stored without being changed; `path` says where in the value."""


class TypeMismatch(_AtPath, code="type_mismatch"):
    """A value does not have the type that its annotation promises; `path` says where in the value."""


class PayloadTooLarge(UsageError, code="payload_too_large"):
    """An encoded value is larger than its bound (P14). `size` and `limit` are in bytes."""

    own = ("size", "limit")
    size: int | None = None
    limit: int | None = None


class WrongContext(UsageError, code="wrong_context"):
    """A durable operation in a place where it cannot be durable.

    A workflow awaited outside a run, a durable wait inside a step, a step called from a foreign thread.
    """


class AppClosed(WrongContext, code="app_closed"):
    """The app was used before it was opened or after it was closed."""


class MissingExtra(UsageError, code="missing_extra"):
    """An optional dependency is not installed; the message names the extra that brings it."""


class NeedsDatabase(UsageError, code="needs_database"):
    """The verb works on a database itself; a server does not do it for a client."""


# --- the run's owner ------------------------------------------------------------------------------


class RunError(StepwellError, code="run_error"):
    """A run ended, or stopped, without a result. `run_id` is its id, `workflow` the name of its workflow."""

    own = ("run_id", "workflow")
    run_id: str | None = None
    workflow: str | None = None


class RunFailed(RunError, code="run_failed", retryable=True):
    """The workflow raised; `__cause__` is what it raised, rebuilt from the stored form."""


class RunCancelled(RunError, code="run_cancelled"):
    """The run was cancelled, and its rollbacks have run (P12)."""


class RunTerminated(RunError, code="run_terminated"):
    """The run was terminated, without rollbacks (P12)."""


class RunParked(RunError, code="run_parked"):
    """The run needs a person: its replay diverged (P13) or it was quarantined (P11)."""


# --- the workflow's author ------------------------------------------------------------------------


class WorkError(StepwellError, code="work_error"):
    """Something inside a run did not succeed; the workflow may handle it."""


class StepError(WorkError, code="step_error", retryable=True):
    """A step's failure as its author words it, or the stored form of an exception of an unregistered class.

    Subclasses set `code` and `retryable` as class attributes or keywords; the arguments override them.
    `details` is any JSON-able value and is kept per attempt. `retry_after` asks for a delay before the next
    attempt (seconds, duration or moment). `type_name` is the name of a class that could not be rebuilt.
    """

    own = ("type_name",)
    details: object = None
    type_name: str | None = None
    retry_after: float | str | timedelta | datetime | None = None

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        retryable: bool | None = None,
        details: object = None,
        type_name: str | None = None,
        retry_after: float | str | timedelta | datetime | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable
        self.details = details
        self.type_name = type_name
        self.retry_after = retry_after


class NonRetryableError(StepError, code="non_retryable", retryable=False):
    """A step's failure that no further attempt can change: the call fails at once."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        details: object = None,
        type_name: str | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details, type_name=type_name)


class EventTimeout(WorkError, TimeoutError, code="event_timeout", retryable=True):
    """No event came within the wait's `timeout`. Also a `TimeoutError`."""


class StepTimeout(WorkError, TimeoutError, code="step_timeout", retryable=True):
    """One attempt of a step ran longer than its `timeout`: a failed attempt. Also a `TimeoutError`."""


class QueueTimeout(WorkError, TimeoutError, code="queue_timeout", retryable=True):
    """No worker took the work within its `queue_timeout`. Also a `TimeoutError`."""


class DeadlineExceeded(WorkError, TimeoutError, code="deadline_exceeded"):
    """The run was not finished by its `deadline`. Also a `TimeoutError`."""


class OutcomeUnknown(WorkError, code="outcome_unknown"):
    """An at-most-once step began and its worker was lost: it may or may not have happened."""


# --- the engine -----------------------------------------------------------------------------------


class EngineRefusal(StepwellError, code="refused"):
    """The engine understood the request and refuses it in the present state."""


class NotFound(EngineRefusal, code="not_found"):
    """There is no run, event, schedule or other thing of this id, or retention has removed it."""


class Conflict(EngineRefusal, code="conflict"):
    """The id is taken by a run with another input (P7)."""


class IllegalState(EngineRefusal, code="illegal_state"):
    """The verb is not allowed in this state; `allowed` are the verbs that are, and the message names them."""

    own = ("state", "verb", "allowed")
    state: str | None = None
    verb: str | None = None
    allowed: tuple[str, ...] = ()


class Stale(EngineRefusal, code="stale"):
    """The writer no longer holds the run's lease: its epoch is not the run's (P3)."""


class Diverged(EngineRefusal, code="diverged"):
    """The workflow asked for something else than its journal has (P13); `diff` shows both, readable."""

    own = ("diff",)
    diff: str = ""


class Nondeterminism(EngineRefusal, code="nondeterminism"):
    """Workflow code did what only a step may do (I/O, clocks, randomness, threads), at `file`:`line`."""

    own = ("file", "line")
    file: str | None = None
    line: int | None = None


class LimitExceeded(EngineRefusal, code="limit_exceeded"):
    """A bound of the engine (entries, depth, open calls) is reached (P14)."""


class Unauthenticated(EngineRefusal, code="unauthenticated"):
    """A server was asked without a key or session, or with one that is unknown, expired or revoked."""


class Forbidden(EngineRefusal, code="forbidden"):
    """The key does not have the scope that a server asks for what was wanted."""


class TooManyRequests(EngineRefusal, code="too_many_requests"):
    """Too many tries in too short a time; `retry_after` is in seconds."""

    own = ("retry_after",)
    retry_after: float = 1.0


# --- the world ------------------------------------------------------------------------------------


class WorldError(StepwellError, code="world"):
    """Database, disk or network; `retryable` says whether waiting can help."""


class StoreUnavailable(WorldError, code="store_unavailable", retryable=True):
    """The database cannot be reached or does not answer in time."""


class StoreLocked(WorldError, code="store_locked", retryable=True):
    """The database is held by another process or transaction for too long."""


class StoreReadOnly(WorldError, code="store_read_only"):
    """The database does not accept writes."""


class DiskFull(WorldError, code="disk_full", retryable=True):
    """There is no space left for the database; nothing was acknowledged. Work goes on when space is made."""


class StoreMoved(WorldError, code="store_moved", retryable=True):
    """The namespace is being moved to another database, or was: then it is not retryable. `target` names that one."""

    own = ("target",)
    target: str = ""


class SchemaMissing(WorldError, code="schema_missing"):
    """The database has no Stepwell tables yet."""


class SchemaTooNew(WorldError, code="schema_too_new"):
    """The database was migrated by a newer version that this one cannot read."""


class SchemaTooOld(WorldError, code="schema_too_old"):
    """The database needs a migration before this version can use it."""


class NetworkFilesystem(WorldError, code="network_filesystem"):
    """SQLite's file is on a network file system, where its locks do not protect it."""


class ServerUnavailable(WorldError, code="server_unavailable", retryable=True):
    """The Stepwell server cannot be reached or does not answer in time; what was asked may have been done."""


class NotAServer(WorldError, code="not_a_server"):
    """What answers at the URL is no Stepwell server, or one of a version that this client does not fit."""


class StoreCorrupt(WorldError, code="store_corrupt"):
    """What is stored cannot be read back: damaged, or written by something else."""


# --- warnings -------------------------------------------------------------------------------------


class DurationWarning(UserWarning):
    """A bare number of seconds is so large that milliseconds were probably meant."""
