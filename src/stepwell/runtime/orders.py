"""Carries out what a body asks for: steps, waits, children, and taking them back."""

import msgspec

from stepwell.errors import Conflict
from stepwell.model.change import Post, Wait
from stepwell.model.command import CloseCall, Command, FoldScope, PlaceWait, RunStep, StartChild
from stepwell.model.entry import AnyEntry, Armed, ChildEnded, ChildStarted, Folded, Received
from stepwell.model.run import InboxItem, RunRow
from stepwell.runtime.holding import Holding
from stepwell.runtime.inputs import Inputs
from stepwell.runtime.steps import StepCalls


class Orders:
    """Commands in, writes of the next change and effects after it out."""

    def __init__(self, run: Holding, steps: StepCalls, inputs: Inputs) -> None:
        self._run = run
        self._steps = steps
        self._inputs = inputs
        self._children = run.history.children
        self._found: dict[str, RunRow] = {}
        self.armed = False

    def carry_out(self, commands: list[Command]) -> None:
        """Carry out commands in the order in which they were given."""
        for command in commands:
            match command:
                case RunStep():
                    self._steps.begin(command)
                case PlaceWait():
                    self._place(command)
                case StartChild():
                    self._start(command)
                case CloseCall():
                    self._close(command.call)
                case FoldScope():
                    self._fold(command)

    def _place(self, command: PlaceWait) -> None:
        run = self._run
        if command.key is None:
            entry = self._inputs.wait_direct(command.call, command.event)
            if entry is not None:
                run.soon(entry)
            return
        self.armed = True
        run.draft.arm.append(Wait(command.call, command.event, command.key))
        run.record(Armed(at=run.stamp(), call=command.call, event=command.event, key=command.key))
        if (open_call := run.kernel.calls.get(command.call)) is not None:
            open_call.placed = True

    # -- child runs ----------------------------------------------------------------------------

    def _start(self, command: StartChild) -> None:
        run = self._run
        new = command.request(run.host.new_key(), run.now())
        perhaps_there = command.chosen or bool(run.history.redo)
        run.draft.start.append(new if perhaps_there else msgspec.structs.replace(new, yields=True))
        if perhaps_there:
            # A run of this id may be meant: by somebody's choice, or from before a rewind. The reply will say.
            run.expecting += 1
            run.after_ack(self._there, command, new.row)
        elif command.detached:
            run.soon(self._started(command, new.row))
        else:
            self._children[command.call] = new.row.key
            run.record(self._started(command, new.row))
            self._placed(command.call)
        run.after_ack(run.host.started, new.row.key)

    def _started(self, command: StartChild, row: RunRow) -> ChildStarted:
        return ChildStarted(at=self._run.stamp(), call=command.call, run=row.key.hex(), id=row.id,
                            workflow=command.workflow, detached=command.detached)  # fmt: skip

    def _placed(self, call: str) -> None:
        if (open_call := self._run.kernel.calls.get(call)) is not None:
            open_call.placed = True

    def children_found(self, rows: tuple[RunRow, ...]) -> None:
        """Runs that were there already when this one wanted to start them."""
        self._found.update((row.id, row) for row in rows)

    def _there(self, command: StartChild, new: RunRow) -> None:
        """The commit that starts a run is acknowledged: now it is known whose id that is."""
        run, row = self._run, self._found.pop(new.id, new)
        run.expecting -= 1
        if command.call in run.kernel.calls:
            if command.detached:
                self._detached_there(command, new, row)
            else:
                self._child_there(command, row)
        elif not command.detached and row.parent == run.key:
            self._cancel(row.key)  # given up meanwhile
        run.advance()

    def _detached_there(self, command: StartChild, new: RunRow, row: RunRow) -> None:
        run = self._run
        entry = self._started(command, row)
        if row.digest != new.digest:
            error = run.errors.to_failure(_conflict(row))
            entry = msgspec.structs.replace(entry, run="", id="", error=error)
        run.soon(entry)

    def _child_there(self, command: StartChild, row: RunRow) -> None:
        run = self._run
        if row.parent != run.key or row.parent_call != command.call:
            error = run.errors.to_failure(_conflict(row))
            run.soon(ChildEnded(at=run.stamp(), call=command.call, run=row.key.hex(), status="failed", error=error))
            return
        self._children[command.call] = row.key
        if not row.status.terminal:
            run.record(self._started(command, row))
            self._placed(command.call)
            return
        run.expecting += 1
        run.host.lookups.child(run, row, self._started(command, row))

    def child_again(self, started: ChildStarted, ended: ChildEnded | None) -> None:
        """A child from before a rewind: it has its result, or it was set going again."""
        run = self._run
        run.expecting -= 1
        if started.call in run.kernel.calls:
            run.record(started)
            self._placed(started.call)
            if ended is not None and (entry := self._inputs.child_ended(ended)) is not None:
                run.soon(entry)
        run.advance()

    # -- taking back ---------------------------------------------------------------------------

    def _close(self, name: str) -> None:
        """The body gave a call up: stop its step, take its wait back, cancel its child; whichever it was."""
        run = self._run
        self._steps.give_up(name)
        if self.armed or name in run.history.armed:
            run.draft.disarm.append(name)
        child = self._children.pop(name, None)
        if child is not None:
            self._cancel(child)

    def _cancel(self, child: bytes) -> None:
        run = self._run
        run.draft.post.append(Post(target=child, item=InboxItem(n=0, kind="cancel", at=run.now())))
        run.after_ack(run.host.started, child)

    def _fold(self, command: FoldScope) -> None:
        run = self._run
        value = run.draft.payload(command.value, f"the value of {command.call!r}")
        run.soon(Folded(at=run.stamp(), call=command.call, void=[], value=value))

    def in_time(self, entry: AnyEntry) -> AnyEntry | None:
        """An entry whose turn has come, as it is now; None when the body has given its call up meanwhile."""
        run = self._run
        call = getattr(entry, "call", None)
        if call in run.kernel.calls or (isinstance(entry, ChildStarted) and entry.detached):
            if isinstance(entry, Received):
                self._inputs.given(entry.call)
            if not isinstance(entry, Folded):
                return entry
            inside = entry.call + "/"
            void = [n for n, one in enumerate(run.calls_of) if one is not None and one.startswith(inside)]
            return msgspec.structs.replace(entry, void=void)
        return self._inputs.give_back(entry.call) if isinstance(entry, Received) else None


def _conflict(row: RunRow) -> Conflict:
    return Conflict(f"the id {row.id!r} belongs to another run of {row.workflow!r}", hint="Choose another id.")
