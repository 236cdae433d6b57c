"""The root of a loaded run: the user's body, then the rollbacks it owes, then its encoded result."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from stepwell.authoring.inputs import loosely
from stepwell.core.asyncloop import CancelledError
from stepwell.core.greenbody import run_def_body
from stepwell.core.kernel import Kernel
from stepwell.core.outcome import Evicted, RollbackFailed, signal_in
from stepwell.core.starting import stored_options
from stepwell.errors import TypeMismatch
from stepwell.ports.codec import SignaturePlan, TypePlan
from stepwell.ports.definitions import RunFacts

Program = Callable[[Kernel, RunFacts], Coroutine[Any, Any, bytes]]


def program_of(fn: Callable[..., Any], signature: SignaturePlan, result: TypePlan) -> Program:
    """The program of a workflow function, `async def` or `def`."""
    if inspect.iscoroutinefunction(fn):

        def begin(facts: RunFacts) -> Any:
            args, kwargs = _arguments(signature, facts)
            return fn(*args, **kwargs)

    else:

        def begin(facts: RunFacts) -> Any:
            args, kwargs = _arguments(signature, facts)
            return run_def_body(fn, args, kwargs)

    return _rooted(begin, result)


def program_of_step(step: Any, result: TypePlan) -> Program:
    """The program of a step that was started by itself: one call of it."""

    def begin(facts: RunFacts) -> Any:
        args, kwargs = _arguments(step.definition.signature, facts)
        retries = stored_options(facts.row).retries
        called = step if retries is None else step.options(retries=retries)
        return called(*args, **kwargs)

    return _rooted(begin, result)


def _arguments(signature: SignaturePlan, facts: RunFacts) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        return signature.decode_args(facts.input)
    except TypeMismatch:
        return loosely(signature, facts.input)  # started by a client without the code


def _rooted(begin: Callable[[RunFacts], Awaitable[Any]], result: TypePlan) -> Program:
    async def program(kernel: Kernel, facts: RunFacts) -> bytes:
        try:
            data = result.encode(await begin(facts))
            if kernel.cancelled is not None:
                raise CancelledError(kernel.cancelled)
        except (Evicted, RollbackFailed):
            raise
        except BaseException as error:
            signal = signal_in(error)
            if isinstance(signal, RollbackFailed) or (signal is not None and kernel.cancelled is None):
                raise
            await _undo_all(kernel)
            if signal is not None:
                raise CancelledError(kernel.cancelled) from None  # whatever the body wanted next (P12)
            raise
        return data

    return program


async def _undo_all(kernel: Kernel) -> None:
    """The rollback that a failed or cancelled body owes."""
    if not kernel.undo and all(call.dropped is None for call in kernel.calls.values()):
        return
    quiet = False
    while not quiet:
        # What still runs may leave something to undo, and must not go on beside it. A cancellation may still be on
        # its way to this task (a task group hands it on so): it has had its effect.
        with suppress(CancelledError):
            await kernel.quiet()
            quiet = True
    if kernel.undo:
        scope = kernel.loop.scope.named("rollback")
        scope.undo = True
        kernel.loop.enter(scope)
        await roll_back(kernel)


async def roll_back(kernel: Kernel) -> None:
    """Run the undos that are due, last first, each as a durable step.

    Raises:
        RollbackFailed: an undo failed for good; it and those before it are still due.
    """
    kernel.undo_begins()
    try:
        while kernel.undo:
            # Taken off first: another rollback under way must not undo the same call.
            undo = kernel.undo.pop()
            try:
                await undo.step(*_arguments_of(undo))
            except BaseException as error:
                kernel.undo.append(undo)
                if not isinstance(error, Exception):
                    raise
                left = [f"{u.step.name} of {u.call}" for u in reversed(kernel.undo)]
                raise RollbackFailed(undo.call, error, left) from error
            kernel.undone.append(undo.call)
    finally:
        kernel.undo_ends()


def _arguments_of(undo: Any) -> tuple[Any, ...]:
    if undo.args:
        return tuple(undo.args)
    if undo.has_result and undo.step.definition.signature.parameters:
        return (undo.result,)
    return ()
