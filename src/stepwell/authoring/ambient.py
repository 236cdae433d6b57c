"""Where the calling code runs: in a workflow body, in a step, or outside of any run."""

from stepwell.core.asyncloop import KernelLoop, running_loop
from stepwell.core.kernel import Kernel
from stepwell.errors import WrongContext
from stepwell.ports.definitions import RunFacts, StepScope, step_scope


def kernel_here() -> Kernel | None:
    """The kernel of the workflow body that is running in this thread, found by its loop and nothing else."""
    loop = running_loop()
    return loop.owner if type(loop) is KernelLoop else None  # type: ignore[return-value]


def body_kernel(what: str) -> Kernel:
    """The kernel, for something that only a workflow body can do.

    Raises:
        WrongContext: the code runs in a step, or outside of any run.
    """
    kernel = kernel_here()
    if kernel is not None:
        return kernel
    if step_scope.get() is not None:
        raise WrongContext(
            f"{what} was called inside a step, where nothing can be waited for durably",
            hint="Do this in the workflow, and give the step its result.",
        )
    raise WrongContext(f"{what} was called outside of any run", expected="a workflow body around it")


def facts_of(kernel: Kernel) -> RunFacts:
    """The recorded facts of the run that a kernel holds."""
    facts: RunFacts = kernel.info
    return facts


def step_here() -> StepScope | None:
    """The step that the calling code belongs to."""
    return step_scope.get()
