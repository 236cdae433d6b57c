"""The calls that a body has open: what each waits for, and which timer is due first."""

import heapq
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stepwell.model.entry import ChildEnded, Fired, Folded, Received, Stepped

if TYPE_CHECKING:
    from stepwell.core.asyncloop import KernelFuture, Timer


class Kind(StrEnum):
    """What a call waits for; an entry of another kind under its identity is divergence (P13)."""

    STEP = "step"
    TIMER = "timer"
    EVENT = "event"
    CHILD = "child run"
    DETACHED = "detached run"
    FOLD = "folded scope"


KIND_OF: dict[type, Kind] = {
    Stepped: Kind.STEP,
    Fired: Kind.TIMER,
    Received: Kind.EVENT,
    ChildEnded: Kind.CHILD,
    Folded: Kind.FOLD,
}
"""By which entry a call of each kind is settled."""


class OpenCall:
    """A call that waits for its entry: `settle` turns the entry into what the body gets.

    `placed`: what the call needs of the world is recorded (a wait, a child), or given (the value of a folded
    part). `dropped` is told when the body gives the call up.
    """

    __slots__ = ("digest", "dropped", "due", "future", "id", "kind", "opened", "placed", "settle")

    def __init__(
        self,
        call: str,
        kind: Kind,
        future: "KernelFuture | Timer",
        opened: int,
        settle: Callable[[Any], Any] | None = None,
        digest: str = "",
        due: float = 0.0,
        dropped: Callable[[], None] | None = None,
    ) -> None:
        self.id = call
        self.kind = kind
        self.future = future
        self.opened = opened
        self.settle = settle
        self.digest = digest
        self.due = due
        self.dropped = dropped
        self.placed = False


class Agenda:
    """Open timers, the one due first on top; those due at the same moment in the order of their opening."""

    __slots__ = ("_heap", "_opened", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._opened = 0
        self._sweep_at = 64

    def add(self, timer: "Timer") -> None:
        """Note an open timer."""
        self._opened += 1
        heapq.heappush(self._heap, (timer.when_, self._opened, timer))
        if len(self._heap) > self._sweep_at:
            # Closed timers stay until they come up: a body with a timeout around each step leaves many.
            self._heap = [item for item in self._heap if not item[2].closed]
            heapq.heapify(self._heap)
            self._sweep_at = max(64, 2 * len(self._heap))

    def first(self) -> tuple[float, str] | None:
        """The open timer that is due first: (epoch seconds, call)."""
        heap = self._heap
        while heap and heap[0][2].closed:
            heapq.heappop(heap)
        return (heap[0][0], heap[0][2].call) if heap else None
