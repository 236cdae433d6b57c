"""The end of tasks that did not end by themselves: cancelled when the body is over, evicted when the run leaves.

Whatever a body does against it, this ends after a bounded number of rounds. A task that outlasts them stays
suspended for ever: its destructor would run the body's code outside of its run.
"""

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
        for task in left:
            task.cancel()
        loop.drive(BUDGET)
    evict_tasks(loop, spare)


def evict_tasks(loop: KernelLoop, spare: KernelTask | None = None) -> None:
    """End all tasks but `spare` by failing what they wait for with a private exception, then let go of them."""
    for _ in range(ROUNDS):
        loop.drive(BUDGET)
        left = _pending(loop, spare)
        if not left:
            break
        for task in left:
            waiter = waits_for(task)
            if waiter is not None and not is_task(waiter) and not waiter.done():
                evict(waiter)
    for task in loop.tasks:
        if not task.done():
            if task is not spare:
                _keep_for_ever(task)
        elif not task.cancelled():
            task.exception()  # retrieved: nobody is to be told
    loop.tasks = [] if spare is None else [spare]
    loop.ready.clear()


def evict(future: Any) -> None:
    """Fail a future so that who waits for it unwinds."""
    future.set_exception(Evicted())
    future.exception()


def _pending(loop: KernelLoop, spare: KernelTask | None) -> list[KernelTask]:
    return [task for task in loop.tasks if task is not spare and not task.done()]


def _keep_for_ever(task: KernelTask) -> None:
    import ctypes  # noqa: PLC0415 - for bodies that swallow every BaseException; nobody else pays for it

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
