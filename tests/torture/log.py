"""The external log of a torture run: what was acknowledged, and every start and end of a step's body."""

import json
import os
import time
from pathlib import Path
from typing import Any

WORKER = "worker"
"""Written by a worker when it works."""
THAWED = "thawed"
"""Written before a stopped process (`of`) is let go on."""


class Log:
    """Append-only JSON lines, one write each, so that a killed process leaves whole lines."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, what: str, **facts: Any) -> None:
        """Append one fact with the time and the process."""
        record = {"what": what, "at": time.time(), "pid": os.getpid(), **facts}
        os.write(self._file, json.dumps(record).encode() + b"\n")


def read(path: str | Path) -> list[dict[str, Any]]:
    """All facts, in the order in which they were written."""
    whole, _, _ = Path(path).read_text().rpartition("\n")  # the rest is being written
    return [json.loads(line) for line in whole.splitlines()]
