"""Where the calling code runs: in a workflow body, in a step, or outside of any run."""

from stepwell.core.asyncloop import Evicted, KernelLoop, Silence, running_loop
from stepwell.core.kernel import Kernel
from stepwell.errors import WrongContext
from stepwell.ports.definitions import RunFacts, StepScope, step_scope


def kernel_here() -> Kernel | None:
    """The kernel of the workflow body that is running in this thread, found by its loop and nothing else.

    Raises:
        Evicted: the calling code is a dying generator of a run that has left memory.
    """
    loop = running_loop()
    if type(loop) is KernelLoop:
        return loop.owner  # type: ignore[return-value]
    if type(loop) is Silence:
        raise Evicted
    return None


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


def where() -> tuple[Kernel | None, StepScope | None]:
    """Both answers at once; a kernel comes first."""
    kernel = kernel_here()
    return kernel, (None if kernel is not None else step_scope.get())
