"""The step calls of one run: attempts, retries, intents, and what each outcome becomes."""

import asyncio
import inspect

from stepwell.core.history import CallHistory
from stepwell.core.retry import next_delay, retry_after_of
from stepwell.errors import OutcomeUnknown, StepError, StepwellError
from stepwell.model.command import RunStep
from stepwell.model.entry import Attempted, Intended, Stepped
from stepwell.model.failure import Failure
from stepwell.model.policy import NOT_DONE, Check, Effect
from stepwell.ports.alarms import Alarm
from stepwell.runtime.executor import Attempt, LeaseLost
from stepwell.runtime.holding import Holding
from stepwell.runtime.nested import Scope
from stepwell.runtime.transactional import InDoubt, Recorded, Transactional, stored_form


class StepCall:
    """One open step call: which attempt it is at, and what runs or waits for it."""

    __slots__ = ("alarm", "attempt", "command", "due", "failures", "intended", "probing", "running", "unknown")

    def __init__(self, command: RunStep, history: CallHistory | None) -> None:
        self.command = command
        self.failures: tuple[Failure, ...] = tuple(history.failures) if history else ()
        self.attempt = len(self.failures) + 1
        self.due = history.again if history else 0.0
        self.unknown = history is not None and history.intended == self.attempt
        self.running: Attempt | None = None
        self.alarm: Alarm | None = None
        self.intended = False
        self.probing = False


