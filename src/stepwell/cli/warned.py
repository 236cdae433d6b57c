"""How warnings are shown where no line of code of the user's gave them."""

import logging
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO


def plain_warnings() -> None:
    """Show a warning that is of no line of code as one line of text, for as long as this process lives."""
    otherwise = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int,
             file: TextIO | None = None, line: str | None = None) -> None:  # fmt: skip
        if lineno or file is not None:
            otherwise(message, category, filename, lineno, file, line)
        else:
            from stepwell.client.printable import printable

            sys.stderr.write(f"warning: {printable(str(message))}\n")

    warnings.showwarning = show


@contextmanager
def unlogged(name: str) -> Generator[None]:
    """Leave out what this logger would say meanwhile: the command says it itself."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
