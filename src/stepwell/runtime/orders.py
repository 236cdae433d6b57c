"""Carries out what a body asks for: steps, waits, children, and taking them back."""

from stepwell.errors import Conflict
from stepwell.model.change import Post, Wait
from stepwell.model.command import CloseCall, Command, FoldScope, PlaceWait, RunStep, StartChild
from stepwell.model.entry import Armed, ChildEnded, ChildStarted, Folded
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
        self._children: dict[str, bytes] = {}
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

    def _start(self, command: StartChild) -> None:
        run = self._run
        key, now = run.host.new_key(), run.now()
        new = command.request(key, now)
        run.draft.start.append(new)
        entry = ChildStarted(at=run.stamp(), call=command.call, run=key.hex(), id=new.row.id,
                             workflow=command.workflow, detached=command.detached)  # fmt: skip
        if command.detached:
            run.soon(entry)
        else:
            self._children[command.call] = key
            run.record(entry)
            if (open_call := run.kernel.calls.get(command.call)) is not None:
                open_call.placed = True
        run.after_ack(lambda: run.host.started(key))

    def children_found(self, rows: tuple[RunRow, ...]) -> None:
        """Children that existed already: ours from a commit whose reply was lost, or from before a rewind."""
        run = self._run
        for row in rows:
            call = row.parent_call
            if call is None or row.parent != run.key:
                wanted = next((c for c, k in self._children.items() if k != row.key), None)
                if wanted is not None:
                    error = Conflict(f"the id {row.id!r} belongs to a run that this one did not start")
                    run.soon(ChildEnded(at=run.stamp(), call=wanted, run=row.key.hex(), status="failed",
                                        error=run.errors.to_failure(error)))  # fmt: skip
                    run.later(run.advance)
                continue
            self._children[call] = row.key
            if row.status.terminal:
                run.host.child_outcome(row.key, call)

    def _close(self, name: str) -> None:
        """The body gave a call up: stop its step, take its wait back, cancel its child; whichever it was."""
        run = self._run
        run.after_ack(self._steps.close, name)
        self._steps.forget_retry(name)
        if self.armed or name in run.history.armed:
            run.draft.disarm.append(name)
        child = self._children.pop(name, None)
        if child is not None:
            item = InboxItem(n=0, kind="cancel", at=run.now())
            run.draft.post.append(Post(target=child, item=item))
            run.after_ack(lambda: run.host.started(child))

    def _fold(self, command: FoldScope) -> None:
        run = self._run
        inside = command.call + "/"
        void = [n for n, call in enumerate(run.calls_of) if call is not None and call.startswith(inside)]
        value = run.draft.payload(command.value, f"the value of {command.call!r}")
        run.soon(Folded(at=run.stamp(), call=command.call, void=void, value=value))
