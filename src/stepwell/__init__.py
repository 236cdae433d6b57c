"""Stepwell: durable workflows in ordinary Python functions.

>>> from stepwell import App
>>> app = App("sqlite:///stepwell.db")
"""

from stepwell.authoring.call import Call
from stepwell.authoring.combine import Won, first, fold, run_step
from stepwell.authoring.context import (
    cleanup,
    continue_as_new,
    now,
    progress,
    random,
    rollback,
    run_info,
    scope,
    sleep,
    sleep_until,
    step_info,
    uuid4,
)
from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run
from stepwell.authoring.starting import StartErrors
from stepwell.authoring.step import Step
from stepwell.authoring.workflow import Workflow
from stepwell.client.app import App
from stepwell.core.timetable import Cron
from stepwell.errors import (
    Conflict,
    Diverged,
    EventTimeout,
    IllegalState,
    NonRetryableError,
    NotFound,
    OutcomeUnknown,
    QueueTimeout,
    RunCancelled,
    RunFailed,
    RunParked,
    RunTerminated,
    StepError,
    StepTimeout,
    StepwellError,
)
from stepwell.model.policy import NOT_DONE, Keep, Policy, Retention, Retry, check
from stepwell.model.status import RunStatus
from stepwell.version import VERSION

__version__ = VERSION

__all__ = [
    "NOT_DONE",
    "App",
    "Call",
    "Conflict",
    "Cron",
    "Diverged",
    "Event",
    "EventTimeout",
    "IllegalState",
    "Keep",
    "NonRetryableError",
    "NotFound",
    "OutcomeUnknown",
    "Policy",
    "QueueTimeout",
    "Retention",
    "Retry",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunParked",
    "RunStatus",
    "RunTerminated",
    "StartErrors",
    "Step",
    "StepError",
    "StepTimeout",
    "StepwellError",
    "Won",
    "Workflow",
    "__version__",
    "check",
    "cleanup",
    "continue_as_new",
    "first",
    "fold",
    "now",
    "progress",
    "random",
    "rollback",
    "run_info",
    "run_step",
    "scope",
    "sleep",
    "sleep_until",
    "step_info",
    "uuid4",
]
