"""Fingerprints: the same for the same meaning, on every Python; another for another; and what belongs to them."""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stepwell import App
from stepwell.authoring.fingerprint import MOST_FUNCTIONS, Code, canonical, code_of

Load = Callable[[str], Any]
_numbers = count(1)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Import a text as a module of its own."""

    def load(text: str) -> Any:
        path = tmp_path / f"module_{next(_numbers)}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


# Every kind of syntax that parsers of different versions build, or show, differently. The digest never changes: runs
# are pinned to such digests, by workers of one version of Python, for workers of another.
EVERYTHING = r'''
async def w(a: int, *b, c: "str" = 'x', **d) -> None:
    """doc"""
    x = f"a{a!r:>{c}}b" "c" f"{a=}" f"" f"{a:}" 'é\ud800'
    y = [i async for i in b if i] + [*b, 1_000, 0x10, 1e400, 2j, None, ..., b'\xff', True]
    match a:
        case {"k": [1, *rest], **more} if rest: pass
        case int() | str(): return
    try:
        async with c as q, d: await q
    except* ValueError as e: raise X from e
    class K(Base, metaclass=M):
        "doc"
        z: int = 3
    def inner(p, /, q=1, *, r):
        'doc'
        nonlocal y; global g
        return (lambda: (yield))
    del x; assert y, "no"
    return x if (n := 3) else a[1:2, ::3] @ -a
'''


def test_every_version_of_python_gives_the_same() -> None:
    text = "".join(canonical(ast.parse(EVERYTHING).body[0]))
    assert hashlib.blake2b(text.encode(), digest_size=6).hexdigest() == "2b114b3682c5"


PLAIN = """
from stepwell import App
app = App("memory://")

@app.workflow
async def w(x: int) -> int:
    return await s(x) + helper(x)

@app.step
async def s(x: int) -> int:
    return x

def helper(x):
    return 2 * deeper(x)

def deeper(x):
    return x

def unused(x):
    return x
