"""Runs step attempts (slots, threads, time limits, cancellation) and knows nothing of journals."""

import asyncio
import contextvars
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from stepwell.errors import QueueTimeout, StepTimeout
from stepwell.model.duration import describe
from stepwell.ports.alarms import Alarm, Alarms
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import StepDefinition, StepScope, step_scope
from stepwell.runtime.resources import Resources
from stepwell.runtime.threads import call_body

log = logging.getLogger("stepwell.run")
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class LeaseLost(Exception):
    """The run was taken away before the body began, or while it ran: this copy of the run is worthless (P3).

    A transaction of the body's is rolled back.
    """


class Attempt:
    """One attempt of one call. `done(attempt)` is called exactly once, from a loop callback, unless withdrawn.

    `token` is the caller's own. `gate`, where there is one, says whether it may still be given up.
    """

    __slots__ = ("alarm", "args", "began", "done", "error", "fn", "gate", "inject", "is_async", "kwargs", "over",
                 "patience", "queued_at", "scope", "task", "timeout", "token", "value")  # fmt: skip

    def __init__(self, step: StepDefinition, fn: Callable[..., Any], is_async: bool, args: tuple[Any, ...],
                 kwargs: dict[str, Any], scope: StepScope, timeout: float | None, patience: float | None,
                 token: Any, done: "Callable[[Attempt], None]") -> None:  # fmt: skip
        self.fn = fn
        self.is_async = is_async
        self.inject = step.inject
        self.args = args
        self.kwargs = kwargs
        self.scope = scope
        self.timeout = timeout
        self.patience = patience
        self.token = token
        self.done = done
        self.began = 0.0
        self.queued_at = 0.0
        self.value: Any = None
        self.error: BaseException | None = None
        self.task: asyncio.Future[Any] | None = None
        self.alarm: Alarm | None = None
        self.over = False
        self.gate: Gate | None = None


class Gate(Protocol):
    """What decides whether an attempt that is about to be committed can still be given up."""

    def give_up(self) -> bool:
        """Whether it was given up; if not, its outcome is on its way."""
        ...


