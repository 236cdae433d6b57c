"""From a function to a workflow, a step, an event or a resource: the checks made where it is decorated."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stepwell.authoring.event import Event
from stepwell.authoring.inject import Resource, refuse_method
from stepwell.authoring.program import program_of_step
from stepwell.authoring.registry import Registry
from stepwell.authoring.step import Step
from stepwell.authoring.workflow import Workflow
from stepwell.errors import InvalidOption
from stepwell.model.duration import seconds
from stepwell.model.policy import Keep, Policy, Retention, Retry
from stepwell.model.rules import VERSIONINGS, WorkflowRules
from stepwell.model.text import check_keepable
from stepwell.ports.definitions import WorkflowDefinition

_NEVER = Retry(0)


def make_step(registry: Registry, fn: Any, policy: Policy) -> Step[..., Any]:
    """A step of the app, which is also a workflow of its own name: a queued task.

    Raises:
        DuplicateName, InvalidOption: the name is taken; the function is a method or a generator.
    """
    _refuse(fn, "step")
    step: Step[..., Any] = Step(registry, fn, policy)
    registry.add_workflow(step.name, fn, lambda: _as_workflow(step))
    return step


def _as_workflow(step: Step[..., Any]) -> WorkflowDefinition:
    definition = step.definition
    return WorkflowDefinition(
        name=step.name,
        fn=step.fn,
        rules=WorkflowRules(retry=_NEVER, queue_timeout=definition.rules.queue_timeout, of_step=True),
        signature=definition.signature,
        result=definition.result,
        on=(),
        program=program_of_step(step, definition.result),
        step=definition,
        code=definition.code,
        source=definition.source,
    )


_WORKFLOW_OPTIONS: dict[str, Any] = {
    "name": str,
    "on": (str, Event, list, tuple, set, frozenset),
    "queue": str,
    "priority": int,
    "deadline": (str, int, float, timedelta),
    "retention": Retention,
    "keep": Keep,
    "versioning": str,
}


def make_workflow(registry: Registry, fn: Any, options: dict[str, Any]) -> Workflow[..., Any]:
    """A workflow of the app; options besides its own are those of `Policy`, for the whole run.

    Raises:
        DuplicateName, InvalidOption, InvalidDuration.
    """
    _refuse(fn, "workflow")
    own = {name: options.get(name) for name in _WORKFLOW_OPTIONS}
    for name, kind in _WORKFLOW_OPTIONS.items():
        if own[name] is not None and (not isinstance(own[name], kind) or isinstance(own[name], bool)):
            raise InvalidOption(f"{name}={own[name]!r} of workflow {fn.__qualname__}", expected=_said(kind))
    if own["versioning"] not in (None, *VERSIONINGS):
        raise InvalidOption(f"versioning={own['versioning']!r} of workflow {fn.__qualname__}", expected="latest or pin")
    policy = policy_from({name: value for name, value in options.items() if name not in own})
    rules = WorkflowRules(
        retry=policy.retry(),
        queue=own["queue"] or "default",
        priority=100 if own["priority"] is None else own["priority"],
        queue_timeout=policy.queue_timeout,
        deadline=None if own["deadline"] is None else seconds(own["deadline"], "deadline"),
        retention=own["retention"],
        keep=own["keep"],
        versioning=own["versioning"] or "latest",
    )
    for error in policy.raises or ():
        registry.errors.register(error)
    workflow: Workflow[..., Any] = Workflow(registry, fn, own["name"] or fn.__name__, rules, _events(own["on"]))
    registry.add_workflow(workflow.name, fn, lambda: workflow.definition)
    return workflow


def _events(on: Any) -> tuple[str, ...]:
    events = (on,) if isinstance(on, Event | str) else tuple(on or ())
    return tuple(event.name if isinstance(event, Event) else event for event in events)


def policy_from(options: dict[str, Any]) -> Policy:
    """The policy that these options make. Raises InvalidOption, InvalidDuration."""
    try:
        return Policy(**options)
    except TypeError as error:
        raise InvalidOption(f"unknown option: {error}", expected="the options of a workflow or of Policy") from None


def make_event(registry: Registry, name: str, payload: Any) -> Event[Any]:
    """An event type of the app. Raises DuplicateName, InvalidOption."""
    if not _is_name(name):
        raise InvalidOption(f"event name {name!r}", expected="a non-empty string")
    check_keepable("event name", name)
    event: Event[Any] = Event(registry, name, payload)
    registry.add_event(name, event)
    return event


def make_resource(registry: Registry, factory: Callable[..., Any], name: str | None) -> Resource[Any]:
    """A resource of the app. Raises DuplicateName, InvalidOption."""
    refuse_method(factory, "resource")
    resource_name = name or factory.__name__
    registry.add_resource(resource_name, factory)
    return Resource(resource_name, factory, lambda other: registry.override(resource_name, other))


def _refuse(fn: Any, what: str) -> None:
    if not callable(fn) or inspect.isclass(fn) or not hasattr(fn, "__qualname__"):
        raise InvalidOption(f"{what} {fn!r}", expected="a function", hint="Wrap anything else in a `def`.")
    refuse_method(fn, what)
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidOption(f"{what} {fn.__qualname__} is a generator", expected="a function that returns its result")


def _said(kind: Any) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(k.__name__ for k in kinds)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)
