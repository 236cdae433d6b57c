"""Steps called inside steps: memoised under their parent, by name, arguments and occurrence among equal ones."""

import asyncio
import inspect
from typing import Any

from stepwell.core.history import CallHistory
from stepwell.core.retry import next_delay, retry_after_of
from stepwell.errors import OutcomeUnknown, StepError, StepTimeout, StepwellError, WrongContext
from stepwell.model.duration import describe
from stepwell.model.entry import Attempted, Intended, Nested
from stepwell.model.failure import Failure
from stepwell.model.policy import NOT_DONE, Check, Effect
from stepwell.ports.definitions import Definitions, StepDefinition, step_scope
from stepwell.runtime.executor import LeaseLost
from stepwell.runtime.holding import Holding
from stepwell.runtime.threads import Lent
from stepwell.runtime.transactional import Gate, InDoubt, Recorded, Transactional, stored_form


class Scope:
    """What surrounds one attempt's body; implements `ports.definitions.StepScope`."""

    def __init__(self, run: Holding, call: str, attempt: int, errors: tuple[Failure, ...], code: str,
                 parent: "Scope | None" = None) -> None:  # fmt: skip
        self._run = run
        self._parent = parent
        self._closed = False
        self._seen: dict[str, int] = {}
        self._from_threads: set[asyncio.Task[Any]] = set()
        self.in_transaction = False
        self.run_id = run.row.id
        self.workflow = run.row.workflow
        self.call = call
        self.attempt = attempt
        self.errors = errors
        self.code = code
        self.registry: Definitions = run.host.definitions

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of the call, within one generation; new after a rollback undid it."""
        run, top = self._run, self
        while top._parent is not None:
            top = top._parent
        redone = f":{run.history.redo}" if top.call in run.history.redone else ""
        return f"{run.key.hex()}:{run.row.generation}:{self.call}{redone}"

    def log(self, level: int, text: str) -> None:
        """Keep a line with the run; from any thread."""
        self._run.host.keep(self._run.row, level, text, self.call, self.attempt)

    def close(self) -> None:
        """The attempt is over, though its body may still run: from here on it can call no step, nor wait for one."""
        self._closed = True
        for task in self._from_threads:
            task.cancel()

    @property
    def closed(self) -> bool:
        """Whether this attempt, or one around it, is over."""
        return self._closed or (self._parent is not None and self._parent.closed) or self._run.closed_to_outcomes

    async def nested(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
                     thread: Lent | None = None) -> Any:  # fmt: skip
        """Run a step inside this one, or return what it returned before."""
        if thread is None:
            return await self._nested(step, name, args, kwargs, None)
        task = asyncio.current_task()
        assert task is not None
        self._from_threads.add(task)
        try:
            return await self._nested(step, name, args, kwargs, thread)
        finally:
            self._from_threads.discard(task)

    async def _nested(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
                      thread: Lent | None) -> Any:  # fmt: skip
        self.check_open()
        if self.in_transaction:
            raise WrongContext(
                f"step {step.name!r} was called in a transactional step, {self.call!r}",
                hint="Its result would stay though the transaction rolls back: call it in the workflow.",
            )
        encoded = step.signature.encode_args(args, kwargs)
        base = f"{self.call}/{name}:{step.signature.digest(encoded)}"
        n = self._seen[base] = self._seen.get(base, 0) + 1
        call = base if n == 1 else f"{base}#{n}"
        entry = self._run.history.nested.get(call)
        if entry is None:
            entry = await NestedCall(self._run, self, step, call, args, kwargs, thread).decided()
        if entry.error is not None:
            raise self._run.errors.to_exception(entry.error)
        assert entry.value is not None
        return step.result.decode(self._run.inline(entry.value).v)

    def nested_from_thread(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same, from a thread step: the calling thread itself executes a `def` body."""
        thread = Lent(self._run.loop)
        return thread.serve(self.nested(step, name, args, kwargs, thread))

    def check_open(self) -> None:
        """Raise CancelledError when nobody wants the outcome of this attempt any more."""
        if self.closed:
            raise asyncio.CancelledError(f"the attempt of {self.call!r} is over")


