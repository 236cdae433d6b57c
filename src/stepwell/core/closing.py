"""The end of tasks that did not end by themselves: cancelled when the body is over, evicted when the run leaves.

Whatever a body does against it, this ends after a bounded number of rounds. A task that outlasts them stays
suspended for ever: its destructor would run the body's code outside of its run.
"""

import atexit
from collections.abc import Callable
from typing import Any

from stepwell.core.asyncloop import KernelLoop, KernelTask, is_task, waits_for
from stepwell.core.outcome import Evicted

ROUNDS = 50
"""How often a task is told to end before it is given up."""
BUDGET = 10_000
"""Callbacks that one such round may run."""


def cancel_tasks(loop: KernelLoop, spare: KernelTask | None) -> None:
    """End all tasks but `spare` as `asyncio.run` does: by cancellation; those that refuse are evicted."""
    for _ in range(ROUNDS):
        left = _pending(loop, spare)
        if not left:
            return
        _each(left, KernelTask.cancel)
        loop.drive(BUDGET)
    evict_tasks(loop, spare)


def evict_tasks(loop: KernelLoop, spare: KernelTask | None = None) -> None:
    """End all tasks but `spare` by failing what they wait for with a private exception, then let go of them."""
    for _ in range(ROUNDS):
        loop.drive(BUDGET)
        if not _each(_pending(loop, spare), _evict_task):
            break
    _each([task for task in loop.tasks if task is not spare], _let_go)
    loop.tasks = [] if spare is None else [spare]
    loop.ready.clear()
    live.pop(id(loop), None)


def _each(tasks: list[KernelTask], what: Callable[[KernelTask], object]) -> int:
    # In a frame of its own: those above appear in tracebacks, live as long, and must not hold a task.
    for task in tasks:
        what(task)
    return len(tasks)


def _evict_task(task: KernelTask) -> None:
    waiter = waits_for(task)
    if waiter is not None and not is_task(waiter) and not waiter.done():
        evict(waiter)


def _let_go(task: KernelTask) -> None:
    if not task.done():
        _keep_for_ever(task)
    elif not task.cancelled():
        try:
            task.result()  # retrieved: nobody is to be told
        except BaseException as error:  # noqa: BLE001 - of a body that nobody asks any more
            cut(error)


def cut(error: BaseException) -> None:
    """Free an exception of its traceback: that holds frames, and frames hold the tasks that hold the exception."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            cut(member)


def evict(future: Any) -> None:
    """Fail a future so that who waits for it unwinds."""
    future.set_exception(Evicted())
    future.exception()


def _pending(loop: KernelLoop, spare: KernelTask | None) -> list[KernelTask]:
    return [task for task in loop.tasks if task is not spare and not task.done()]


def _keep_for_ever(task: KernelTask) -> None:
    import ctypes  # noqa: PLC0415 - for bodies that swallow every BaseException; nobody else pays for it

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))


live: dict[int, KernelLoop] = {}
"""The loops with tasks that have not ended, by id: one that is dropped unclosed must not have its tasks destroyed."""


@atexit.register
def _at_exit() -> None:
    # The interpreter destroys what is left, and destructors would run the bodies' clean-up outside of any run.
    for loop in live.values():
        _each(_pending(loop, None), _keep_for_ever)
