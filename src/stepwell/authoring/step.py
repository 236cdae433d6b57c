"""`Step`: a function whose result is recorded, and how its calls are made."""

import inspect
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

import msgspec

from stepwell.authoring.ambient import kernel_here, step_here
from stepwell.authoring.call import Call
from stepwell.authoring.fingerprint import code_of
from stepwell.authoring.handle import Run
from stepwell.authoring.inject import injected_parameters, transaction_parameter
from stepwell.authoring.registry import Registry
from stepwell.authoring.starting import Startable, StartItem
from stepwell.core.asyncloop import running_loop
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.errors import InvalidOption, WrongContext
from stepwell.model.command import RunStep
from stepwell.model.options import StartOptions
from stepwell.model.policy import Check, Effect, Policy
from stepwell.model.rules import StepRules
from stepwell.ports.definitions import StepDefinition

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T_contra = TypeVar("T_contra", contravariant=True)
When = Literal["done", "attempted"]


class TakesResult(Protocol[T_contra]):
    """A step that can be called with a call's result alone."""

    @property
    def definition(self) -> StepDefinition: ...
    def __call__(self, result: T_contra, /) -> Any: ...


class TakesNothing(Protocol):
    """A step that can be called without arguments."""

    @property
    def definition(self) -> StepDefinition: ...
    def __call__(self) -> Any: ...


class StepCall(Call[R]):
    """One use of a step."""

    # At most one, in a list of its own: what settles the call looks there, and must not hold the call itself, or a
    # call that nobody awaits would not be noticed before the collector comes.
    __slots__ = ("_undo",)
    _undo: "list[Undo]"

    @overload
    def on_rollback(self, undo: "TakesResult[R]", /, *, when: When = ...) -> "StepCall[R]": ...
    @overload
    def on_rollback(self, undo: "TakesNothing", /, *, when: When = ...) -> "StepCall[R]": ...
    @overload
    def on_rollback(self, undo: "Step[..., Any]", first: Any, /, *args: Any, when: When = ...) -> "StepCall[R]": ...

    def on_rollback(self, undo: Any, /, *args: Any, when: When = "done") -> "StepCall[R]":
        """Undo this call by the step `undo` if the workflow fails or is cancelled, or on `await rollback()`.

        `undo` gets `args`, or without any the call's result. `when="attempted"` covers a call whose outcome is
        unknown or failed too (then without a result: give `args`, or an undo that takes none).

        Raises:
            InvalidOption: `undo` is not a step, or the call has begun already.
        """
        if not isinstance(undo, Step):
            raise InvalidOption(
                f"{undo!r} is not a step", hint="Undoing is a side effect: decorate it with `@app.step`."
            )
        if when not in ("done", "attempted"):
            raise InvalidOption(f"when={when!r}", expected="'done' or 'attempted'")
        if self._began:
            raise InvalidOption(f"call {self.title!r} has begun", hint="Write `await step(...).on_rollback(undo)`.")
        if self._kernel is not None and self._kernel.loop.scope.part is not None:
            raise InvalidOption(
                f"call {self.title!r} is made in a folded part, of which only the value is kept",
                hint="Let the part return what is to be undone, and undo it outside.",
            )
        self._undo[:] = [Undo(self.id, undo, args, when == "attempted")]
        return self


class Undo:
    """An undo that is due when the run rolls back: of which call, by which step, with what."""

    __slots__ = ("args", "attempted", "call", "has_result", "result", "step")

    def __init__(self, call: str, step: "Step[..., Any]", args: tuple[Any, ...], attempted: bool) -> None:
        self.call = call
        self.step = step
        self.args = args
        self.attempted = attempted
        self.result: Any = None
        self.has_result = False


