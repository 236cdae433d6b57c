"""What the tests of the kernel share."""

import gc
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing may be printed, logged, or reported as unraisable while the test runs, nor when its garbage goes."""
    gc.collect()  # what earlier tests have left is none of this one's
    said: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda args: said.append(f"{args.exc_value!r} in {args.object!r}")
    try:
        with caplog.at_level(logging.DEBUG):
            yield
            gc.collect()
    finally:
        sys.unraisablehook = before
    out, err = capfd.readouterr()
    assert not said
    assert not caplog.records
    assert not out
    assert not err
