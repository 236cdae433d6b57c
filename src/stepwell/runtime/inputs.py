"""What comes to a run from outside: its inbox, its timers, its deadline; in which order it happens."""

from collections import deque

import msgspec

from stepwell.core.opencalls import Kind
from stepwell.model.entry import AnyEntry, CancelSeen, ChildEnded, Fired, Received
from stepwell.model.run import InboxItem
from stepwell.runtime.holding import Holding
from stepwell.runtime.steps import StepCalls

_child = msgspec.json.Decoder(ChildEnded)
ORDERS = ("pause", "resume", "cancel")


class Inputs:
    """Turns inbox items and due timers into entries, earliest first.

    An item sent after a timer was due comes after it, however late both are seen: a worker that was down
    must not turn a wait that had timed out into one that was answered.
    """

    def __init__(self, run: Holding, steps: StepCalls) -> None:
        self._run = run
        self._steps = steps
        self._items: deque[InboxItem] = deque()
        self._unread: dict[str, deque[InboxItem]] = {}
        self._direct: dict[str, deque[str]] = {}
        self._given: dict[str, InboxItem] = {}
        self._seen = 0

    def forget(self) -> None:
        """The inbox will be read again from its beginning."""
        self._items.clear()
        self._unread.clear()
        self._seen = 0

    def take_in(self, items: list[InboxItem]) -> None:
        """Items in the order of their numbers; those seen before are skipped."""
        for item in items:
            if item.n > self._seen:
                self._seen = item.n
                self._items.append(item)

    def next(self) -> AnyEntry | None:
        """The next entry that is due, or None. While the run is held back, only operators are listened to."""
        while True:
            if self._run.behind:
                item = next((i for i in self._items if i.kind in ORDERS), None)
            else:
                item = self._items[0] if self._items else None
                timer = self._timer()
                if timer is not None and (item is None or timer[0] <= item.at):
                    return timer[1]
            if item is None:
                return None
            self._items.remove(item)
            entry = self._entry(item)
            if entry is not None:
                return entry

    def deadline(self) -> float | None:
        """When the run must have ended; None when there is no bound, or it has been seen to pass."""
        return self._run.started.deadline if self._run.kernel.cancelled is None else None

    def _timer(self) -> tuple[float, AnyEntry] | None:
        run = self._run
        timer, deadline = run.kernel.next_timer(), self.deadline()
        if timer is None and deadline is None:
            return None
        now = run.now()
        if deadline is not None and deadline <= now and (timer is None or deadline < timer[0]):
            return deadline, CancelSeen(at=run.stamp(), reason="deadline")
        if timer is None or timer[0] > now:
            return None
        opened = run.kernel.calls[timer[1]].opened
        return timer[0], Fired(at=run.stamp(), call=timer[1], opened=opened)

    def _entry(self, item: InboxItem) -> AnyEntry | None:
        run = self._run
        match item.kind:
            case "message" if item.call is not None:
                return self._keyed(item, item.call)
            case "message":
                return self._direct_message(item)
            case "child":
                run.draft.took.append(item.n)
                if item.at < run.history.rewound:
                    return None  # how it ended before the rewind: the child is asked for again
                return self.child_ended(_child.decode(item.data))
            case "cancel":
                run.draft.took.append(item.n)
                if run.kernel.cancelled is not None:
                    return None
                run.holding_back = False
                if run.behind:
                    self._steps.stop()  # P12: running steps are cancelled, also those of a run that is being paused
                return CancelSeen(at=run.stamp(), reason="operator")
            case "pause":
                run.draft.took.append(item.n)
                run.hold_back()
            case _:
                run.draft.took.append(item.n)
                run.holding_back = False
        return None

    def child_ended(self, ended: ChildEnded) -> ChildEnded | None:
        """The entry of a child's end, if the body still waits for it, and not for one of another generation."""
        run = self._run
        call = run.kernel.calls.get(ended.call)
        if call is None or call.kind is not Kind.CHILD or run.history.children.get(ended.call, b"").hex() != ended.run:
            return None
        value = ended.value
        if value is not None:
            value = run.draft.payload(bytes(value.v), f"the result of {ended.call!r}")
        return msgspec.structs.replace(ended, at=run.stamp(), value=value, opened=call.opened)

    def _keyed(self, item: InboxItem, name: str) -> AnyEntry | None:
        run = self._run
        run.draft.took.append(item.n)
        call = run.kernel.calls.get(name)
        if call is None or call.kind is not Kind.EVENT:
            run.draft.put_back.append(item)  # the wait is over: the message belongs to the next one
            return None
        return self._received(item, name)

    def _direct_message(self, item: InboxItem) -> AnyEntry | None:
        event = item.event or ""
        waiting = self._direct.get(event)
        while waiting:
            name = waiting.popleft()
            if name in self._run.kernel.calls:
                self._run.draft.took.append(item.n)
                return self._received(item, name)
        self._unread.setdefault(event, deque()).append(item)  # stays in the inbox until a wait takes it
        return None

    def wait_direct(self, name: str, event: str) -> AnyEntry | None:
        """A wait without key: the oldest unread message, if there is one."""
        unread = self._unread.get(event)
        if unread:
            item = unread.popleft()
            self._run.draft.took.append(item.n)
            self._given[name] = item
            return self._received(item, name)
        self._direct.setdefault(event, deque()).append(name)
        return None

    def given(self, name: str) -> None:
        """The message taken for this wait is being delivered."""
        self._given.pop(name, None)

    def give_back(self, name: str) -> AnyEntry | None:
        """The wait was given up before its message was delivered: that goes to the next wait, or stays."""
        item = self._given.pop(name, None)
        if item is None or item.n not in self._run.draft.took:
            return None
        self._run.draft.took.remove(item.n)
        event = item.event or ""
        waiting = self._direct.get(event)
        while waiting:
            other = waiting.popleft()
            if other in self._run.kernel.calls:
                self._run.draft.took.append(item.n)
                return self._received(item, other)
        self._unread.setdefault(event, deque()).appendleft(item)
        return None

    def _received(self, item: InboxItem, name: str) -> Received:
        run = self._run
        call = run.kernel.calls[name]
        value = run.draft.payload(bytes(item.data), f"event {item.event!r}")
        return Received(at=run.stamp(), call=name, event=item.event or "", key=item.key, value=value,
                        sent=item.at, id=item.message_id, opened=call.opened)  # fmt: skip