class StepCalls:
    """All open step calls of one activation."""

    def __init__(self, run: Holding) -> None:
        self._run = run
        self._calls: dict[str, StepCall] = {}
        self.started = 0

    @property
    def busy(self) -> bool:
        """Something runs, waits for a slot, or is about to start."""
        for call in self._calls.values():  # noqa: SIM110 - asked after every decision; a generator takes twice as long
            if call.alarm is None:
                return True
        return False

    def open(self) -> list[str]:
        """Calls under way, for display."""
        return list(self._calls)

    def begun(self) -> dict[str, tuple[int, float, float]]:
        """The attempts under way by call: their number, when they began (0.0 while they wait for a slot) and queued."""
        tried = ((name, c.attempt, c.running) for name, c in self._calls.items())
        return {name: (n, attempt.began, attempt.queued_at) for name, n, attempt in tried if attempt is not None}

    def next_due(self) -> float | None:
        """When the next retry is due."""
        if not self._calls:
            return None
        due = [c.due for c in self._calls.values() if c.alarm is not None]
        return min(due) if due else None

    # -- beginning -----------------------------------------------------------------------------

    def begin(self, command: RunStep) -> None:
        """Take on a call; its attempt starts when everything before it is acknowledged."""
        call = StepCall(command, self._run.history.calls.get(command.call))
        self._calls[command.call] = call
        effect = command.policy.effect
        if call.unknown and effect is Effect.AT_MOST_ONCE:
            what = f"step {command.step.name!r} had begun when its worker was lost; it may or may not have happened"
            error = OutcomeUnknown(what, hint="Find out, then repair the result or restart the run.")
            self._run.later(self._decided, call, None, error)
        elif call.due and call.due > self._run.now():
            self._wait(call)
        else:
            self._intend(call)

    def _intend(self, call: StepCall) -> None:
        effect = call.command.policy.effect
        if isinstance(effect, Check) and call.unknown:
            call.probing = True
        elif isinstance(effect, Check) or effect is Effect.AT_MOST_ONCE:
            call.intended = True
            self._run.record(Intended(at=self._run.stamp(), call=call.command.call, attempt=call.attempt))
        self._run.after_ack(self._start, call)

    def _start(self, call: StepCall) -> None:
        command = call.command
        if self._calls.get(command.call) is not call or self._run.behind:
            return
        step = command.step
        effect = command.policy.effect
        fn = effect.probe if call.probing and isinstance(effect, Check) else step.fn
        is_async = inspect.iscoroutinefunction(fn) if call.probing else step.is_async
        scope = Scope(self._run, command.call, call.attempt, call.failures, step.code)
        work: Transactional | None = None
        if step.transaction is not None:
            work = Transactional(self._run, step, scope.idempotency_key)
            fn, scope.in_transaction = work.body, True
        call.running = Attempt(step, fn, is_async, command.args, command.kwargs, scope,
                               command.policy.timeout, command.policy.queue_timeout, call, self._ended)  # fmt: skip
        call.running.gate = work.gate if work is not None else None
        self.started += 1
        self._run.host.executor.submit(call.running)

    def _wait(self, call: StepCall) -> None:
        call.running = None
        call.alarm = self._run.host.alarms.call_at(call.due, lambda: self._due(call))

    def _due(self, call: StepCall) -> None:
        call.alarm = None
        if self._run.behind or self._calls.get(call.command.call) is not call:
            return
        self._intend(call)
        self._run.flush()

    # -- ending --------------------------------------------------------------------------------

    def _ended(self, attempt: Attempt) -> None:
        call: StepCall = attempt.token
        attempt.scope.close()
        if self._calls.get(call.command.call) is not call or self._run.closed_to_outcomes:
            return
        if call.probing and attempt.error is None and attempt.value is NOT_DONE:
            call.probing = call.unknown = False
            self._intend(call)
            self._run.flush()
            return
        if isinstance(attempt.error, LeaseLost):
            # This process was stopped, or its database out of reach, longer than the lease: others may have gone on.
            self._run.drop("its lease was lost")
        elif isinstance(attempt.error, InDoubt):
            doubt, run = attempt.error, self._run
            run.host.lookups.outcome(run, doubt.fence, lambda found: self._settled(call, attempt, doubt, found))
        else:
            self._decided(call, attempt, attempt.error)

    def _settled(self, call: StepCall, attempt: Attempt, doubt: InDoubt, found: bytes | None) -> None:
        """It is known whether the commit of an attempt happened."""
        attempt.value, attempt.error = (None, doubt.error) if found is None else (Recorded(found), None)
        if self._calls.get(call.command.call) is call and not self._run.closed_to_outcomes:
            self._decided(call, attempt, attempt.error)

    def _decided(self, call: StepCall, attempt: Attempt | None, error: BaseException | None) -> None:
        """Turn an outcome into an entry: of the call, or of the attempt when another follows."""
        run, command = self._run, call.command
        if self._calls.get(command.call) is not call:
            return
        began = attempt.began if attempt is not None else 0.0
        if isinstance(error, asyncio.CancelledError):
            error = StepError("the step's body was cancelled from within", type_name="CancelledError")
        value = None
        if error is None and attempt is not None:
            try:
                value = run.draft.payload(stored_form(command.step, attempt.value), f"the result of {command.call!r}")
            except Exception as refused:  # noqa: BLE001 - it has the wrong type, is too large, or its class cannot tell
                error = refused
        if error is not None and (again := self._again(call, error)) is not None:
            self._tried(call, error, began, again)
            run.advance()
            return
        del self._calls[command.call]
        failure = None if error is None else run.errors.to_failure(error)
        entry = Stepped(at=run.stamp(), call=command.call, value=value, error=failure, attempt=call.attempt,
                        began=began, opened=command.opened, digest=command.digest)  # fmt: skip
        run.tell("step.failed" if error is not None else "step.succeeded", call=command.call, error=error)
        run.soon(entry)
        run.advance()

    def _tried(self, call: StepCall, error: BaseException, began: float, again: float) -> None:
        """An attempt failed, and another one is due."""
        run, name = self._run, call.command.call
        failure = run.errors.to_failure(error)
        call.failures = (*call.failures, failure)
        run.record(Attempted(at=run.stamp(), call=name, attempt=call.attempt, error=failure, began=began, again=again))
        run.tell("step.retrying", call=name, attempt=call.attempt, error=error)
        call.attempt += 1
        call.due = again
        call.unknown = call.probing = call.intended = False
        self._wait(call)

    def _again(self, call: StepCall, error: BaseException) -> float | None:
        retry, run = call.command.policy.retry, self._run
        retryable = error.retryable if isinstance(error, StepwellError) else isinstance(error, Exception)
        if not retry.covers(error):
            return None
        delay = next_delay(retry, call.attempt, retryable, retry_after_of(error, run.now()), run.host.chance())
        return None if delay is None else run.now() + delay

    # -- stopping ------------------------------------------------------------------------------

    def give_up(self, name: str) -> None:
        """The body no longer wants the call: what has not begun never does; what runs is told after the commit."""
        call = self._calls.get(name)
        if call is None:
            return
        if call.running is None or self._run.host.executor.take_back(call.running):
            if call.alarm is not None:
                call.alarm.cancel()
            del self._calls[name]
        else:
            self._run.after_ack(self._close, name, call)

    def _close(self, name: str, call: StepCall) -> None:
        if self._calls.get(name) is call:
            del self._calls[name]
            self._stop(call)

    def suspend(self) -> None:
        """The run leaves: retries keep their due time, not their alarm."""
        for call in self._calls.values():
            if call.alarm is not None:
                call.alarm.cancel()

    def resume(self) -> None:
        """The run is back: what is due begins, the rest waits on."""
        for call in list(self._calls.values()):
            if call.due > self._run.now():
                self._wait(call)
            else:
                call.alarm = None
                self._intend(call)

    def hold_back(self) -> None:
        """Pause: what waits for a slot or a retry does not start; what runs goes on."""
        run = self._run
        for name, call in list(self._calls.items()):
            if call.running is None or run.host.executor.take_back(call.running):
                if call.alarm is not None:
                    call.alarm.cancel()
                del self._calls[name]
                if call.intended:
                    run.record(Intended(at=run.stamp(), call=name, attempt=0))

    def dissolve(self) -> None:
        """Nothing refers to the run any more."""
        self._calls.clear()
        del self._run

    def stop(self) -> None:
        """Cancel everything; nothing is recorded."""
        for call in self._calls.values():
            self._stop(call)
        self._calls.clear()

    def _stop(self, call: StepCall) -> None:
        if call.alarm is not None:
            call.alarm.cancel()
        if call.running is not None:
            call.running.scope.close()
            self._run.host.executor.withdraw(call.running)
