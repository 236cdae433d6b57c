"""How files are shown: the user's own from where imports begin, a library's from its package on."""

import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

_INSTALLED: Final = re.compile(r".*/(?:site|dist)-packages/(?P<rest>.+)")
_STANDARD: Final = re.compile(r".*/lib/python\d[\w.]*/(?P<rest>.+)")
_FROZEN: Final = re.compile(r"<frozen (?P<rest>[\w.]+)>")
_OURS: Final = re.compile(
    r".*/(?P<rest>stepwell/(?:core|runtime|authoring|client|adapters|server|store|integrations)/.+)"
)


def shown(file: str) -> str:
    """A file as people know it: from the folder that imports begin in, or the working directory, on.

    One that is in neither stays whole: it was written down on another machine.
    """
    return _shown(file, tuple(sys.path))


@lru_cache(1024)
def _shown(file: str, path: tuple[str, ...]) -> str:
    plain = file.replace("\\", "/")
    if (inside := _inside(plain)) is not None:
        return inside
    roots = [root.replace("\\", "/").rstrip("/") for root in (str(Path.cwd()), *path) if root]
    homes = [root for root in roots if root and plain.startswith(root + "/")]
    return plain[len(max(homes, key=len)) + 1 :] if homes else file


def package_of(file: str) -> str | None:
    """The package of a library's file ("httpx", "smtplib", "stepwell"); None for the user's own."""
    plain = file.replace("\\", "/")
    inside = _inside(plain)
    if inside is not None:
        return inside.partition("/")[0].partition(".")[0]
    return "python" if plain.startswith("<") else None


def _inside(plain: str) -> str | None:
    """A library's file from its package on."""
    for form in (_INSTALLED, _STANDARD, _FROZEN, _OURS):
        if (match := form.fullmatch(plain)) is not None:
            return match["rest"]
    base = sys.base_prefix.replace("\\", "/").rstrip("/") + "/lib/"
    return plain[len(base) :] if plain.lower().startswith(base.lower()) else None
