"""Brings the kernel of a loaded run to the end of its journal."""

from stepwell.core.admission import rank_of
from stepwell.core.outcome import Outcome
from stepwell.core.starting import begun_at
from stepwell.errors import QueueTimeout
from stepwell.model.command import CloseCall, Command
from stepwell.model.duration import describe
from stepwell.model.entry import AnyEntry
from stepwell.ports.definitions import RunFacts
from stepwell.runtime import conduct
from stepwell.runtime.holding import Holding


def replay(run: Holding, entries: list[AnyEntry]) -> list[Command]:
    """Deliver the journal; returns what the body has asked for and the journal does not show."""
    started, kernel, void = run.started, run.kernel, run.history.void
    kernel.folded = run.history.folds
    kernel.info = RunFacts(run.row, started, bytes(run.inline(started.input).v), run.host.definitions)
    if run.host.strict:
        kernel.stuck = conduct.suspicion(run.definition)
    if kernel.stuck is not None or _came_too_late(run, entries):
        return []
    kernel.replaying = len(entries) > 1  # a fresh run repeats nothing: the lines that its body logs are news
    kernel.begin(lambda: run.definition.program(kernel, kernel.info), begun_at(run.row, started))
    before: list[Command] | None = None
    for number, entry in enumerate(entries[1:], 1):
        if entry.held and before is None:
            before = kernel.take()
        if number in void:
            kernel.void()
        else:
            kernel.deliver(run.inlined(entry))
    conduct.look_at(run)
    since = kernel.take()
    kernel.at_end()
    return _not_carried_out(run, before, since)


def _not_carried_out(run: Holding, before: list[Command] | None, since: list[Command]) -> list[Command]:
    """`since` is what the body asked for since the first held entry: of that, nothing has been carried out."""
    kernel, given = run.kernel, [*(before or ()), *since]
    if kernel.stuck is not None:
        return []
    closed = [c for c in since if isinstance(c, CloseCall)] if before is not None else []
    return [*kernel.unplaced(given), *closed]


def _came_too_late(run: Holding, entries: list[AnyEntry]) -> bool:
    """Whether no worker took the run within its queue_timeout: it fails with that, unstarted."""
    patience, row, kernel = run.started.queue_timeout, run.row, run.kernel
    if patience is None or len(entries) > 1:
        return False
    ready = max(run.started.at, row.rank - rank_of(0.0, row.priority, resumed=row.generation > 1))
    if run.now() - ready <= patience:
        return False
    kernel.stamp, kernel.position = run.started.at, 1
    error = QueueTimeout(f"no worker took the run within its queue_timeout of {describe(patience)}")
    kernel.outcome = Outcome(error=error)
    return True
