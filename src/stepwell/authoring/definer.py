"""`Definer`: the decorators of an app, with the types that checkers see."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from stepwell.authoring.decorators import make_event, make_resource, make_step, make_workflow, policy_from
from stepwell.authoring.event import Event
from stepwell.authoring.inject import Resource
from stepwell.authoring.registry import Registry
from stepwell.authoring.step import Step
from stepwell.authoring.workflow import Workflow
from stepwell.model.duration import Duration
from stepwell.model.policy import Keep, Policy, Retention, Retry
from stepwell.model.rules import Versioning

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class StepDecorator:
    """`@app.step(...)` with options, waiting for its function."""

    def __init__(self, registry: Registry, policy: Policy) -> None:
        self._registry = registry
        self._policy = policy

    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> Step[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Step[P, R]: ...
    def __call__(self, fn: Any, /) -> Any:
        return make_step(self._registry, fn, self._policy)


class WorkflowDecorator:
    """`@app.workflow(...)` with options, waiting for its function."""

    def __init__(self, registry: Registry, options: dict[str, Any]) -> None:
        self._registry = registry
        self._options = options

    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> Workflow[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Workflow[P, R]: ...
    def __call__(self, fn: Any, /) -> Any:
        return make_workflow(self._registry, fn, self._options)


class Definer:
    """The half of an app that defines: it needs no database."""

    registry: Registry

    @overload
    def step(self, fn: Callable[P, Awaitable[R]], /) -> Step[P, R]: ...
    @overload
    def step(self, fn: Callable[P, R], /) -> Step[P, R]: ...
    @overload
    def step(self, policy: Policy | Retry | None = None, /, **options: Any) -> StepDecorator: ...

    def step(self, fn: Any = None, /, **options: Any) -> Any:
        """Make a function a step: `@app.step`, `@app.step(retries=5, timeout="30s")`, `app.step(fn)`.

        Options are those of `Policy`. A step's body runs at least once, its outcome is recorded once (P2).

        Raises:
            DuplicateName, InvalidOption, InvalidDuration.
        """
        if fn is None or isinstance(fn, Policy | Retry):
            return StepDecorator(self.registry, Policy.of(fn).merge(policy_from(options)))
        return make_step(self.registry, fn, policy_from(options))

    @overload
    def workflow(self, fn: Callable[P, Awaitable[R]], /) -> Workflow[P, R]: ...
    @overload
    def workflow(self, fn: Callable[P, R], /) -> Workflow[P, R]: ...
    @overload
    def workflow(
        self,
        *,
        name: str | None = None,
        on: Event[Any] | str | Sequence[Event[Any] | str] | None = None,
        queue: str = "default",
        priority: int = 100,
        retention: Retention | None = None,
        keep: Keep | None = None,
        deadline: Duration | None = None,
        versioning: Versioning = "latest",
        **policy: Any,
    ) -> WorkflowDecorator: ...

    def workflow(self, *fns: Any, **options: Any) -> Any:
        """Make a function a workflow, `async def` or `def`.

        `on=` starts it whenever one of these events is published. `retries=` and the other options of `Retry` are
        for the whole run: each retry is a new generation. `deadline` bounds the run, `queue_timeout` its wait for a
        worker (seconds or durations).

        `versioning="latest"`: any worker that knows the workflow goes on with a run, as long as its code fits (P13);
        `"pin"`: only one that has the code that the run began with.

        Raises:
            DuplicateName, InvalidOption, InvalidDuration.
        """
        return make_workflow(self.registry, fns[0], options) if fns else WorkflowDecorator(self.registry, options)

    @overload
    def event(self, name: str, payload: type[T], /) -> Event[T]: ...
    @overload
    def event(self, name: str, payload: None = None, /) -> Event[None]: ...
    @overload
    def event(self, name: str, payload: Any, /) -> Event[Any]: ...

    def event(self, name: str, payload: Any = None, /) -> Event[Any]:
        """An event of this app: its name, and the type of its payload (None: it has none).

        Raises:
            DuplicateName, InvalidOption.
        """
        return make_event(self.registry, name, payload)

    def resource(self, factory: Callable[..., Any], /) -> Resource[Any]:
        """Something that steps need: an (async) generator or function, made once per worker when first needed.

        A step takes it as `*, db: Pool = db.inject()`; `db.override(fake)` replaces it in a test.

        Raises:
            DuplicateName, InvalidOption.
        """
        return make_resource(self.registry, factory, None)
