"""The size ratchet: small modules, short functions, names that say something.

The limits are law and have no exceptions. They may be lowered, never raised.
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "stepwell"

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_LINES = 150
EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"no module under {folders}: is this the whole repository?"
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Each function of a module with its length, from its `def` to its last line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_are_short() -> None:
    sizes = {name(path): lines(path) for path in modules("src", "tests")}
    long = [f"{module}: {size}" for module, size in sizes.items() if size > MAX_MODULE_LINES]
    assert not long, (
        f"Modules of more than {MAX_MODULE_LINES} lines. A module owns one thing, told in one sentence: "
        f"find the second thing that this one has come to own, and give it a module:\n" + "\n".join(long)
    )


def test_the_median_module_is_short() -> None:
    sizes = [lines(path) for path in modules("src") if path.name != "__init__.py"]
    median = statistics.median(sizes)
    assert median <= MAX_MEDIAN_LINES, (
        f"The median module of src has {median:.0f} lines, and the limit is {MAX_MEDIAN_LINES}: half of the "
        f"modules are growing towards the hard limit. Split those whose first sentence would need an “and”."
    )


def test_functions_are_short() -> None:
    long = [
        f"{name(path)}:{function.lineno} {function.name}: {length}"
        for path in modules("src")
        for function, length in functions(path)
        if length > MAX_FUNCTION_LINES
    ]
    assert not long, (
        f"Functions of more than {MAX_FUNCTION_LINES} lines in src. Name the stages of what they do, and "
        f"make each a function; a long `if` chain over kinds wants a table:\n" + "\n".join(long)
    )


def test_names_say_something() -> None:
    empty = [
        name(path)
        for path in modules("src", "tests")
        if EMPTY_NAMES & {part.strip("_") for part in path.relative_to(ROOT).with_suffix("").parts}
    ]
    assert not empty, (
        "Modules or packages whose names could hold anything. Name what is in them, or move each piece to "
        "the module that owns its subject:\n" + "\n".join(empty)
    )


def test_the_ratchet_sees_the_library() -> None:
    assert SRC / "errors.py" in modules("src"), "the size rules no longer look at the library"
