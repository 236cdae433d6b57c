"""Fingerprints of code: a short digest that changes when a function may ask for something else, and only then.

What counts is the syntax tree, not the text: layout, comments, docstrings and the options of `@app.workflow` and
`@app.step` make no difference, and every version of Python gives the same digest. What belongs to it is the function,
and the plain functions of its module that it uses by name, and theirs. Steps have digests of their own: replay never
executes them, so a step that changed is no other workflow. Neither do values count that a function reads (constants,
settings): they would differ from machine to machine, and a pinned run would find no worker.
"""

import ast
import hashlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

MOST_FUNCTIONS: Final = 100
"""So many functions make up one fingerprint at most; those found first."""
_OURS: Final = ("workflow", "step")
_IGNORED: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_Def = ast.FunctionDef | ast.AsyncFunctionDef


class Code(NamedTuple):
    """The code of one definition: its fingerprint ("" if there is none), and its text if that can be read."""

    digest: str = ""
    source: str | None = None


_known: WeakKeyDictionary[Any, Code] = WeakKeyDictionary()


def code_of(fn: Callable[..., Any]) -> Code:
    """The code of a function, as it is when this is first asked.

    Where the source cannot be read (an interactive session, a compiled module, a lambda) the byte code decides, and the
    fingerprint says so by the version of Python that it holds for: "py3.12-…". What is no Python function has none.
    """
    fn = inspect.unwrap(fn)
    if not isinstance(fn, types.FunctionType):
        return Code()
    known = _known.get(fn)
    if known is None:
        known = _known[fn] = _read(fn)
    return known


def _read(fn: types.FunctionType) -> Code:
    own = _tree(fn)
    if own is None:
        return Code(_of_bytes(fn))
    root, text = own
    if not isinstance(root, _Def) or root.name != fn.__code__.co_name:
        return Code(_of_bytes(fn))  # a lambda, or the file is no longer what was imported
    root.name = ""  # the definition has a name of its own
    root.decorator_list = [d for d in root.decorator_list if _decorated_by(d) not in _OURS]
    found: list[tuple[types.FunctionType, ast.stmt, str]] = [(fn, root, text)]
    seen, at = {fn}, 0
    while at < len(found):
        for other in _helpers(*found[at][:2]):
            if other not in seen and len(seen) < MOST_FUNCTIONS:
                seen.add(other)
                if (helper := _tree(other)) is not None:  # one that cannot be read does not count
                    found.append((other, *helper))
        at += 1
    digest = hashlib.blake2b(digest_size=6)
    for _, node, _ in found:
        for part in canonical(node):
            digest.update(part.encode())
    return Code(digest.hexdigest(), "\n\n".join(text for _, _, text in found))


def _helpers(fn: types.FunctionType, node: ast.stmt) -> Iterator[types.FunctionType]:
    """The plain functions of its own module that a function uses by name, by name."""
    names, own = _names_of(fn), set(fn.__code__.co_varnames)
    for name in sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - own):
        other = names.get(name)
        other = inspect.unwrap(other) if isinstance(other, types.FunctionType) else None
        if isinstance(other, types.FunctionType) and other.__module__ == fn.__module__:
            yield other


def _names_of(fn: types.FunctionType) -> dict[str, Any]:
    names = dict(fn.__globals__)
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            names.pop(name, None)  # not bound yet
    return names


def _tree(fn: types.FunctionType) -> tuple[ast.stmt, str] | None:
    """The statement that makes a function, and its text; None when the source cannot be read."""
    try:
        text = inspect.getsource(fn)
        body = ast.parse(f"if 1:\n{text}" if text[:1].isspace() else text).body
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if body and isinstance(body[0], ast.If):
        body = body[0].body
    return (body[0], _set_back(text)) if body else None


def _set_back(text: str) -> str:
    """A function as it stands at the beginning of a line; texts in it may have lines that begin further left."""
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    return "\n".join(line.removeprefix(indent) for line in text.rstrip().splitlines()) + "\n"


def _decorated_by(decorator: ast.expr) -> str:
    """The last name of a decorator: "step" of `@app.step(retries=3)`."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return named.attr if isinstance(named, ast.Attribute) else ""


def canonical(node: ast.AST) -> Iterator[str]:
    """A syntax tree as text that is the same on every version of Python, in pieces.

    Fields go by name, empty ones are left out (later versions have more of them), and the text between the braces of
    an f-string is one piece, however the parser cut it.
    """
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, ast.Constant):
            value = item.value
            yield f"<{type(value).__name__} {hex(value) if type(value) is int else ascii(value)}>"
        elif isinstance(item, ast.AST):
            yield f"({type(item).__name__}"
            waiting.append(")")
            for field in sorted(set(item._fields) - _IGNORED, reverse=True):
                value = _field(item, field)
                if value is not None and value != []:
                    waiting += (value, f" {field}=")
        elif isinstance(item, list):
            yield "["
            waiting += ("]", *reversed(item))
        else:
            yield f"<{item!a}>"


def _field(node: ast.AST, field: str) -> Any:
    value = getattr(node, field, None)
    if field == "body" and isinstance(node, _Def | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
        return value[1:] if value else value
    if isinstance(node, ast.JoinedStr) and field == "values":
        return _joined(value or [])
    if field == "format_spec" and isinstance(value, ast.JoinedStr) and not _joined(value.values):
        return None
    return value if not isinstance(value, str) else f"{value!a},"


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string with neighbouring texts made one and empty ones left out."""
    joined: list[ast.expr] = []
    for value in values:
        before = joined[-1] if joined else None
        if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            joined.append(value)
        elif isinstance(before, ast.Constant):
            joined[-1] = ast.Constant(str(before.value) + value.value)
        elif value.value:
            joined.append(value)
    return joined


def _of_bytes(fn: types.FunctionType) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for part in _compiled(fn.__code__):
        digest.update(part.encode() + b"\0")
    return f"py{sys.version_info[0]}.{sys.version_info[1]}-{digest.hexdigest()}"


def _compiled(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield ascii((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _compiled(constant)
        else:
            yield ascii(sorted(map(ascii, constant)) if isinstance(constant, frozenset) else constant)