class Executor:
    """At most `concurrency` step bodies at once, threads included; the others wait in the order they came.

    `may_begin` is asked as late as can be, from whatever thread the body is about to run in: a process that was
    stopped for longer than its lease must not begin a step that others have ended. Then it is done with `LeaseLost`.
    """

    def __init__(self, concurrency: int, clock: Clock, alarms: Alarms, resources: Resources,
                 may_begin: Callable[[], bool] = lambda: True) -> None:  # fmt: skip
        self.concurrency = concurrency
        self._may_begin = may_begin
        self.busy = 0
        self._clock = clock
        self._alarms = alarms
        self.resources = resources
        self._waiting: deque[Attempt] = deque()
        self._running: set[Attempt] = set()
        self._done: list[Attempt] = []
        self._loop = asyncio.get_running_loop()
        self._threads: ThreadPoolExecutor | None = None
        self._filling = False

    @property
    def queued(self) -> int:
        """Attempts that wait for a slot."""
        return len(self._waiting)

    @property
    def in_threads(self) -> bool:
        """Whether the body of a `def` step runs."""
        return any(not attempt.is_async for attempt in self._running)

    def submit(self, attempt: Attempt) -> None:
        """Run the attempt as soon as a slot is free."""
        attempt.queued_at = now = self._clock.now()
        if self.busy < self.concurrency:
            self._begin(attempt, now)
            return
        self._waiting.append(attempt)
        if attempt.patience is not None:
            attempt.alarm = self._alarms.call_at(attempt.queued_at + attempt.patience, lambda: self._impatient(attempt))

    def withdraw(self, attempt: Attempt) -> bool:
        """Nobody wants the outcome any more: cancel it, discard what comes. True if it had not begun."""
        attempt.over = True
        if attempt.gate is not None:
            attempt.gate.give_up()
        if attempt.alarm is not None:
            attempt.alarm.cancel()
        if attempt.task is None and attempt not in self._running:
            return True
        if attempt.task is not None and attempt.is_async:
            attempt.task.cancel()
        return False

    def take_back(self, attempt: Attempt) -> bool:
        """Stop an attempt only if it still waits for its slot."""
        if attempt in self._running:
            return False
        attempt.over = True
        if attempt.alarm is not None:
            attempt.alarm.cancel()
        return True

    async def drain(self, grace: float) -> None:
        """Wait for what runs, at most `grace` seconds; then cancel it."""
        tasks = [a.task for a in self._running if a.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
            await asyncio.sleep(0)  # noqa: TID251 - no time: what has ended in the same moment is told of first
        for attempt in list(self._running):
            self.withdraw(attempt)
        left = [a.task for a in self._running if a.task is not None and a.is_async]
        if left:
            await asyncio.wait(left, timeout=1.0)

    def close(self) -> None:
        """Let go of the threads; those that still run end by themselves."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    # -- one attempt ---------------------------------------------------------------------------

    def _begin(self, attempt: Attempt, now: float) -> None:
        if not self._may_begin():
            self._loop.call_soon(self._refuse, attempt)
            return
        self.busy += 1
        self._running.add(attempt)
        if attempt.alarm is not None:
            attempt.alarm.cancel()
            attempt.alarm = None
        attempt.began = now
        context = contextvars.copy_context()
        context.run(step_scope.set, attempt.scope)
        if not attempt.is_async and not attempt.inject:
            task = self._in_thread(attempt, attempt.kwargs, context)
        else:
            body = _called(attempt) if _EAGER and not attempt.inject else self._body(attempt, context)
            task = asyncio.Task(body, loop=self._loop, context=context, **_EAGER)
        attempt.task = task
        if attempt.timeout is not None and not task.done():
            attempt.alarm = self._alarms.call_at(attempt.began + attempt.timeout, lambda: self._timed_out(attempt))
        if task.done():  # eagerly; ended from here, thousands in a row would nest as deep
            self._done.append(attempt)
            if len(self._done) == 1:
                self._loop.call_soon(self._end_all)
        else:
            task.add_done_callback(partial(self._ended, attempt))

    def _end_all(self) -> None:
        done, self._done = self._done, []
        for attempt in done:
            assert attempt.task is not None
            try:
                self._ended(attempt, attempt.task)
            except Exception:
                log.exception("the outcome of a step was not handled")

    async def _body(self, attempt: Attempt, context: contextvars.Context) -> Any:
        kwargs = dict(attempt.kwargs)
        for parameter, resource in attempt.inject.items():
            kwargs[parameter] = await self.resources.get(resource)
        if attempt.over:
            return None  # it timed out, or nobody wants it, while its resource was being made
        if attempt.is_async:
            return await self.call_async(attempt.fn, attempt.args, kwargs)
        return await self._in_thread(attempt, kwargs, context.copy())  # entered in two threads at once otherwise

    def _in_thread(
        self, attempt: Attempt, kwargs: dict[str, Any], context: contextvars.Context
    ) -> "asyncio.Future[Any]":
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="stepwell-step")
        return self._loop.run_in_executor(
            self._threads, lambda: context.run(self.call, attempt.fn, attempt.args, kwargs)
        )

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In a thread: call the body of a `def` step. Raises `LeaseLost` instead if it must not begin any more."""
        if not self._may_begin():
            raise LeaseLost
        return call_body(fn, args, kwargs)

    async def call_async(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same for the body of an `async def` step."""
        if not self._may_begin():
            raise LeaseLost
        return await fn(*args, **kwargs)

    def _ended(self, attempt: Attempt, task: asyncio.Future[Any]) -> None:
        self.busy -= 1
        self._running.discard(attempt)
        if attempt.alarm is not None:
            attempt.alarm.cancel()
        if task.cancelled():
            error: BaseException | None = asyncio.CancelledError("the step cancelled itself")
        else:
            error = task.exception()
        if not attempt.over:
            attempt.over = True
            attempt.error = error
            attempt.value = None if error is not None else task.result()
            attempt.done(attempt)
        attempt.token = attempt.task = None
        self._next()

    def _next(self) -> None:
        if self._filling:
            return  # a body that ended at once: the loop below goes on, however many of them there are
        self._filling = True
        try:
            while self._waiting and self.busy < self.concurrency:
                attempt = self._waiting.popleft()
                if attempt.over:
                    continue
                self._begin(attempt, self._clock.now())
        finally:
            self._filling = False

    def _refuse(self, attempt: Attempt) -> None:
        if attempt.over:
            return
        attempt.over = True
        attempt.error = LeaseLost()
        if attempt.alarm is not None:
            attempt.alarm.cancel()
        attempt.done(attempt)

    def _timed_out(self, attempt: Attempt) -> None:
        if attempt.over or (attempt.gate is not None and not attempt.gate.give_up()):
            return
        attempt.over = True
        assert attempt.timeout is not None
        attempt.error = StepTimeout(f"the attempt ran longer than its timeout of {describe(attempt.timeout)}")
        if attempt.task is not None and attempt.is_async:
            attempt.task.cancel()
        attempt.done(attempt)

    def _impatient(self, attempt: Attempt) -> None:
        if attempt.over or attempt.task is not None:
            return
        attempt.over = True
        assert attempt.patience is not None
        attempt.error = QueueTimeout(f"no slot became free within the queue_timeout of {describe(attempt.patience)}")
        attempt.done(attempt)


def _called(attempt: Attempt) -> Coroutine[Any, Any, Any]:
    try:
        body: Coroutine[Any, Any, Any] = attempt.fn(*attempt.args, **attempt.kwargs)
    except Exception as error:  # noqa: BLE001 - a probe that does not take the step's arguments, say
        return _refused(error)
    return body


async def _refused(error: Exception) -> Any:
    raise error
