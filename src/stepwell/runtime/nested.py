"""Steps called inside steps: memoised under their parent, by name, arguments and occurrence among equal ones."""

import asyncio
from typing import Any

from stepwell.core.retry import next_delay, retry_after_of
from stepwell.errors import StepwellError
from stepwell.model.entry import Nested
from stepwell.model.failure import Failure
from stepwell.ports.definitions import Definitions, StepDefinition, step_scope
from stepwell.runtime.holding import Holding


class Scope:
    """What surrounds one attempt's body; implements `ports.definitions.StepScope`."""

    def __init__(self, run: Holding, call: str, attempt: int, errors: tuple[Failure, ...]) -> None:
        self._run = run
        self._seen: dict[str, int] = {}
        self.run_id = run.row.id
        self.workflow = run.row.workflow
        self.call = call
        self.attempt = attempt
        self.errors = errors
        self.registry: Definitions = run.host.definitions

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of the call, within one generation; new after a rollback undid it."""
        run = self._run
        redone = f":{run.history.redo}" if self.call in run.history.redone else ""
        return f"{run.key.hex()}:{run.row.generation}:{self.call}{redone}"

    async def nested(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a step inside this one, or return what it returned before."""
        encoded = step.signature.encode_args(args, kwargs)
        base = f"{self.call}/{name}:{step.signature.digest(encoded)}"
        n = self._seen[base] = self._seen.get(base, 0) + 1
        call = base if n == 1 else f"{base}#{n}"
        entry = self._run.history.nested.get(call)
        if entry is None:
            entry = await self._run_it(step, call, args, kwargs)
        if entry.error is not None:
            raise self._run.errors.to_exception(entry.error)
        assert entry.value is not None
        return step.result.decode(self._run.inline(entry.value).v)

    def nested_from_thread(self, step: StepDefinition, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same, from a thread step."""
        return asyncio.run_coroutine_threadsafe(self.nested(step, name, args, kwargs), self._run.loop).result()

    async def _run_it(self, step: StepDefinition, call: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Nested:
        run, attempt = self._run, 1
        while True:
            began = run.now()
            inner = Scope(run, call, attempt, ())
            token = step_scope.set(inner)
            try:
                value = await self._body(step, args, kwargs)
                payload = run.draft.payload(step.result.encode(value), f"the result of {call!r}")
                return await run.record_nested(Nested(at=run.stamp(), call=call, value=payload, began=began))
            except Exception as error:  # noqa: BLE001 - whatever the body raises is its outcome
                delay = _delay(step, attempt, error, run)
                if delay is None:
                    failure = run.errors.to_failure(error)
                    return await run.record_nested(Nested(at=run.stamp(), call=call, error=failure, began=began))
            finally:
                step_scope.reset(token)
            attempt += 1
            await run.pause_for(delay)

    async def _body(self, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if step.inject:
            kwargs = dict(kwargs)
            for parameter, resource in step.inject.items():
                kwargs[parameter] = await self._run.host.executor.resources.get(resource)
        timeout = step.rules.timeout
        if step.is_async:
            return await asyncio.wait_for(step.fn(*args, **kwargs), timeout)
        return await asyncio.wait_for(asyncio.to_thread(step.fn, *args, **kwargs), timeout)


def _delay(step: StepDefinition, attempt: int, error: Exception, run: Holding) -> float | None:
    retryable = error.retryable if isinstance(error, StepwellError) else True
    if not step.rules.retry.covers(error):
        return None
    return next_delay(step.rules.retry, attempt, retryable, retry_after_of(error, run.now()), run.host.chance())
