"""What in a body's conduct is an error in tests, where it parks the run, and a warning in production."""

import logging
import re

from stepwell.errors import Diverged, Nondeterminism
from stepwell.ports.definitions import Definitions, WorkflowDefinition
from stepwell.runtime.holding import Holding

log = logging.getLogger("stepwell.run")
_PLACE = re.compile(r"(.+?):(\d+): ")
_warned: set[str] = set()


def suspicion(definition: WorkflowDefinition) -> Nondeterminism | None:
    """What reading a workflow's code has found, as an error."""
    if not definition.warnings:
        return None
    place = _PLACE.match(definition.warnings[0])
    file, line = (place[1], int(place[2])) if place is not None else (None, None)
    return Nondeterminism("; ".join(definition.warnings), hint="Side effects belong in a step.", file=file, line=line)


def warn_of(definitions: Definitions, names: tuple[str, ...]) -> None:
    """Log what reading the code of these workflows has found, each once per process."""
    for name in names:
        definition = definitions.workflow(name)
        for warning in definition.warnings if definition is not None else ():
            if warning not in _warned:
                _warned.add(warning)
                log.warning("workflow %s: %s", name, warning, extra={"workflow": name})


def look_at(run: Holding) -> None:
    """What the kernel has noticed since the last look: other arguments than recorded, calls never awaited."""
    kernel = run.kernel
    if not (kernel.drifted or kernel.forgotten):
        return
    if kernel.stuck is None and run.host.strict:
        if kernel.drifted:
            diff = ", ".join(kernel.drifted)
            kernel.stuck = Diverged(f"replayed calls have other arguments than recorded: {diff}", diff=diff)
        else:
            names = ", ".join(kernel.forgotten)
            kernel.stuck = Nondeterminism(f"calls were made and never awaited: {names}", hint="Await them.")
    else:
        about = run.about()
        noticed = {"replayed calls have other arguments than recorded": kernel.drifted,
                   "calls were made and never awaited, so they were not executed": kernel.forgotten}  # fmt: skip
        for what, calls in noticed.items():
            if calls:
                log.warning("run %s of %s: %s: %s", about["run_id"], about["workflow"], what, ", ".join(calls),
                            extra=about)  # fmt: skip
    kernel.drifted.clear()
    kernel.forgotten.clear()
