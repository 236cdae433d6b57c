"""Finds raw clocks, randomness and I/O in workflow bodies: what a replay could not repeat."""

import dis
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

_FORBIDDEN: dict[str, set[str] | None] = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "sleep",
        "localtime", "gmtime", "ctime", "strftime",
    },
    "random": None,
    "secrets": None,
    "uuid": {"uuid1", "uuid4"},
    "os": {"urandom", "getenv", "environ", "system", "popen", "getpid", "listdir", "scandir"},
    "socket": None,
    "subprocess": None,
    "urllib.request": None,
    "requests": None,
    "httpx": None,
    "aiohttp": None,
    "builtins": {"open", "input"},
}  # fmt: skip
"""By module: what is not to be used in a body; None is everything but its exceptions."""
_REALLY = {"posix": "os", "nt": "os", "_random": "random", "_socket": "socket", "_io": "builtins", "io": "builtins"}
_METHODS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
_HINTS = {
    "time": "use stepwell.now(), or stepwell.sleep()",
    "random": "use stepwell.random()",
    "uuid": "use stepwell.uuid4()",
    "datetime": "use stepwell.now()",
    "date": "use stepwell.now()",
}
_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"}
_BETWEEN = {"PUSH_NULL", "CACHE", "PRECALL", "EXTENDED_ARG", "NOP"}
# What an expression ends with: up to there, functions made after `run_step` are its inline steps.
_ENDS = {"GET_AWAITABLE", "POP_TOP", "STORE_FAST", "STORE_DEREF", "RETURN_VALUE"}


def scan(fn: Callable[..., Any], seen: set[Any] | None = None) -> list[str]:
    """Suspicious uses in a workflow function and the plain functions of its module that it calls.

    Each is "file:line: what; what to do". Found by reading the byte code, so a use hidden behind an attribute
    of an object is missed: the kernel's own refusals and the test tripwire catch those at run time.
    """
    seen = set() if seen is None else seen
    code = getattr(fn, "__code__", None)
    if code is None or code in seen:
        return []
    seen.add(code)
    reading = _Reading(_names_of(fn))
    found = [f"{code.co_filename}:{line}: {what}" for line, what in reading.uses(code)]
    for other in reading.called:
        if other.__module__ == fn.__module__:
            found += scan(other, seen)
    return list(dict.fromkeys(found))


def _names_of(fn: Callable[..., Any]) -> dict[str, Any]:
    names = dict(getattr(fn, "__globals__", {}))
    for name, cell in zip(fn.__code__.co_freevars, getattr(fn, "__closure__", None) or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue  # not bound yet
    return names


class _Reading:
    """One function's byte code, read from top to bottom; `called` are the plain functions that it calls."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.called: list[types.FunctionType] = []

    def uses(self, code: types.CodeType) -> Iterator[tuple[int, str]]:
        """Line and description of every suspicious use, in nested functions too."""
        names = self.names | dict.fromkeys(code.co_varnames)  # parameters and locals hide what is outside
        line, owner, path, called, inline, imported = code.co_firstlineno, None, "", False, False, None
        steps: set[types.CodeType] = set()
        instructions = list(dis.get_instructions(code))
        for op, after in zip(instructions, [*instructions[1:], None], strict=True):
            if op.positions is not None and op.positions.lineno is not None:
                line = op.positions.lineno
            problem = None
            if op.opname in _LOADS:
                path = str(op.argval)
                owner = names.get(path) if path in names else _builtin(path)
                problem = _problem(owner, path)
                inline = inline or type(owner).__name__ == "RunStepNow"
                called = _is_called(op, after)
                if isinstance(owner, types.FunctionType) and called:
                    self.called.append(owner)
            elif op.opname in ("LOAD_ATTR", "LOAD_METHOD") and owner is not None:
                owner, path, problem = _attribute(owner, str(op.argval), path)
                called = called or _is_called(op, after)
            elif op.opname in ("IMPORT_NAME", "IMPORT_FROM"):
                imported = _imported(imported if op.opname == "IMPORT_FROM" else None, str(op.argval))
                owner = None
            elif op.opname not in _BETWEEN:
                if op.opname in ("STORE_FAST", "STORE_DEREF") and imported is not None:
                    names[str(op.argval)] = imported
                if op.opname == "LOAD_CONST" and inline and isinstance(op.argval, types.CodeType):
                    steps.add(op.argval)
                inline, owner = inline and op.opname not in _ENDS, None
            if problem is not None and (called or not inline):
                yield line, problem
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType) and constant not in steps:
                inner = _Reading(names)
                yield from inner.uses(constant)
                self.called += inner.called


def _is_called(op: dis.Instruction, after: dis.Instruction | None) -> bool:
    """Whether what an instruction loads is called, and not handed on."""
    if sys.version_info >= (3, 13) and after is not None and after.opname == "PUSH_NULL":
        return True
    flagged = op.opname == "LOAD_GLOBAL" or (op.opname == "LOAD_ATTR" and sys.version_info >= (3, 12))
    return op.opname == "LOAD_METHOD" or (flagged and bool((op.arg or 0) & 1))


def _attribute(parent: Any, name: str, path: str) -> tuple[Any, str, str | None]:
    path = f"{path}.{name}"
    owner = getattr(parent, name, None) if isinstance(parent, types.ModuleType | type) else None
    return owner, path, _method(parent, name, path) or _problem(owner, path)


def _imported(module: Any, name: str) -> Any:
    return sys.modules.get(name.partition(".")[0]) if module is None else getattr(module, name, module)


def _builtin(name: str) -> Any:
    return open if name == "open" else input if name == "input" else None


def _problem(value: Any, path: str) -> str | None:
    if value is None or isinstance(value, types.ModuleType):
        return None
    if isinstance(value, type) and issubclass(value, BaseException):
        return None  # what a step raised may be handled
    bound = getattr(value, "__self__", None)
    module = getattr(value, "__module__", None) or (type(bound).__module__ if bound is not None else "")
    if not isinstance(module, str):
        return None
    module = _REALLY.get(module, module)
    place = module if module in _FORBIDDEN else module.partition(".")[0]
    names = _FORBIDDEN.get(place, set())
    if names is None or getattr(value, "__name__", path.rpartition(".")[2]) in names:
        return _say(path, place)
    return None


def _method(parent: Any, name: str, path: str) -> str | None:
    kind = getattr(parent, "__name__", "")
    return _say(path, kind) if isinstance(parent, type) and (kind, name) in _METHODS else None


def _say(path: str, module: str) -> str:
    return f"{path} in a workflow body gives another answer on replay; {_HINTS.get(module, 'do this in a step')}"
