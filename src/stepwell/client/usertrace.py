"""What people are shown of a traceback: not the frames of the engine that called their code, or that it called."""

import re
from pathlib import Path
from typing import Final

_FRAME: Final = re.compile(r'\s*(?:[|+] )*\s*File "([^"\n]{1,4096})", line \d+, in ')
_EXAMPLES: Final = "cli"
"""The room with a program that people see at work: `stepwell demo`."""
_HOME: Final = Path(__file__).parents[1]


def users_part(trace: str) -> str:
    """A traceback in Python's own form without the engine's frames; as it is where it has no others."""
    kept: list[str] = []
    shown = dropped = False
    inside = -1
    for line in trace.splitlines():
        match = _FRAME.match(line)
        if match is not None:
            inside = line.index("File ") if _is_engine(match[1]) else -1
            dropped, shown = dropped or inside >= 0, shown or inside < 0
        elif len(line) - len(text := line.lstrip(" |+")) <= inside and not text.startswith("[Previous line"):
            inside = -1  # the frame's lines of source are over
        if inside < 0:
            kept.append(line)
    return "\n".join(kept) if dropped and shown else trace


def _is_engine(file: str) -> bool:
    """Whether a file is one of the engine, of whichever machine and environment the traceback comes from."""
    parts = Path(file).parts
    at = next((n for n in range(len(parts) - 1, -1, -1) if parts[n] == _HOME.name), None)
    inner = () if at is None else parts[at + 1 :]
    return bool(inner) and inner[0] != _EXAMPLES and _HOME.joinpath(*inner).is_file()
