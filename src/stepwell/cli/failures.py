"""How an error leaves the command line: what is printed, and with which exit code."""

import sys
import traceback
from typing import IO, Any, Final

import click

from stepwell.cli.options import DEBUG
from stepwell.cli.terminal import styled
from stepwell.client.printable import printable
from stepwell.errors import (
    EngineRefusal,
    NotFound,
    StepwellError,
    UnknownEvent,
    UnknownWorkflow,
    UsageError,
    WorldError,
)

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
REFUSED: Final = 4
WORLD: Final = 5
_CODES: Final[tuple[tuple[type[StepwellError] | tuple[type[StepwellError], ...], int], ...]] = (
    ((NotFound, UnknownWorkflow, UnknownEvent), NOT_FOUND),
    (UsageError, USAGE),
    (EngineRefusal, REFUSED),
    (WorldError, WORLD),
)


class Shown(click.ClickException):
    """An error as the command line shows it: `error[code]: what happened`, on standard error."""

    def __init__(self, code: str, message: str, exit_code: int, trace: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code  # type: ignore[misc] # click declares it for the class, and reads it of the instance
        self.trace = trace

    def show(self, file: IO[Any] | None = None) -> None:
        if self.trace:
            click.echo(printable(self.trace, lines=True), err=True)
        head = styled(f"error[{self.code}]:", "bold red", sys.stderr)
        click.echo(f"{head} {printable(self.message, lines=True)}", err=True)


def exit_code_of(error: StepwellError) -> int:
    """The documented exit code of one of our errors."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAILED)


def shown(error: Exception) -> Exception:
    """What to raise in place of an error: ours without traceback, a bug of ours as it is."""
    context = click.get_current_context(silent=True)
    debug = context is not None and context.find_root().meta.get(DEBUG, False)
    if isinstance(error, StepwellError):
        trace = "".join(traceback.format_exception(error)) if debug else str(error.fields().get("traceback", ""))
        return Shown(error.code, str(error), exit_code_of(error), trace.rstrip())
    return error
