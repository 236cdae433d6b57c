"""What holds for the repository as a whole: its prose, its pages, its mirrored tests."""

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "stepwell"
TESTS = ROOT / "tests"
DOCS = ROOT / "docs"

# Modules with logic and without a test module of their own, each with the sentence that argues why. An entry
# whose module has gone, has lost its logic or has got its test fails below.
_SUITE = "It is a suite of tests, which tests/store/test_conformance.py runs on every store."
_MODEL = "The model is one thing in several files, proved whole by the conformance suite."
_STORE = "What it must do is the contract of stores, which the conformance and differential tests check."
TESTED_ELSEWHERE: dict[str, str] = {
    **{
        f"src/stepwell/testing/conformance/{module}.py": _SUITE
        for module in (
            "children",
            "fencing",
            "figures",
            "inboxes",
            "leases",
            "mailboxes",
            "operators",
            "reading",
            "records",
            "repeats",
            "retention",
            "starts",
        )
    },
    **{
        f"src/stepwell/store/memory/{module}.py": _MODEL
        for module in ("changes", "dump", "figures", "leases", "retention", "space")
    },
    **{f"src/stepwell/store/postgres/{module}.py": _STORE for module in ("dump", "figures", "reads", "records")},
    **{
        f"src/stepwell/store/sqlite/{module}.py": _STORE
        for module in ("dump", "figures", "leases", "mail", "reads", "records")
    },
}

PLACES_OF_ONE_MACHINE = re.compile(r"(?<![\w.~-])(?:/(?:home|root|Users|work)/[\w.+-]+|[A-Z]:\\Users\\)")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
MADE_BY_TOOLS = re.compile(r"(?:^|/)(?:\.(?!ci/|editor|gitig)|__pycache__/)|^(?:build|dist|site)/")
END_OF_SENTENCE = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?][)”\"']*\s+(?=[A-Z`“(])")


@cache
def repository_files() -> list[Path]:
    """Every file that is, or would be, committed; in a copy without git, every file that no tool has made."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
        found = [path for line in listed.split("\0") if line and (path := ROOT / line).is_file()]
    except (FileNotFoundError, subprocess.CalledProcessError):
        found = list(files_by_hand())
    assert found, "there are no files here"
    return found


def files_by_hand() -> Iterator[Path]:
    """Folders of tools are not entered: what is in them may go while one looks."""
    for place, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if not MADE_BY_TOOLS.search(f"{name(Path(place, each))}/")]
        paths = [Path(place, each) for each in files]
        yield from (path for path in paths if path.is_file() and not MADE_BY_TOOLS.search(name(path)))


def modules() -> list[Path]:
    found = sorted(SRC.rglob("*.py"))
    assert found, "no module in src"
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    hits = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        hits += [
            f"{name(path)}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if pattern.search(line)
        ]
    return hits


# --- prose --------------------------------------------------------------------------------------------------


def opening(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and not END_OF_SENTENCE.search(text)


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("Decides when a failed attempt is tried again.", True),
        ("Reads `pyproject.toml`, e.g. The one beside it.", True),
        ("Decides when to retry. Never sleeps.", False),
        ("Decides when to retry", False),
        ("", False),
    ],
)
def test_what_one_sentence_is(text: str, one: bool) -> None:
    assert is_one_sentence(text) is one


def test_modules_open_with_one_sentence() -> None:
    openings = {name(path): opening(path) for path in modules()}
    wrong = [f"{module}: {text or '(none)'}" for module, text in openings.items() if not is_one_sentence(text)]
    assert not wrong, (
        "A module's docstring opens with a paragraph of exactly one sentence that says what the module owns; "
        "what it must never do, and anything longer, comes after a blank line:\n" + "\n".join(wrong)
    )


def test_nothing_is_left_unfinished() -> None:
    hits = lines_matching(UNFINISHED)
    assert not hits, "Finish it, or plan it where work is planned; a note in the code does neither:\n" + "\n".join(hits)


def test_no_path_of_one_machine() -> None:
    hits = lines_matching(PLACES_OF_ONE_MACHINE)
    assert not hits, (
        "These paths exist on one machine only; start from the repository or from a temporary folder:\n"
        + "\n".join(hits)
    )


# --- pages --------------------------------------------------------------------------------------------------


def pages_in(nav: Any) -> Iterator[str]:
    match nav:
        case str():
            yield nav
        case dict():
            yield from pages_in(list(nav.values()))
        case list():
            for entry in nav:
                yield from pages_in(entry)


def nav_pages() -> set[str]:
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    found = set(pages_in(config["project"]["nav"]))
    assert found, "the nav of zensical.toml is empty"
    return found


def test_pages_in_the_nav_exist() -> None:
    missing = sorted(page for page in nav_pages() if not (DOCS / page).is_file())
    assert not missing, (
        f"zensical.toml's nav names pages that docs/ does not have; write them or take them out: {missing}"
    )


def test_pages_are_in_the_nav() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    decisions = {page for page in pages if page.startswith("adr/")}  # their own index lists them
    orphans = sorted(pages - decisions - nav_pages())
    assert not orphans, f"no reader will find these pages; place them in zensical.toml's nav: {orphans}"


# --- mirrored tests -----------------------------------------------------------------------------------------


def is_logic(statement: ast.stmt) -> bool:
    """Whether a statement of a function body does anything: docstrings, `...` and `pass` do not."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not constant and not isinstance(statement, ast.Pass)


