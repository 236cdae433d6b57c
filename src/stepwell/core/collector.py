"""Whether the garbage collector is at work in this thread: what it finds, it finds at no repeatable moment."""

import gc
from _thread import get_ident

_thread: int | None = None
"""The thread whose collection is under way."""


def collecting_here() -> bool:
    """True in code that the collector calls: finalizers of what it found."""
    return _thread == get_ident()


def _on_collection(phase: str, info: dict[str, int]) -> None:
    global _thread  # noqa: PLW0603 - the collector runs at most once at a time in a process
    _thread = get_ident() if phase == "start" else None


gc.callbacks.append(_on_collection)