class NestedCall:
    """One call of a step in a step, until it is decided: attempts, retries, intents, as for any other call."""

    def __init__(self, run: Holding, around: Scope, step: StepDefinition, call: str, args: tuple[Any, ...],
                 kwargs: dict[str, Any], thread: Lent | None) -> None:  # fmt: skip
        self._run = run
        self._around = around
        self._step = step
        self._call = call
        self._args = args
        self._kwargs = kwargs
        self._thread = thread
        history = run.history.calls.get(call) or CallHistory()
        self._failures = tuple(history.failures)
        self._again = history.again
        self._unknown = history.intended == len(history.failures) + 1

    async def decided(self) -> Nested:
        """Make attempts until one decides; committed before this returns."""
        run, call = self._run, self._call
        while True:
            if self._again > run.now():
                await run.pending.pause(self._again - run.now())
            self._around.check_open()
            attempt, began = len(self._failures) + 1, run.now()
            try:
                value = await self._sure(attempt)
                payload = run.draft.payload(stored_form(self._step, value), f"the result of {call!r}")
            except Exception as error:  # noqa: BLE001 - whatever the body raises is its outcome
                self._around.check_open()
                delay = self._delay(attempt, error)
                failure = run.errors.to_failure(error)
                if delay is None:
                    return await self._record(Nested(at=run.stamp(), call=call, error=failure, began=began))
                self._failed(attempt, failure, began, delay)
            else:
                self._around.check_open()
                return await self._record(Nested(at=run.stamp(), call=call, value=payload, began=began))

    async def _record(self, entry: Nested) -> Nested:
        self._run.history.nested[entry.call] = entry
        await self._run.pending.committed(entry)
        return entry

    def _failed(self, attempt: int, failure: Failure, began: float, delay: float) -> None:
        run = self._run
        self._failures = (*self._failures, failure)
        self._again = run.now() + delay
        self._unknown = False
        run.record(Attempted(at=run.stamp(), call=self._call, attempt=attempt, error=failure, began=began,
                             again=self._again))  # fmt: skip
        run.flush()

    async def _sure(self, attempt: int) -> Any:
        """One attempt; if its commit may or may not have happened, that is found out."""
        try:
            return await self._attempt(attempt)
        except LeaseLost:
            self._run.drop("its lease was lost")
            raise asyncio.CancelledError("the run was taken away") from None
        except InDoubt as doubt:
            found = await self._run.host.lookups.settled(doubt.fence)
            if found is None:
                raise doubt.error from None
            return Recorded(found)

    async def _attempt(self, attempt: int) -> Any:
        run, effect, fn = self._run, self._step.rules.effect, self._step.fn
        is_async = self._step.is_async
        if self._unknown and effect is Effect.AT_MOST_ONCE:
            what = f"step {self._step.name!r} had begun when its worker was lost; it may or may not have happened"
            raise OutcomeUnknown(what, hint="Find out, then repair the result or restart the run.")
        if self._unknown and isinstance(effect, Check):
            is_probe_async = inspect.iscoroutinefunction(effect.probe)
            value = await self._body(effect.probe, is_probe_async, attempt, {})
            if value is not NOT_DONE:
                return value
            self._unknown = False
        elif effect not in (Effect.AT_LEAST_ONCE, Effect.TRANSACTIONAL):
            await run.pending.committed(Intended(at=run.stamp(), call=self._call, attempt=attempt))
            self._around.check_open()
        return await self._body(fn, is_async, attempt, await self._injected())

    async def _injected(self) -> dict[str, Any]:
        resources = self._run.host.executor.resources
        return {parameter: await resources.get(name) for parameter, name in self._step.inject.items()}

    async def _body(self, fn: Any, is_async: bool, attempt: int, injected: dict[str, Any]) -> Any:
        """One body, within the step's timeout, surrounded by a scope of its own."""
        inner = Scope(self._run, self._call, attempt, self._failures, self._step.code, self._around)
        timeout, kwargs = self._step.rules.timeout, {**self._kwargs, **injected}
        gate: Gate | None = None
        if self._step.transaction is not None and fn is self._step.fn:
            work = Transactional(self._run, self._step, inner.idempotency_key)
            fn, gate, inner.in_transaction = work.body, work.gate, True
        token = step_scope.set(inner)
        executor = self._run.host.executor
        try:
            if is_async:
                body: Any = executor.call_async(fn, self._args, kwargs)
            elif self._thread is not None and timeout is None:
                body = self._thread.run(executor.call, (fn, self._args, kwargs), {})
            else:
                body = asyncio.to_thread(executor.call, fn, self._args, kwargs)
            return await (body if timeout is None else self._bounded(body, timeout, gate))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling() == 0 and not inner.closed:
                raise StepError("the step's body was cancelled from within", type_name="CancelledError") from None
            raise
        finally:
            inner.close()
            step_scope.reset(token)

    async def _bounded(self, body: Any, timeout: float, gate: Gate | None) -> Any:
        run, late = self._run, False
        task = asyncio.ensure_future(body)

        def expire() -> None:
            nonlocal late
            if gate is not None and not gate.give_up():
                return
            late = True
            task.cancel()

        alarm = run.host.alarms.call_at(run.now() + timeout, expire)
        try:
            return await task
        except asyncio.CancelledError:
            if not late:
                raise
            text = f"the attempt ran longer than its timeout of {describe(timeout)}"
            raise StepTimeout(text) from None
        finally:
            alarm.cancel()
            task.cancel()

    def _delay(self, attempt: int, error: Exception) -> float | None:
        run, retry = self._run, self._step.rules.retry
        retryable = error.retryable if isinstance(error, StepwellError) else True
        if not retry.covers(error):
            return None
        return next_delay(retry, attempt, retryable, retry_after_of(error, run.now()), run.host.chance())
