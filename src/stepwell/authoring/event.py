"""`Event[T]`: a typed message that is kept until a wait takes it."""

from typing import Any, Generic, TypeVar

from stepwell.authoring.ambient import body_kernel, kernel_here, step_here
from stepwell.authoring.call import Call
from stepwell.authoring.registry import Registry
from stepwell.core.asyncloop import KernelFuture
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.errors import EventTimeout, InvalidOption, StepwellError, WrongContext
from stepwell.model.command import PlaceWait
from stepwell.model.duration import Duration, describe, seconds
from stepwell.model.text import check_keepable
from stepwell.ports.codec import TypePlan

T = TypeVar("T")


class Event(Generic[T]):
    """An event of an app. Send it to a key, to one run, or publish it; wait for it in a workflow."""

    def __init__(self, registry: Registry, name: str, payload: Any) -> None:
        self.registry = registry
        self.name = name
        self.payload = payload
        self._plan: TypePlan | None = None

    def __repr__(self) -> str:
        return f"<Event {self.name}>"

    @property
    def plan(self) -> TypePlan:
        """How payloads are stored; made on first use."""
        if self._plan is None:
            self._plan = self.registry.codec.plan(self.payload, f"payload of event {self.name!r}")
        return self._plan

    def encode(self, payload: Any) -> tuple[str, bytes]:
        """Name and stored payload; the payload must have the event's type.

        Raises:
            TypeMismatch, NotSerializable: it has another type, or cannot be stored.
        """
        data = self.plan.encode(payload)
        self.plan.decode(data)
        return self.name, data

    async def send(self, payload: T | None = None, *, key: str, id: str | None = None) -> None:
        """Send to whoever waits for this event with `key`, now or later (P4). `id` de-duplicates.

        Raises:
            TypeMismatch, NotSerializable, PayloadTooLarge: the payload; nothing was sent.
        """
        if kernel_here() is not None:
            raise WrongContext(f"event {self.name!r} was sent in a workflow body", hint="Send it in a step.")
        if not _is_key(key):
            raise InvalidOption(f"key={key!r}", expected="a non-empty string")
        check_keepable("key", key)
        check_keepable("id", id)
        engine = self.registry.engine
        if engine is None:
            raise WrongContext(f"event {self.name!r} was sent, but its app is not open")
        name, data = self.encode(payload)
        await engine().send(name, data, key=key, target=None, id=id)

    def wait(self, key: str | None = None, *, timeout: Duration | None = None, name: str | None = None) -> Call[T]:
        """Wait for the oldest unread event with `key`, or without one for the oldest sent to this run.

        `timeout` (seconds or a duration) bounds the wait; without one it lasts for ever, unless the App says
        otherwise. An event sent before the wait is kept (P4).

        Raises:
            EventTimeout: when awaited and nothing came in time.
            WrongContext: called in a step or outside of any run.
        """
        if kernel_here() is None and step_here() is not None:
            raise WrongContext(f"a wait for {self.name!r} inside a step", hint="Do this in the workflow.")
        if key is not None and not _is_key(key):
            raise InvalidOption(f"key={key!r}", expected="a non-empty string, or none for this run's own mailbox")
        check_keepable("key", key)
        kernel = body_kernel(f"{self.name}.wait()")
        limit = self.registry.event_timeout if timeout is None else seconds(timeout, "timeout")
        call = kernel.identify(name or self.name)
        return Call(self.name, call, kernel, lambda: self._place(kernel, call, key, limit))

    def _place(self, kernel: Kernel, call: str, key: str | None, limit: float | None) -> KernelFuture:
        plan = self.plan

        def settle(entry: Any) -> Any:
            return plan.decode(entry.value.v)

        arrived = kernel.open(Kind.EVENT, PlaceWait(call, self.name, key), settle, call)
        if limit is None:
            return arrived
        said = describe(limit)

        def late() -> StepwellError:
            return EventTimeout(f"no event {self.name!r} came within {said}")

        return with_deadline(kernel, arrived, f"{call}/timeout", kernel.stamp + limit, late)


def with_deadline(kernel: Kernel, arrived: KernelFuture, timer_call: str, due: float, late: Any) -> KernelFuture:
    """A future that follows `arrived`, or gets the error `late()` when the run's time reaches `due` first."""
    both = KernelFuture(kernel.loop)

    def expired() -> None:
        arrived.cancel()
        if not both.done():
            both.set_exception(late())

    timer = kernel.loop.timer(due, timer_call, expired)

    def settled(_: Any) -> None:
        timer.cancel()
        if both.done() or arrived.cancelled():
            return
        error = arrived.exception()
        if error is not None:
            both.set_exception(error)
        else:
            both.set_result(arrived.result())

    def dropped(future: Any) -> None:
        if future.cancelled():
            arrived.cancel()

    arrived.add_done_callback(settled)
    both.add_done_callback(dropped)
    return both


def _is_key(value: object) -> bool:
    return isinstance(value, str) and bool(value)
