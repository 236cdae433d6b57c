"""Combining calls: the first of several, inline steps, folded parts."""

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, overload

import msgspec

from stepwell.authoring.ambient import body_kernel, facts_of, kernel_here, step_here
from stepwell.authoring.call import Call
from stepwell.authoring.decorators import policy_from
from stepwell.authoring.inject import refuse_method
from stepwell.authoring.registry import Registry
from stepwell.authoring.step import Step
from stepwell.core.asyncloop import KernelFuture
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.core.scope import Scope
from stepwell.errors import InvalidOption, WrongContext
from stepwell.model.policy import NO_POLICY, Policy

P = ParamSpec("P")
R = TypeVar("R")


class Won(msgspec.Struct, frozen=True):
    """Which of several came first, and what it brought."""

    name: str
    value: Any


def first(**contenders: Awaitable[Any]) -> Call[Won]:
    """Wait for the first of several: `won = await first(paid=ev.wait(key), late=sleep("1h"))`.

    The losers are disarmed: steps are cancelled, messages that come for a wait stay in its mailbox. If the
    winner failed, its error is raised. Which one won is recorded, so it is the same on replay.
    """
    if not contenders:
        raise InvalidOption("first() without contenders", expected="at least one, by name")
    kernel = body_kernel("stepwell.first()")

    return Call("first", "first", kernel, lambda: _race(kernel, contenders))


def _race(kernel: Kernel, contenders: dict[str, Awaitable[Any]]) -> KernelFuture:
    # Futures and callbacks, no task: one that is cancelled before its first step would leave the contenders open.
    won = KernelFuture(kernel.loop)
    futures: dict[str, Any] = {}

    def one_done(_: Any) -> None:
        if won.done():
            return
        ended = [(name, f) for name, f in futures.items() if f.done() and not f.cancelled()]
        if ended:
            name, winner = ended[0]
            error = winner.exception()
            if error is None:
                won.set_result(Won(name, winner.result()))
            else:
                won.set_exception(error)
        elif all(f.done() for f in futures.values()):
            won.cancel()

    def over(_: Any) -> None:
        for future in futures.values():
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()  # retrieved: a loser's failure is nobody's business

    won.add_done_callback(over)
    try:
        for name, contender in contenders.items():
            futures[name] = _begin(kernel, contender)
    except BaseException:
        won.cancel()
        raise
    for future in futures.values():
        future.add_done_callback(one_done)
    return won


def _begin(kernel: Kernel, contender: Awaitable[Any]) -> Any:
    if isinstance(contender, Call):
        return contender.start()._future
    return kernel.loop.create_task(_wait(contender))


async def _wait(awaitable: Awaitable[R]) -> R:
    return await awaitable


class RunStepNow:
    """`run_step("title", fn, *args)`: an inline step. `.options(...)` gives it a policy first."""

    def __init__(self, policy: Policy = NO_POLICY) -> None:
        self._policy = policy

    @overload
    def __call__(self, title: str, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...
    @overload
    def __call__(self, title: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]: ...

    def __call__(self, title: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call[Any]:
        """Run `fn(*args)` as a step of the current run. The same title in a loop is a new step each time.

        Raises:
            WrongContext: called outside of any run.
        """
        if isinstance(fn, Step):
            fn = fn.fn
        refuse_method(fn, "step")
        kernel = kernel_here()
        if kernel is not None:
            registry = facts_of(kernel).registry
        elif (around := step_here()) is not None:
            registry = around.registry
        else:
            raise WrongContext(f"run_step({title!r}) was called outside of any run")
        assert isinstance(registry, Registry)
        step: Step[..., Any] = Step(registry, fn, self._policy.merge(Policy(name=title)))
        return step(*args, **kwargs)

    def options(self, policy: Any = None, /, **options: Any) -> "RunStepNow":
        """The same with a policy: `run_step.options(retries=3)("title", fn)`. Raises InvalidOption, InvalidDuration."""
        return RunStepNow(self._policy.merge(policy).merge(policy_from(options)))


run_step = RunStepNow()


def fold(name: str, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
    """Run a part of the body whose result is recorded as one entry; its inner calls are not replayed again.

    `await fold("page 17", handle_page, 17)` keeps the replay of an endless loop short: only parts still open
    are replayed call by call.
    """
    kernel = body_kernel("stepwell.fold()")
    facts = facts_of(kernel)
    registry = facts.registry
    assert isinstance(registry, Registry)
    call = kernel.identify(name)
    plan = registry.codec.result(fn)

    def settle(entry: Any) -> Any:
        return plan.decode(entry.value.v)

    async def inside(scope: Scope) -> None:
        kernel.fold(call, scope, plan.encode(await fn(*args, **kwargs)))

    async def whole() -> Any:
        recorded = kernel.open(Kind.FOLD, None, settle, call)
        if call not in kernel.folded:
            scope = kernel.loop.scope.folded(call)
            try:
                await kernel.loop.spawn(inside(scope), scope)
            except BaseException:
                kernel.end_part(scope)
                kernel.calls.pop(call, None)
                raise
        else:
            kernel.calls[call].placed = True  # its entry is in the journal, and will come
        return await recorded

    return Call(name, call, kernel, lambda: kernel.loop.create_task(whole()))
