"""Stepwell: durable workflows in ordinary Python functions.

>>> from stepwell import App
>>> app = App("sqlite:///stepwell.db")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from stepwell.client.redact import Secret
    from stepwell.client.remote import RemoteClient
    from stepwell.client.version import VERSION as __version__  # noqa: N811
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

_HOMES = {
    "App": "stepwell.client.app",
    "Call": "stepwell.authoring.call",
    "Conflict": "stepwell.errors",
    "Cron": "stepwell.core.timetable",
    "Diverged": "stepwell.errors",
    "Event": "stepwell.authoring.event",
    "EventTimeout": "stepwell.errors",
    "IllegalState": "stepwell.errors",
    "Keep": "stepwell.model.policy",
    "NOT_DONE": "stepwell.model.policy",
    "NonRetryableError": "stepwell.errors",
    "NotFound": "stepwell.errors",
    "OutcomeUnknown": "stepwell.errors",
    "Policy": "stepwell.model.policy",
    "QueueTimeout": "stepwell.errors",
    "RemoteClient": "stepwell.client.remote",
    "Retention": "stepwell.model.policy",
    "Retry": "stepwell.model.policy",
    "Run": "stepwell.authoring.handle",
    "RunCancelled": "stepwell.errors",
    "RunFailed": "stepwell.errors",
    "RunParked": "stepwell.errors",
    "RunStatus": "stepwell.model.status",
    "RunTerminated": "stepwell.errors",
    "Secret": "stepwell.client.redact",
    "StartErrors": "stepwell.authoring.starting",
    "Step": "stepwell.authoring.step",
    "StepError": "stepwell.errors",
    "StepTimeout": "stepwell.errors",
    "StepwellError": "stepwell.errors",
    "Won": "stepwell.authoring.combine",
    "Workflow": "stepwell.authoring.workflow",
    "check": "stepwell.model.policy",
    "cleanup": "stepwell.authoring.context",
    "continue_as_new": "stepwell.authoring.context",
    "first": "stepwell.authoring.combine",
    "fold": "stepwell.authoring.combine",
    "now": "stepwell.authoring.context",
    "progress": "stepwell.authoring.context",
    "random": "stepwell.authoring.context",
    "rollback": "stepwell.authoring.context",
    "run_info": "stepwell.authoring.context",
    "run_step": "stepwell.authoring.combine",
    "scope": "stepwell.authoring.context",
    "sleep": "stepwell.authoring.context",
    "sleep_until": "stepwell.authoring.context",
    "step_info": "stepwell.authoring.context",
    "uuid4": "stepwell.authoring.context",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): `stepwell --help` needs none of them."""
    if name == "__version__":
        return import_module("stepwell.client.version").VERSION
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'stepwell' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


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
    "RemoteClient",
    "Retention",
    "Retry",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunParked",
    "RunStatus",
    "RunTerminated",
    "Secret",
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
