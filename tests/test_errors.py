import pickle

import pytest

from stepwell import errors
from stepwell.errors import (
    ERRORS,
    AppClosed,
    Conflict,
    DeadlineExceeded,
    EngineRefusal,
    EventTimeout,
    IllegalState,
    InvalidDuration,
    NonRetryableError,
    NotSerializable,
    QueueTimeout,
    RunError,
    RunFailed,
    StepError,
    StepTimeout,
    StepwellError,
    StoreLocked,
    UsageError,
    WorkError,
    WorldError,
    WrongContext,
)

BRANCHES = (UsageError, RunError, WorkError, EngineRefusal, WorldError)
OURS = [cls for cls in ERRORS.values() if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", OURS)
def test_every_class_has_its_code_one_branch_and_a_docstring(cls: type[StepwellError]) -> None:
    assert ERRORS[cls.code] is cls
    assert cls.__doc__
    assert cls is StepwellError or sum(issubclass(cls, branch) for branch in BRANCHES) == 1


@pytest.mark.parametrize("cls", OURS)
def test_every_class_can_be_made_from_a_message_and_copied(cls: type[StepwellError]) -> None:
    error = cls("it broke")
    copy = pickle.loads(pickle.dumps(error))
    assert str(error) == str(copy) == "it broke"
    assert type(copy) is cls
    assert copy.fields() == error.fields()


def test_codes_are_stable() -> None:
    # Codes are written to journals and read by clients: add to the list, never change it.
    assert set(ERRORS) >= {
        "error", "usage", "invalid_duration", "invalid_cron", "naive_datetime", "invalid_option",
        "duplicate_name", "unknown_workflow", "unknown_event", "not_serializable", "type_mismatch",
        "payload_too_large", "wrong_context", "app_closed", "missing_extra", "run_error", "run_failed",
        "run_cancelled", "run_terminated", "run_parked", "work_error", "step_error", "non_retryable",
        "event_timeout", "step_timeout", "queue_timeout", "deadline_exceeded", "outcome_unknown", "refused",
        "not_found", "conflict", "illegal_state", "stale", "diverged", "nondeterminism", "limit_exceeded",
        "world", "store_unavailable", "store_locked", "store_read_only", "disk_full", "schema_missing",
        "schema_too_new", "schema_too_old", "network_filesystem", "store_corrupt",
    }  # fmt: skip


def test_a_message_says_what_was_expected_and_what_to_do() -> None:
    error = InvalidDuration("'5 parsecs' is not a duration", expected="'30s'", hint="Write '5m'.")
    assert str(error) == "'5 parsecs' is not a duration; expected '30s'. Write '5m'."
    assert str(InvalidDuration("no", hint="Stop.")) == "no. Stop."
    assert str(InvalidDuration("Really?", hint="Stop.")) == "Really? Stop."


def test_a_code_belongs_to_one_class() -> None:
    with pytest.raises(TypeError, match="'conflict'"):

        class Mine(StepError, code="conflict"):
            pass


def test_users_classes_have_codes_but_no_entry() -> None:
    class Declined(StepError, code="declined", retryable=False):
        pass

    class Refused(StepError):
        code = "refused_by_bank"

    for _ in range(2):  # a reload defines it again

        class Declined2(StepError, code="declined"):
            pass

    assert (Declined("x").code, Declined("x").retryable) == ("declined", False)
    assert Refused("x").code == "refused_by_bank"
    assert "declined" not in ERRORS


def test_fields_are_declared() -> None:
    error = IllegalState("no", state="failed", verb="pause", allowed=("restart",))
    assert error.fields() == {"state": "failed", "verb": "pause", "allowed": ("restart",)}
    assert Conflict("no").fields() == {}
    assert NotSerializable("no", path="result.x").path == "result.x"
    assert RunFailed("no").run_id is None
    with pytest.raises(TypeError, match="no field 'stat'"):
        IllegalState("no", stat="failed")


def test_step_errors() -> None:
    error = StepError("busy", code="busy", retryable=False, details={"a": 1}, retry_after="5s")
    assert (error.code, error.retryable, error.details, error.retry_after) == ("busy", False, {"a": 1}, "5s")
    assert StepError("x").retryable
    assert StepError.code == "step_error"
    assert not NonRetryableError("x", details=5).retryable


def test_a_subclass_may_forget_our_constructor() -> None:
    class Declined(StepError):
        def __init__(self, order: str) -> None:
            self.order = order

    error = Declined("o-1")
    assert (error.details, error.type_name, error.retryable, str(error)) == (None, None, True, "o-1")


@pytest.mark.parametrize("cls", [EventTimeout, StepTimeout, QueueTimeout, DeadlineExceeded])
def test_timeouts_are_timeouts(cls: type[WorkError]) -> None:
    with pytest.raises(TimeoutError, match=r"^too late$"):
        raise cls("too late")


def test_who_can_act() -> None:
    assert issubclass(AppClosed, WrongContext)
    assert StoreLocked.retryable
    assert RunFailed.retryable
    assert not WorldError.retryable
