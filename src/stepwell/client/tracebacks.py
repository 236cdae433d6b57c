"""From a recorded traceback to its frames, with lines of source around the user's own ones.

Source is read only from files of modules that this process has loaded: a traceback is data, and what it names may
have been put there by anybody.
"""

import linecache
import re
import sys
from typing import Final

from stepwell.client.redact import Redactor
from stepwell.client.shapes import Failure, Frame, SourceLine
from stepwell.client.sources import package_of, shown
from stepwell.model.failure import Failure as Recorded
from stepwell.model.failure import class_of

_FRAME: Final = re.compile(r'  File "(?P<file>[^"\n]{1,4096})", line (?P<line>\d{1,9}), in (?P<function>.{1,500})')
AROUND: Final = 2
MOST: Final = 60


def frames_of(trace: str) -> list[Frame]:
    """The frames of a traceback in Python's own form, outermost first."""
    found: list[Frame] = []
    lines = trace.splitlines()
    for number, text in enumerate(lines):
        match = _FRAME.fullmatch(text)
        if match is None:
            if number and not text.startswith("  "):
                break  # the message: whatever looks like a frame in it is none
            continue
        quoted = lines[number + 1].strip() if number + 1 < len(lines) and lines[number + 1].startswith("    ") else ""
        found.append(_frame(match, quoted))
    return found[-MOST:]


def _frame(match: re.Match[str], quoted: str) -> Frame:
    file, line = match["file"], int(match["line"])
    package = package_of(file)
    own = package is None
    context = _source(file, line, quoted) if own else []
    if not context and quoted:
        context = [SourceLine(line, quoted)]
    return Frame(file=shown(file), line=line, function=match["function"], own=own, package=package, context=context)


def _source(file: str, line: int, quoted: str) -> list[SourceLine]:
    """The lines around one, if the file is still what it was when the traceback was made."""
    if file not in _loaded() or linecache.getline(file, line).strip() != quoted:
        return []
    around = ((n, linecache.getline(file, n)) for n in range(max(1, line - AROUND), line + AROUND + 1))
    return [SourceLine(n, text.rstrip()) for n, text in around if text]


def _loaded() -> set[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file for file in files if isinstance(file, str)}


def innermost_own(trace: str) -> Frame | None:
    """The user's own frame that is nearest to where it was raised."""
    return next((frame for frame in reversed(frames_of(trace)) if frame.own), None)


def failure_of(recorded: Recorded, redactor: Redactor, awaited: Frame | None = None) -> Failure:
    """A recorded failure as the API says it, with its causes and members. `awaited`: where the body got it."""
    name = class_of(recorded)
    before, _, last = recorded.type.rpartition(".")
    return Failure(
        type=name,
        module=before or None if last == name else None,
        awaited=awaited,
        message=recorded.message,
        code=recorded.code,
        retryable=recorded.retryable,
        details=redactor.value(recorded.details),
        traceback=recorded.traceback or None,
        frames=frames_of(recorded.traceback),
        cause=None if recorded.cause is None else failure_of(recorded.cause, redactor),
        group=[failure_of(member, redactor) for member in recorded.group or ()],
        notes=list(recorded.notes or ()),
        args=redactor.arguments(recorded.args, recorded.message),
        fields=redactor.value(recorded.fields),
        retry_after=recorded.retry_after,
    )
