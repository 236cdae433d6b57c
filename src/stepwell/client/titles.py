"""How calls are named for people."""

import re
from typing import Final
from urllib.parse import unquote

_DIGEST: Final = re.compile(r":[0-9a-f]{16}(?=#|$)")
_TASK: Final = re.compile(r"@(\d+)")


def title_of(name: str) -> str:
    """The last part of an identity as it was written: without digest, the occurrence set apart."""
    name = _DIGEST.sub("", name)
    if (task := _TASK.fullmatch(name)) is not None:
        return f"task {task[1]}"
    title, _, occurrence = name.partition("#")
    return unquote(title) + (f" #{occurrence}" if occurrence else "")
