"""Each promise names the tests that prove it, and they exist."""

import ast
import re
from functools import cache

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "promises.md").read_text(encoding="utf-8")
PROOF = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
HEADING = re.compile(r"^## P(\d+) · (.+)$", re.MULTILINE)


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def sections() -> dict[int, str]:
    found = list(HEADING.finditer(PAGE))
    ends = [match.start() for match in found[1:]] + [len(PAGE)]
    return {int(match[1]): PAGE[match.start() : end] for match, end in zip(found, ends, strict=True)}


def test_all_promises_are_there() -> None:
    assert list(sections()) == list(range(1, 16))


def test_every_promise_has_its_proof() -> None:
    bare = [f"P{n}" for n, text in sections().items() if not PROOF.search(text)]
    assert not bare, f"name the tests that prove {bare}"


def test_every_named_test_exists() -> None:
    missing = [
        match[0]
        for match in PROOF.finditer(PAGE)
        if not (ROOT / match[1]).is_file() or (match[2] and match[2] not in functions(match[1]))
    ]
    assert not missing, f"docs/promises.md names tests that are not there: {missing}"
