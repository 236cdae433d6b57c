"""One attempt of a transactional step: body and outcome in one transaction of the user's database.

The outcome is a record keyed (run, call). Written with the user's own rows, it is what decides after a crash: the
next attempt finds it and does not run the body. The holder then journals it, so that one writer per run stays true.
"""

import asyncio
import threading
from typing import Any, Final

from stepwell.core.payloads import check_size
from stepwell.errors import StoreLocked
from stepwell.ports.definitions import StepDefinition
from stepwell.ports.guest import Fence, Transaction, Verdict, at_once
from stepwell.runtime.executor import LeaseLost
from stepwell.runtime.holding import Holding
from stepwell.runtime.outcomes import outcome_of, result_of

TRIES: Final = 3
BUSY_S: Final = 30.0
PAUSE_S: Final = 0.01


class Recorded:
    """A result in its stored form, recorded with the user's rows."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class InDoubt(Exception):
    """The commit failed, and may yet have happened (P6). `error` is what it failed with."""

    def __init__(self, fence: Fence, error: Exception) -> None:
        super().__init__(str(error))
        self.fence = fence
        self.error = error


class Gate:
    """Lets one of two happen: the attempt is committed, or it is given up. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._committing = self._given_up = False

    def commit(self) -> bool:
        """Whether it may be committed; if so, it is given up no more."""
        with self._lock:
            self._committing = not self._given_up
            return self._committing

    def give_up(self) -> bool:
        """Whether it was given up; if not, it is being committed."""
        with self._lock:
            self._given_up = not self._committing
            return self._given_up


class Transactional:
    """One attempt; `body` takes the step's place."""

    def __init__(self, run: Holding, step: StepDefinition, idempotency_key: str) -> None:
        assert step.transaction is not None
        self.gate = Gate()
        self.body = self._waiting if step.is_async else self._at_once
        self._step = step
        self._parameter = step.transaction
        self._fence = Fence(run.key, run.epoch, idempotency_key.partition(":")[2])
        self._now = run.now
        self._guest = run.host.store.guest
        self._transactions = run.host.definitions.transactions

    async def _waiting(self, *args: Any, **kwargs: Any) -> Recorded:
        return await self._attempts(args, kwargs)

    def _at_once(self, *args: Any, **kwargs: Any) -> Recorded:
        return at_once(self._attempts(args, kwargs))

    async def _attempts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recorded:
        source = kwargs.pop(self._parameter)
        for _ in range(TRIES):
            transaction = await self._begin(source)
            try:
                done = await self._attempt(transaction, args, kwargs)
            finally:
                await transaction.leave()
            if done is not None:
                return done
        raise StoreLocked("the outcome of a transactional step comes and goes", hint="Try again.")

    async def _begin(self, source: Any) -> Transaction:
        """A transaction. The lock of a whole file is waited for without holding up the loop."""
        admit = self._guest().admit
        if not self._step.is_async:
            return await self._transactions.begin(source, admit=admit)
        deadline = self._now() + BUSY_S
        while True:
            try:
                return await self._transactions.begin(source, admit=admit, wait=False)
            except StoreLocked:
                if self._now() >= deadline:
                    raise
                # In real time: somebody else's disk write is waited for.
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=PAUSE_S)

    async def _attempt(
        self, transaction: Transaction, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Recorded | None:
        """None: an outcome appeared while the body ran; that one counts, and this one is rolled back."""
        conn, guest, step = transaction.conn, self._guest(), self._step
        known = await guest.enter(conn, self._fence)
        if known is not None:
            return Recorded(result_of(known))
        value = step.fn(*args, **kwargs, **{self._parameter: transaction.native})
        if step.is_async:
            value = await value
        data = step.result.encode(value)
        check_size(len(data), f"the result of {step.name!r}")
        await transaction.flush()
        verdict = await guest.settle(conn, self._fence, outcome_of(data), self._now())
        if verdict is Verdict.STALE:
            raise LeaseLost
        if verdict is Verdict.KNOWN:
            return None
        if not self.gate.commit():
            raise asyncio.CancelledError("the attempt is over")
        try:
            await transaction.commit()
        except Exception as error:
            raise InDoubt(self._fence, error) from error
        return Recorded(data)


def stored_form(step: StepDefinition, value: Any) -> bytes:
    """A body's value as it is stored."""
    return value.data if isinstance(value, Recorded) else step.result.encode(value)