def has_logic(source: str) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(is_logic, node.body))
        for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize(
    ("source", "logic"),
    [
        ("class Run:\n    id: str\n    seq: int = 0", False),
        (
            "class Store(Protocol):\n    def load(self, key: bytes) -> Run:\n        'Reads.'\n        ...",
            False,
        ),
        ("class Status(StrEnum):\n    @property\n    def ended(self):\n        return self in ENDED", True),
        ("def f():\n    pass", False),
        ("async def f():\n    await g()", True),
    ],
)
def test_what_logic_is(source: str, logic: bool) -> None:
    assert has_logic(source) is logic


def needs_test(path: Path) -> bool:
    return path.name != "__init__.py" and has_logic(path.read_text(encoding="utf-8"))


def mirrored_test(path: Path) -> Path:
    return TESTS / path.relative_to(SRC).with_name(f"test_{path.stem.strip('_')}.py")


def test_every_module_with_logic_has_its_test_module() -> None:
    bare = [
        f"{name(path)} → {name(mirrored_test(path))}"
        for path in modules()
        if needs_test(path) and not mirrored_test(path).is_file() and name(path) not in TESTED_ELSEWHERE
    ]
    assert not bare, (
        "Modules with logic and no test module at the same place in tests/. Write it; if a module can only "
        "be tested through others, argue that in TESTED_ELSEWHERE, in this file:\n" + "\n".join(bare)
    )


def staleness(module: str, reason: str) -> str | None:
    """What is wrong with an entry of TESTED_ELSEWHERE, if anything."""
    path = ROOT / module
    if not path.is_file():
        return "the module has gone"
    if not needs_test(path):
        return "the module has no logic"
    if mirrored_test(path).is_file():
        return "the module has its test now"
    return None if is_one_sentence(reason) else "the reason is not one sentence"


def test_exceptions_still_hold() -> None:
    stale = [f"{module}: {why}" for module, reason in TESTED_ELSEWHERE.items() if (why := staleness(module, reason))]
    assert not stale, "take these out of TESTED_ELSEWHERE, or put them right:\n" + "\n".join(stale)


@pytest.mark.parametrize(
    ("module", "reason", "why"),
    [
        ("src/stepwell/nowhere.py", "It never was.", "the module has gone"),
        ("src/stepwell/__init__.py", "It only names.", "the module has no logic"),
    ],
)
def test_what_staleness_is(module: str, reason: str, why: str) -> None:
    assert staleness(module, reason) == why
