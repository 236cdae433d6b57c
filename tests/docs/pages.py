"""The pages of the documentation, and the code in them."""

import re
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"(?P<mark><!-- fragment -->\n+)?^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block: its language, its code, the line at which the code begins, and whether it is a fragment."""

    language: str
    code: str
    line: int
    fragment: bool


def pages() -> list[Path]:
    """Every page that people read."""
    return [ROOT / "README.md", ROOT / "llms.txt", *sorted(DOCS.rglob("*.md"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        code = textwrap.dedent(match["code"])
        yield Block(match["language"], code, line, match["mark"] is not None)


def executed(page: Path) -> dict[str, Any]:
    """Execute the Python blocks of a page, in order, in one module; its names."""
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    sys.modules[module.__name__] = module  # annotations are resolved there
    for block in blocks(page):
        if block.language == "python" and not block.fragment:
            code = "\n" * (block.line - 1) + block.code
            exec(compile(code, str(page), "exec"), module.__dict__)
    return module.__dict__


def commands(page: Path) -> Iterator[str]:
    """What stands behind a prompt in the console blocks of a page."""
    for block in blocks(page):
        if block.language == "console":
            yield from (line[2:] for line in block.code.splitlines() if line.startswith("$ "))
