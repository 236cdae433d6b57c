"""The root of a loaded run: the user's body, then the rollbacks it owes, then its encoded result."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from stepwell.authoring.inputs import loosely
from stepwell.core.asyncloop import CancelledError, Evicted
from stepwell.core.greenbody import run_def_body
from stepwell.core.kernel import ContinueAsNew, Kernel, RollbackFailed
from stepwell.errors import TypeMismatch
from stepwell.ports.codec import SignaturePlan, TypePlan
from stepwell.ports.definitions import RunFacts

Program = Callable[[Kernel, RunFacts], Coroutine[Any, Any, bytes]]


def program_of(fn: Callable[..., Any], signature: SignaturePlan, result: TypePlan) -> Program:
    """The program of a workflow function, `async def` or `def`."""
    is_async = inspect.iscoroutinefunction(fn)

    async def body(facts: RunFacts) -> Any:
        args, kwargs = _arguments(signature, facts)
        if is_async:
            return await fn(*args, **kwargs)
        return await run_def_body(fn, args, kwargs)

    return _rooted(body, result)


def program_of_step(step: Any, result: TypePlan) -> Program:
    """The program of a step that was started by itself: one call of it."""

    async def body(facts: RunFacts) -> Any:
        args, kwargs = _arguments(step.definition.signature, facts)
        return await step(*args, **kwargs)

    return _rooted(body, result)


def _arguments(signature: SignaturePlan, facts: RunFacts) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        return signature.decode_args(facts.input)
    except TypeMismatch:
        return loosely(signature, facts.input)  # started by a client without the code


def _rooted(body: Callable[[RunFacts], Coroutine[Any, Any, Any]], result: TypePlan) -> Program:
    async def program(kernel: Kernel, facts: RunFacts) -> bytes:
        try:
            data = result.encode(await body(facts))
            if kernel.cancelled is not None:
                raise CancelledError(kernel.cancelled)
        except (Evicted, ContinueAsNew, RollbackFailed):
            raise
        except BaseException:
            await roll_back(kernel)
            raise
        return data

    return program


async def roll_back(kernel: Kernel) -> None:
    """Run the undos that are due, last first, each as a durable step.

    Raises:
        RollbackFailed: an undo failed for good; it and those before it are still due.
    """
    kernel.undoing = True
    try:
        while kernel.undo:
            undo = kernel.undo[-1]
            if undo.args:
                args = undo.args
            elif undo.has_result and undo.step.definition.signature.parameters:
                args = (undo.result,)
            else:
                args = ()
            try:
                await undo.step(*args)
            except Exception as error:
                left = [f"{u.step.name} of {u.call}" for u in reversed(kernel.undo)]
                raise RollbackFailed(undo.call, error, left) from error
            kernel.undo.pop()
            kernel.undone.append(undo.call)
    finally:
        kernel.undoing = False
