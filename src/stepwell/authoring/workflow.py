"""`Workflow`: a durable function, its calls as child runs, and how its runs are started."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from stepwell.authoring.ambient import kernel_here, step_here
from stepwell.authoring.call import Call
from stepwell.authoring.fingerprint import code_of
from stepwell.authoring.handle import Run
from stepwell.authoring.program import program_of
from stepwell.authoring.registry import Registry
from stepwell.authoring.starting import Startable, StartItem
from stepwell.authoring.tripwire import scan
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.errors import InvalidOption, RunCancelled, RunFailed, RunTerminated, WrongContext
from stepwell.model.options import StartOptions
from stepwell.model.policy import Policy
from stepwell.model.rules import WorkflowRules
from stepwell.model.status import RunStatus
from stepwell.ports.definitions import WorkflowDefinition

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Startable[P, R], Generic[P, R]):
    """A workflow. `.start(...)` starts a run; called inside a run it is a child; `.fn` is the function."""

    def __init__(self, registry: Registry, fn: Callable[..., Any], name: str, rules: WorkflowRules,
                 on: tuple[str, ...], options: StartOptions | None = None) -> None:  # fmt: skip
        self.fn = fn
        self.registry = registry
        self.name = name
        self.rules = rules
        self.on = on
        self._options = options or StartOptions()
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self.__wrapped__ = fn
        self._definition: WorkflowDefinition | None = None

    @property
    def app(self) -> Any:
        """The app that the workflow belongs to."""
        return self.registry.app

    @property
    def _start_name(self) -> str:
        return self.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        kernel = kernel_here()
        if kernel is None:
            place = "inside a step" if step_here() is not None else "outside of any run"
            raise WrongContext(
                f"workflow {self.name!r} was called {place}",
                hint=f"Start a run of it: `await {self.name}.start(...)`. Its plain function is `{self.name}.fn`.",
            )
        return self._as_child(kernel, args, kwargs)

    def _as_child(self, kernel: Kernel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call[R]:
        order = self._order(args, kwargs)
        call = kernel.identify(self._options.name or self.name)
        plan = self._plan

        def settle(entry: Any) -> Any:
            if entry.status == RunStatus.SUCCEEDED:
                return plan.decode(entry.value.v)
            about = {"run_id": entry.run, "workflow": self.name}
            cause = self.registry.errors.to_exception(entry.error) if entry.error is not None else None
            if entry.status == RunStatus.FAILED:
                raise RunFailed(f"child run of {self.name!r} failed: {cause}", **about) from cause
            ended = RunCancelled if entry.status == RunStatus.CANCELLED else RunTerminated
            raise ended(f"child run of {self.name!r} was {entry.status}", **about)

        def begin() -> Any:
            return kernel.open(Kind.CHILD, self._child(kernel, call, order, detached=False), settle, call)

        return Call(self.name, call, kernel, begin)

    @property
    def definition(self) -> WorkflowDefinition:
        """The workflow as the runtime sees it; made on first use, when all annotations can be resolved."""
        if self._definition is None:
            signature = self.registry.codec.signature(self.fn, exclude=frozenset())
            result = self.registry.codec.result(self.fn)
            code = code_of(self.fn)
            self._definition = WorkflowDefinition(
                name=self.name,
                fn=self.fn,
                rules=self.rules,
                signature=signature,
                result=result,
                on=self.on,
                program=program_of(self.fn, signature, result),
                warnings=tuple(scan(self.fn)),
                code=code.digest,
                source=code.source,
            )
        return self._definition

    def options(self, policy: Policy | None = None, /, **options: Any) -> "Workflow[P, R]":
        """The same workflow with options for its next starts: id, priority, delay, tags, retention, deadline, …

        `retries` changes how often a failed run is retried; the rest of its retry policy is the workflow's own.

        Raises:
            InvalidOption, InvalidDuration: an option is unknown or out of range, or belongs to a step.
        """
        own, starting = self._split_options(policy, options)
        if own != Policy(name=own.name, retries=own.retries, queue_timeout=own.queue_timeout, delay=own.delay):
            raise InvalidOption(
                f"options of a step were given to workflow {self.name!r}",
                expected="options of a start, and `retries`",
                hint="Say them in `@app.workflow(...)`, or on the step.",
            )
        other: Workflow[P, R] = Workflow(self.registry, self.fn, self.name, self.rules, self.on, starting)
        other._definition = self.definition
        return other

    def item(self, *args: P.args, **kwargs: P.kwargs) -> StartItem:
        """One element of `start_many`, with the options of this object."""
        return StartItem(self._order(args, kwargs))

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Call[Run[R]]:
        """Start a run and answer with its handle after one commit. Inside a run: a detached run, never awaited.

        Raises:
            Conflict: the id belongs to a run with another input (P7).
            TypeMismatch, NotSerializable, PayloadTooLarge: the arguments; nothing was stored.
        """
        if step_here() is not None and kernel_here() is None and self._options.conn is None:
            raise WrongContext("a run was started inside a step", hint="Start it in the workflow, or by a client.")
        return self._start(args, kwargs)
