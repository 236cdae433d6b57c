"""Raw clocks and randomness in a workflow body, caught while it runs: an error in tests."""

import os
import random  # noqa: TID251 - to be watched, not used
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.core.asyncloop import KernelLoop, running_loop
from stepwell.core.blame import blame

_WATCHED: list[tuple[Any, str]] = [
    (time, "time"),
    (time, "time_ns"),
    (time, "monotonic"),
    (time, "perf_counter"),
    (time, "sleep"),
    (random, "random"),
    (random, "randint"),
    (random, "choice"),
    (random, "uniform"),
    (random, "shuffle"),
    (uuid, "uuid4"),
    (uuid, "uuid1"),
    (os, "urandom"),
]


@contextmanager
def tripwire() -> Generator[None, None, None]:
    """While the block lasts, these functions refuse to work in a workflow body, and only there."""
    originals = [(owner, name, getattr(owner, name)) for owner, name in _WATCHED]
    for owner, name, original in originals:
        setattr(owner, name, _wire(owner.__name__, name, original))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _wire(module: str, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def wired(*args: Any, **kwargs: Any) -> Any:
        loop = running_loop()
        if type(loop) is KernelLoop and not _called_by_the_library():
            raise loop.refuse(f"{module}.{name}() was called")
        return original(*args, **kwargs)

    # Whoever reads code for uses of the original, as the scan of a workflow does, has to find it under its name.
    wired.__module__, wired.__name__, wired.__qualname__ = module, name, name
    return wired


def _called_by_the_library() -> bool:
    """True when the nearest user frame is not what called: imports and the standard library are not misuse."""
    file, _ = blame()
    return file.startswith((str(Path(os.__file__).parent), "<frozen"))