"""


def digests(module: Any) -> tuple[str, str]:
    workflow, step = module.app.registry.workflow("w"), module.app.registry.workflow("s")
    assert (workflow.code, step.code) == (code_of(module.w.fn).digest, code_of(module.s.fn).digest)
    return workflow.code, step.code


SAME = {
    "layout": ("return await s(x) + helper(x)", "return (\n        await s( x )\n        + helper(x,)\n    )"),
    "a comment": ("    return await s(x)", "    # a word\n    return await s(x)"),
    "a docstring": ("    return await s(x)", '    """A word."""\n    return await s(x)'),
    "options": ("@app.workflow", '@app.workflow(name="w", retries=3, deadline="1h")'),
    "the function's name": ("@app.workflow\nasync def w", '@app.workflow(name="w")\nasync def renamed'),
    "quotes": ("    return 2 * deeper(x)", "    return (2) * deeper(x)"),
    "what it does not use": ("def unused(x):\n    return x", "def unused(x):\n    return 3"),
    "its place": ("app = App", "\n\n\napp = App"),
}
OTHER_WORKFLOW = {
    "the body": ("+ helper(x)", "- helper(x)"),
    "a helper": ("return 2 * deeper(x)", "return 3 * deeper(x)"),
    "a helper's helper": ("def deeper(x):\n    return x", "def deeper(x):\n    return -x"),
    "the type of an argument": ("async def w(x: int)", "async def w(x: float)"),
    "a default": ("async def w(x: int)", "async def w(x: int = 1)"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_what_makes_no_difference(load: Load, change: tuple[str, str]) -> None:
    assert change[0] in PLAIN
    changed = load(PLAIN.replace(*change))
    if "renamed" in PLAIN.replace(*change):
        changed.w = changed.renamed
    assert digests(changed) == digests(load(PLAIN))


@pytest.mark.parametrize("change", OTHER_WORKFLOW.values(), ids=OTHER_WORKFLOW.keys())
def test_what_makes_another_workflow(load: Load, change: tuple[str, str]) -> None:
    assert change[0] in PLAIN
    before, after = digests(load(PLAIN)), digests(load(PLAIN.replace(*change)))
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_step_that_changed_is_no_other_workflow(load: Load) -> None:
    before = digests(load(PLAIN))
    after = digests(load(PLAIN.replace("(x: int) -> int:\n    return x\n", "(x: int) -> int:\n    return x + 1\n")))
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_the_text_has_all_that_counts(load: Load) -> None:
    source = load(PLAIN).app.registry.workflow("w").source
    assert source.startswith("@app.workflow\nasync def w(x: int) -> int:\n    return await s(x) + helper(x)\n")
    assert "def helper" in source
    assert "def deeper" in source
    assert "unused" not in source
    assert "def s(" not in source


def test_it_has_twelve_digits(load: Load) -> None:
    code, _ = digests(load(PLAIN))
    assert len(code) == 12
    assert int(code, 16) >= 0


def test_other_decorators_count(load: Load) -> None:
    wrapped = PLAIN.replace("import App\n", "import App\nimport functools\ndef twice(fn):\n    return fn\n")
    before = load(wrapped)
    after = load(wrapped.replace("@app.workflow\n", "@app.workflow\n@twice\n"))
    assert digests(before)[0] != digests(after)[0]


def test_functions_in_functions_and_their_neighbours() -> None:
    def make(n: int) -> tuple[Any, Any]:
        def helper() -> int:
            return n

        async def body() -> int:
            text = """Several lines,
        less indented
    than the code"""
            assert text
            return helper()

        return body, helper

    body, helper = make(1)
    code = code_of(body)
    assert code.source is not None
    assert code.source.startswith("async def body")
    assert "def helper" in code.source
    assert code == code_of(make(2)[0])  # values do not count, only code
    assert code.digest != code_of(helper).digest


def test_a_wrapped_function_is_what_it_wraps() -> None:
    def plain(x: int) -> int:
        return x + 1

    @functools.wraps(plain)
    def wrapper(*args: Any) -> Any:
        return plain(*args)

    assert code_of(wrapper) == code_of(plain)


def test_functions_that_use_each_other(load: Load) -> None:
    module = load("def a(n):\n    return b(n)\n\ndef b(n):\n    return a(n - 1)\n")
    assert code_of(module.a).digest != code_of(module.b).digest


def test_so_many_functions_at_most(load: Load) -> None:
    def chain(last: str) -> Any:
        links = [f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(MOST_FUNCTIONS)]
        return load("\n".join(links) + f"\ndef f{MOST_FUNCTIONS}(x):\n    return {last}\n").f0

    code = code_of(chain("1"))
    assert code.source is not None
    assert code.source.count("def f") == MOST_FUNCTIONS
    assert code == code_of(chain("2"))


def test_a_local_name_hides_a_function_of_the_module(load: Load) -> None:
    text = "def f(helper):\n    return helper(1)\n\ndef helper(x):\n    return {}\n"
    assert code_of(load(text.format(1)).f) == code_of(load(text.format(2)).f)


# -- without a source ------------------------------------------------------------------------------


def executed(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "nowhere"}
    exec(text, names)
    return names["f"]


def test_without_a_source_the_byte_code_decides() -> None:
    text = "def f(x):\n    return {}\n    \ndef g(): pass\n"
    one, same, other = (code_of(executed(text.format(n))) for n in ("x + 1", "x + 1", "x + 2"))
    assert one.source is None
    assert one.digest.startswith("py3.")
    assert one == same
    assert one != other


def test_sets_and_inner_functions_in_byte_code() -> None:
    text = "def f(x):\n    def g():\n        return x in {'a', 'b', 'c', 'd'} or {}\n    return g\n"
    assert code_of(executed(text)) == code_of(executed(text))
    assert code_of(executed(text)) != code_of(executed(text.replace("'d'", "'e'")))


def test_a_lambda_is_read_as_byte_code() -> None:
    assert code_of(lambda x: x).digest.startswith("py3.")


def test_a_file_that_is_no_longer_what_was_imported(load: Load) -> None:
    module = load("def f(x):\n    return x\n")
    Path(module.__file__).write_text("def something_else(x):\n    return x\n", encoding="utf-8")
    assert code_of(module.f).digest.startswith("py3.")


def test_it_is_read_once(load: Load) -> None:
    module = load("def f(x):\n    return x\n")
    code = code_of(module.f)
    Path(module.__file__).write_text("def f(x):\n    return x + 1\n", encoding="utf-8")
    assert code_of(module.f) == code


def test_what_is_no_python_function_has_none() -> None:
    assert code_of(len) == Code()
    assert code_of(functools.partial(print, 1)) == Code()


def test_a_definition_without_code_works() -> None:
    app = App("memory://")
    app.workflow(name="w")(executed("async def f():\n    return 1\n"))
    definition = app.registry.workflow("w")
    assert definition is not None
    assert definition.code.startswith("py3.")
    assert definition.source is None
