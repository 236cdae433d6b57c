"""Finds raw clocks, randomness and I/O in workflow bodies: what a replay could not repeat."""

import dis
import types
from collections.abc import Callable, Iterator
from typing import Any

_FORBIDDEN = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep", "localtime", "gmtime"},
    "random": None,
    "secrets": None,
    "uuid": {"uuid1", "uuid4"},
    "os": {"urandom", "getenv", "environ", "system", "popen", "getpid"},
    "asyncio.threads": {"to_thread"},
    "socket": None,
    "subprocess": None,
    "urllib.request": None,
    "requests": None,
    "httpx": None,
    "aiohttp": None,
    "builtins": {"open", "input"},
}
_METHODS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_HINTS = {
    "time": "use stepwell.now(), or stepwell.sleep()",
    "random": "use stepwell.random()",
    "uuid": "use stepwell.uuid4()",
    "datetime": "use stepwell.now()",
    "date": "use stepwell.now()",
}


def scan(fn: Callable[..., Any], seen: set[Any] | None = None) -> list[str]:
    """Suspicious uses in a workflow function and the plain functions of its module that it calls.

    Each is "file:line: what; what to do". Found by reading the byte code, so a use hidden behind an attribute
    of an object is missed: the kernel's own refusals and the test tripwire catch those at run time. So are functions
    defined inside the workflow, lambdas too: they may well be the bodies of inline steps.
    """
    seen = set() if seen is None else seen
    code = getattr(fn, "__code__", None)
    if code is None or code in seen:
        return []
    seen.add(code)
    found = [f"{code.co_filename}:{line}: {what}" for line, what in _uses(code, getattr(fn, "__globals__", {}))]
    for name in code.co_names:
        other = getattr(fn, "__globals__", {}).get(name)
        if isinstance(other, types.FunctionType) and other.__module__ == fn.__module__:
            found += scan(other, seen)
    return found


def _uses(code: types.CodeType, names: dict[str, Any]) -> Iterator[tuple[int, str]]:
    line = code.co_firstlineno
    owner: Any = None
    path = ""
    for step in dis.get_instructions(code):
        if step.positions is not None and step.positions.lineno is not None:
            line = step.positions.lineno
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            name = str(step.argval)
            owner, path = names.get(name, _builtin(name)), name
            problem = _problem(owner, path)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and owner is not None:
            parent, path = owner, f"{path}.{step.argval}"
            owner = getattr(parent, str(step.argval), None) if isinstance(parent, types.ModuleType | type) else None
            problem = _method(parent, str(step.argval), path) or _problem(owner, path)
        else:
            if step.opname not in ("PUSH_NULL", "CACHE", "PRECALL", "EXTENDED_ARG"):
                owner = None
            continue
        if problem is not None:
            yield line, problem
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant.co_name in _COMPREHENSIONS:
            yield from _uses(constant, names)


def _builtin(name: str) -> Any:
    return open if name == "open" else input if name == "input" else None


def _problem(value: Any, path: str) -> str | None:
    if isinstance(value, types.ModuleType) or value is None:
        return None
    bound = getattr(value, "__self__", None)
    module = getattr(value, "__module__", None) or (type(bound).__module__ if bound is not None else "")
    name = getattr(value, "__name__", "")
    if value is open:
        module, name = "builtins", "open"
    names = _FORBIDDEN.get(module, set())
    if names is None or name in names:
        return _say(path, module)
    return None


def _method(parent: Any, name: str, path: str) -> str | None:
    kind = getattr(parent, "__name__", "")
    return _say(path, kind) if isinstance(parent, type) and (kind, name) in _METHODS else None


def _say(path: str, module: str) -> str:
    return f"{path} in a workflow body gives another answer on replay; {_HINTS.get(module, 'do this in a step')}"