class Step(Startable[P, R], Generic[P, R]):
    """A step. Calling it makes a `Call`; `.start(...)` makes it a queued task of its own; `.fn` is the function."""

    def __init__(self, registry: Registry, fn: Callable[..., Any], policy: Policy,
                 options: StartOptions | None = None) -> None:  # fmt: skip
        self.fn = fn
        self.registry = registry
        self.policy = policy
        self._options = options or StartOptions()
        self.name = policy.name or fn.__name__
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self.__wrapped__ = fn
        self._definition: StepDefinition | None = None
        self._origin: Step[P, R] = self
        for error in policy.raises or ():
            registry.errors.register(error)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> StepCall[R]:
        kernel = kernel_here()
        if kernel is not None:
            return self._in_body(kernel, args, kwargs)
        scope = step_here()
        call: StepCall[R]
        if scope is not None:
            definition, title = self.definition, self.name
            if running_loop() is None:
                call = StepCall(
                    title, "", None, None, lambda: scope.nested_from_thread(definition, title, args, kwargs)
                )
            else:
                call = StepCall(title, "", None, None, lambda: scope.nested(definition, title, args, kwargs))
        else:
            call = StepCall(self.name, "", None, None, lambda: self.fn(*args, **kwargs))
        call._undo = []
        return call

    def _in_body(self, kernel: Kernel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StepCall[R]:
        definition = self.definition
        encoded, args, kwargs = definition.signature.capture(args, kwargs)
        digest = definition.signature.digest(encoded)
        name = kernel.identify(self.name)
        result = definition.result

        due: list[Undo] = []

        def settle(entry: Any) -> Any:
            if entry.error is not None:
                if due and due[0].attempted:
                    kernel.undo += due
                raise self.registry.errors.to_exception(entry.error)
            value = result.decode(entry.value.v)
            if due:
                due[0].result, due[0].has_result = value, True
                kernel.undo += due
            return value

        def begin() -> Any:
            undoing = kernel.loop.scope.undo
            command = RunStep(name, definition, definition.rules, args, kwargs, digest, kernel.position, undoing)
            dropped = (lambda: kernel.undo.extend(due)) if due and due[0].attempted else None
            return kernel.open(Kind.STEP, command, settle, name, digest, dropped)

        call: StepCall[R] = StepCall(self.name, name, kernel, begin)
        call._undo = due
        return call

    @property
    def definition(self) -> StepDefinition:
        """The step as the runtime sees it; made on first use, when all annotations can be resolved."""
        if self._definition is None:
            self._definition = self._define()
        mock = self.registry.mocks.get(self.name)
        if mock is None:
            return self._definition
        return msgspec.structs.replace(self._definition, fn=_awaited(mock), is_async=True, inject={}, transaction=None)

    def _define(self) -> StepDefinition:
        policy = self.registry.defaults.merge(self.policy)
        inject, code, transaction = injected_parameters(self.fn), code_of(self.fn), transaction_parameter(self.fn)
        return StepDefinition(
            name=self.name,
            fn=self.fn,
            is_async=inspect.iscoroutinefunction(self.fn),
            rules=StepRules(
                retry=policy.retry(),
                timeout=policy.timeout,
                queue_timeout=policy.queue_timeout,
                effect=self._effect(transaction, policy.effect),
            ),
            signature=self.registry.codec.signature(self.fn, exclude=frozenset(inject)),
            result=self.registry.codec.result(self.fn),
            inject=inject,
            code=code.digest,
            source=code.source,
            transaction=transaction,
        )

    def _effect(self, transaction: str | None, effect: Effect | Check | None) -> Effect | Check:
        """The effect, which has to be "transactional" for a step that takes a transaction, and for no other."""
        if transaction is None:
            if effect is Effect.TRANSACTIONAL:
                raise InvalidOption(
                    f"step {self.name!r} is transactional and takes no transaction",
                    hint="Take one from a resource: `*, conn: Connection = db.transaction()`.",
                )
            return effect or Effect.AT_LEAST_ONCE
        if self.policy.effect not in (None, Effect.TRANSACTIONAL):
            raise InvalidOption(
                f"step {self.name!r} takes a transaction, and its effect is {self.policy.effect}",
                expected='effect="transactional", or none said',
            )
        return Effect.TRANSACTIONAL

    def options(self, policy: Any = None, /, **options: Any) -> "Step[P, R]":
        """The same step with other options: those of `Policy` for its calls, those of a start for `.start`.

        Raises:
            InvalidOption, InvalidDuration: an option is unknown or out of range.
        """
        own, starting = self._split_options(policy, options)
        starting = msgspec.structs.replace(starting, delay=0.0)  # a step's `delay` is that of its retries
        other: Step[P, R] = Step(self.registry, self.fn, self.policy.merge(own), starting)
        other._origin = self._origin
        return other

    @property
    def _start_name(self) -> str:
        return self._origin.name

    def item(self, *args: P.args, **kwargs: P.kwargs) -> StartItem:
        return StartItem(self._order(args, kwargs))

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Call[Run[R]]:
        """Start the step as a queued task: a run whose only call it is. Of a policy, `retries` goes along."""
        if step_here() is not None and kernel_here() is None and self._options.conn is None:
            raise WrongContext("a run was started inside a step", hint="Start it in the workflow, or by a client.")
        return self._start(args, kwargs)


def _awaited(fn: Callable[..., Any]) -> Callable[..., Any]:
    async def mocked(*args: Any, **kwargs: Any) -> Any:
        value = fn(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return mocked
