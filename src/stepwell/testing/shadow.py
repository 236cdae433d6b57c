"""Replays a run after every entry, beside the run itself, and compares: the hot kernel and its shadow must agree."""

from stepwell.core.history import fold_history
from stepwell.core.kernel import Kernel
from stepwell.core.starting import begun_at
from stepwell.errors import Nondeterminism
from stepwell.runtime.activation import Activation


class Shadow:
    """Given to a worker by `Environment(app, replay=True)`; called after every delivered entry."""

    def __init__(self) -> None:
        self.replays = 0

    def __call__(self, run: Activation) -> None:
        """Replay the run's journal in a kernel of its own; if it comes out elsewhere, the run is stuck."""
        if run.trace is None or run.kernel.stuck is not None:
            return
        self.replays += 1
        shadow = _replayed(run)
        try:
            diff = _difference(run.kernel, shadow)
        finally:
            shadow.close()
        if diff:
            run.kernel.stuck = Nondeterminism(
                f"the workflow body does not replay: after entry {len(run.trace)} run and replay differ:\n{diff}",
                hint="Something in the body depends on more than its input and the results of its calls.",
            )


def _replayed(run: Activation) -> Kernel:
    entries = run.trace
    assert entries is not None
    history = fold_history(entries)
    kernel = Kernel(run.key, run.row.generation, run.kernel.info)
    kernel.folded = history.folds
    kernel.begin(lambda: run.definition.program(kernel, kernel.info), begun_at(run.row, run.started))
    for number, entry in enumerate(entries[1:], 1):
        if number in history.void:
            kernel.void()
        else:
            kernel.deliver(run.inlined(entry))
    return kernel


def _difference(hot: Kernel, cold: Kernel) -> str:
    lines = []
    if cold.stuck is not None and hot.stuck is None:
        lines.append(f"  the replay is stuck: {cold.stuck}")
    for what, run, replay in (
        ("open calls", _calls(hot), _calls(cold)),
        ("outcome", _outcome(hot), _outcome(cold)),
        ("to undo", [u.call for u in hot.undo], [u.call for u in cold.undo]),
        ("progress", hot.progress, cold.progress),
    ):
        if run != replay:
            lines += [f"  {what} of the run:    {run}", f"  {what} of the replay: {replay}"]
    return "\n".join(lines)


def _calls(kernel: Kernel) -> list[tuple[str, str, float, str]]:
    return [(call.id, str(call.kind), call.due, call.digest) for call in kernel.calls.values()]


def _outcome(kernel: Kernel) -> tuple[object, ...] | None:
    outcome = kernel.outcome
    if outcome is None:
        return None
    error = None if outcome.error is None else (type(outcome.error).__name__, str(outcome.error))
    return outcome.value, outcome.again, error
