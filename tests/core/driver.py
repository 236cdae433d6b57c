"""A run held in a list: the kernel, its journal, and the least that a holder does between them.

`Held` delivers entries, notes what the body asks for, and answers as the test says. No store, no clock, no loop
but the kernel's: what a test does here is all that happens.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from stepwell.adapters.failures import ErrorRegistry
from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.authoring.definer import Definer
from stepwell.authoring.registry import Registry
from stepwell.authoring.step import Step
from stepwell.authoring.workflow import Workflow
from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.model.command import CloseCall, Command, FoldScope, PlaceWait, RunStep, StartChild
from stepwell.model.entry import (
    AnyEntry,
    Armed,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Fired,
    Folded,
    Payload,
    Received,
    Started,
    Stepped,
    decode_entries,
    encode_entries,
)
from stepwell.model.run import RunRow
from stepwell.ports.definitions import RunFacts

KEY = bytes(range(16))
START = 1_700_000_000.0


class House(Definer):
    """Definitions without an app."""

    def __init__(self) -> None:
        self.registry = Registry(JsonCodec(), ErrorRegistry())


class Open(NamedTuple):
    """An open call as the kernel knows it."""

    kind: Kind
    call: str
    due: float
    digest: str


def stored(value: Any) -> Payload:
    return Payload(v=msgspec.Raw(msgspec.json.encode(value)))


class Held:
    """One run in memory. With `entries`, its kernel is replayed over them first."""

    def __init__(self, what: Workflow[..., Any] | Step[..., Any], *args: Any, entries: list[AnyEntry] | None = None,
                 key: bytes = KEY, at: float = START) -> None:  # fmt: skip
        registry = what.registry
        definition = registry.workflow(what.name)
        assert definition is not None
        self.registry = registry
        self.definition = definition
        self.now = at
        if entries is None:
            data = definition.signature.encode_args(args, {})
            entries = [Started(at=at, input=Payload(v=msgspec.Raw(data)))]
        self.entries: list[AnyEntry] = []
        self.snapshots: list[list[Open]] = []
        self.running: dict[str, RunStep] = {}
        self.history: list[Command] = []
        self._soon: deque[AnyEntry] = deque()
        self.kernel = Kernel(key, 1)
        self._begin(decode_entries(encode_entries(entries)), key)

    def _begin(self, entries: list[AnyEntry], key: bytes) -> None:
        history = fold_history(entries)
        started, kernel = history.started, self.kernel
        assert started is not None
        row = RunRow(key=key, id="r", workflow=self.definition.name)
        facts = RunFacts(row, started, bytes(started.input.v), self.registry)
        kernel.folded, kernel.info = history.folds, facts
        kernel.begin(lambda: self.definition.program(kernel, facts), started.at)
        self._note(entries[0])
        for number, entry in enumerate(entries[1:], 1):
            if number in history.void:
                kernel.void()
            else:
                kernel.deliver(entry)
            self._note(entry)
        asked = kernel.take()
        kernel.at_end()
        self.replayed = kernel.unplaced(asked)
        self.carry_out(self.replayed)
        self._let_happen()

    def _note(self, entry: AnyEntry) -> None:
        self.entries.append(entry)
        self.now = max(self.now, entry.at)
        self.snapshots.append(self.open)

    # -- what a holder does --------------------------------------------------------------------

    def carry_out(self, commands: list[Command]) -> None:
        """Note steps; record at once that waits and children are placed; close folded parts."""
        self.history += commands
        for command in commands:
            match command:
                case RunStep():
                    self.running[command.call] = command
                case CloseCall():
                    self.running.pop(command.call, None)
                case PlaceWait(key=str()):
                    self._placed(Armed(at=self.now, call=command.call, event=command.event, key=command.key))
                case StartChild(detached=False):
                    self._placed(ChildStarted(at=self.now, call=command.call, run="00", id="child"))
                case StartChild():
                    self._soon.append(ChildStarted(at=self.now, call=command.call, run="00", id="c", detached=True))
                case FoldScope():
                    value = Payload(v=msgspec.Raw(command.value))
                    self._soon.append(Folded(at=self.now, call=command.call, void=[], value=value))
                case _:
                    pass

    def _let_happen(self) -> None:
        """What follows of itself: parts are folded, unless they have been given up meanwhile; detached runs start."""
        while self._soon:
            entry = self._soon.popleft()
            if isinstance(entry, Folded):
                inside = entry.call + "/"
                void = [n for n, e in enumerate(self.entries) if getattr(e, "call", "").startswith(inside)]
                entry = msgspec.structs.replace(entry, void=void)
                if entry.call not in self.kernel.calls:
                    continue
            self._happened(entry)

    def _placed(self, entry: AnyEntry) -> None:
        call = self.kernel.calls.get(entry.call)  # type: ignore[union-attr]
        if call is not None:
            call.placed = True
        self.kernel.position += 1
        self._note(entry)

    def deliver(self, entry: AnyEntry) -> "Held":
        """Let an entry happen, and carry out what the body asks for in answer."""
        self._happened(entry)
        self._let_happen()
        return self

    def _happened(self, entry: AnyEntry) -> None:
        self.kernel.deliver(entry)
        self._note(entry)
        self.carry_out(self.kernel.take())

    # -- what a test says ----------------------------------------------------------------------

    def done(self, call: str, value: Any = None, *, after: float = 0.0) -> "Held":
        """The step succeeded."""
        command = self.running.pop(call)
        return self.deliver(Stepped(at=self.now + after, call=call, value=stored(value), opened=command.opened,
                                    digest=command.digest))  # fmt: skip

    def failed(self, call: str, error: BaseException, *, after: float = 0.0) -> "Held":
        """The step failed for good."""
        command = self.running.pop(call)
        failure = self.registry.errors.to_failure(error)
        return self.deliver(Stepped(at=self.now + after, call=call, error=failure, opened=command.opened,
                                    digest=command.digest))  # fmt: skip

    def fire(self) -> "Held":
        """The timer that is due first fires."""
        timer = self.kernel.next_timer()
        assert timer is not None
        due, call = timer
        return self.deliver(Fired(at=max(self.now, due), call=call, opened=self.kernel.calls[call].opened))

    def receive(self, call: str, value: Any = None) -> "Held":
        """A message came for a wait."""
        opened = self.kernel.calls[call].opened
        return self.deliver(Received(at=self.now, call=call, event="e", value=stored(value), opened=opened))

    def child(self, call: str, value: Any = None, status: str = "succeeded", error: Exception | None = None) -> "Held":
        """A child run ended."""
        failure = self.registry.errors.to_failure(error) if error is not None else None
        return self.deliver(ChildEnded(at=self.now, call=call, run="00", status=status, value=stored(value),
                                       error=failure, opened=self.kernel.calls[call].opened))  # fmt: skip

    def cancel(self, reason: str = "operator") -> "Held":
        """The holder saw a wish to cancel."""
        return self.deliver(CancelSeen(at=self.now, reason=reason))

    # -- what a test looks at ------------------------------------------------------------------

    @property
    def open(self) -> list[Open]:
        """The open calls, in the order of their opening."""
        return [Open(c.kind, c.id, c.due, c.digest) for c in self.kernel.calls.values()]

    @property
    def calls(self) -> list[str]:
        """The identities of the open calls."""
        return list(self.kernel.calls)

    @property
    def result(self) -> Any:
        """What the body returned; raises what it raised."""
        outcome = self.kernel.outcome
        if self.kernel.stuck is not None:
            raise self.kernel.stuck
        assert outcome is not None, f"still open: {self.calls}"
        if outcome.error is not None:
            raise outcome.error
        return msgspec.json.decode(outcome.value)

    def again(self, entries: list[AnyEntry] | None = None) -> "Held":
        """A fresh kernel over the journal so far, or over another."""
        fresh = Held.__new__(Held)
        fresh.registry, fresh.definition, fresh.now = self.registry, self.definition, START
        fresh.entries, fresh.snapshots, fresh.running, fresh.history, fresh._soon = [], [], {}, [], deque()
        fresh.kernel = Kernel(self.kernel.key, 1)
        fresh._begin(decode_entries(encode_entries(self.entries if entries is None else entries)), fresh.kernel.key)
        return fresh

    def auto(self, answer: Callable[[RunStep], Any] = lambda command: None) -> "Held":
        """Answer steps, first asked first, and fire timers when there is no step, until the body has ended."""
        for _ in range(100_000):
            if self.kernel.outcome is not None or self.kernel.stuck is not None:
                return self
            if self.running:
                command = next(iter(self.running.values()))
                self.done(command.call, answer(command))
            else:
                self.fire()
        raise AssertionError("the body does not come to an end")
