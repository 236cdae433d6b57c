"""Which modules a page of the dashboard is made of, so that the browser asks for all at once and not one by one."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from posixpath import dirname, join, normpath
from typing import Final

STATIC: Final = files("stepwell.server").joinpath("dashboard", "static")
ENTRY: Final = "app.js"
_IMPORT: Final = re.compile(r'^(?:import|export)\b[^;"]*?(?:\bfrom )?"(\.[^"]+)";', re.MULTILINE)
_ROUTE: Final = re.compile(r'^  route\("([^"]+)", \(\) => import\("([^"]+)"\)', re.MULTILINE)


def preloads(path: str) -> Sequence[str]:
    """The modules of the page at a path below the mount, by their place among the static files; the entry first."""
    page = next((module for pattern, module in _routes() if pattern.fullmatch(path)), None)
    return _closure(ENTRY if page is None else page)


@cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    """Which module makes which page: as the entry itself has it."""
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern)) + "/?"), normpath(module))
            for pattern, module in _ROUTE.findall(_text(ENTRY))]  # fmt: skip


@cache
def _closure(page: str) -> tuple[str, ...]:
    """The entry and a page, with all that they import and that is imported there."""
    found, left = dict[str, None](), [ENTRY, page]
    while left:
        module = left.pop(0)
        if module not in found:
            found[module] = None
            left += [normpath(join(dirname(module), target)) for target in _IMPORT.findall(_text(module))]
    return tuple(found)


@cache
def _text(module: str) -> str:
    return STATIC.joinpath(*module.split("/")).read_text("utf-8")
