"""The user's line: which file and line of a workflow is responsible for what happens now."""

import sys
from types import FrameType
from typing import Any

# Packages whose frames are never the user's: they stand between the body and the event loop.
_BETWEEN = frozenset({"stepwell", "asyncio", "contextlib", "anyio", "concurrent", "threading"})

UNKNOWN = ("<unknown>", 0)


def blame(waiting: Any = None) -> tuple[str, int]:
    """File and line of the innermost frame that is the user's.

    When there is none (a foreign thread, a bare callback), those at which the coroutine `waiting` waits. What is
    below the loop that runs a body is not the body's: it belongs to whoever runs the worker.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_drive(frame):
        if _is_users(frame):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return _waiting_at(waiting)


def _waiting_at(coroutine: Any) -> tuple[str, int]:
    found = UNKNOWN
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None and _is_users(frame):
            found = frame.f_code.co_filename, frame.f_lineno
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return found


def _is_drive(frame: FrameType) -> bool:
    return frame.f_code.co_name == "drive" and frame.f_globals.get("__name__") == "stepwell.core.asyncloop"


def _is_users(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _BETWEEN
