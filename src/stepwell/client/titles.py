"""How calls are named for people."""

import re
from typing import Final
from urllib.parse import unquote

_DIGEST: Final = re.compile(r":[0-9a-f]{16}(?=#|$)")
_END: Final = re.compile(r":[0-9a-f]{16}(#\d+)?$")
_TASK: Final = re.compile(r"@(\d+)")


def steps_of(call: str, *, nested: bool = False) -> list[str]:
    """The names that a step may have which was called under this identity; `nested`: by a step.

    Names in a step's calls stand there as they are, so that one with a slash could be two.
    """
    if not nested:
        return [unquote(call.rpartition("/")[2].partition("#")[0])]
    parts = _END.sub("", call).split("/")
    return ["/".join(parts[n:]) for n in range(1, len(parts))]


def title_of(name: str) -> str:
    """The last part of an identity as it was written: without digest, the occurrence set apart."""
    name = _DIGEST.sub("", name)
    if (task := _TASK.fullmatch(name)) is not None:
        return f"task {task[1]}"
    title, _, occurrence = name.partition("#")
    return unquote(title) + (f" #{occurrence}" if occurrence else "")
