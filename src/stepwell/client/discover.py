"""Finds an app by a reference that another process can use, and the reference of an app that is loaded here.

References: `package.module:app`, `package.module`, `path/to/file.py:app`, `path/to/file.py`. Without a name after
the colon, the module has to hold exactly one app.
"""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any, Final

import msgspec

from stepwell.client.app import App
from stepwell.client.usertrace import users_part
from stepwell.errors import UsageError

_OWN: Final = "stepwell."
_NO_FILE: Final = ("<stdin>", "<string>", "<input>")
FORMS: Final = "module:app, package.module:app, file.py or file.py:app"


class AppNotFound(UsageError, code="app_not_found"):
    """A reference names no file, no module, or nothing in it that is an app."""


class AppAmbiguous(UsageError, code="app_ambiguous"):
    """A reference leaves open which of several apps is meant; the message names them."""


class AppBroken(UsageError, code="app_broken"):
    """Importing the module of an app raised; `traceback` is the user's own part of it."""

    own = ("traceback",)
    traceback: str = ""


class Reference(msgspec.Struct, frozen=True):
    """A reference in its parts: a file or a module, and the name of the app in it."""

    file: Path | None
    module: str
    name: str | None

    def __str__(self) -> str:
        place = str(self.file) if self.file is not None else self.module
        return place if self.name is None else f"{place}:{self.name}"


def parse(reference: str) -> Reference:
    """The parts of a reference; a file's path becomes absolute. Raises AppNotFound for what is none."""
    place, colon, name = reference.rpartition(":")
    if not colon or not all(part.isidentifier() for part in name.split(".")):
        place, name = reference, ""  # no colon, or that of a Windows drive
    if place.endswith(".py") or "/" in place or "\\" in place:
        path = Path(place).expanduser().absolute()
        if not path.is_file():
            raise AppNotFound(f"there is no file {place!r}", expected=FORMS)
        return Reference(path, _module_of(path)[1], name or None)
    if not place or not all(part.isidentifier() for part in place.split(".")):
        raise AppNotFound(f"{reference!r} names no app", expected=FORMS)
    return Reference(None, place, name or None)


def load(reference: str) -> App:
    """Import the module that a reference names, and return its app.

    Raises:
        AppNotFound, AppAmbiguous: nothing, or more than one thing, is meant. AppBroken: the import raised.
    """
    parts = parse(reference)
    module = _import(parts)
    return _named(module, parts) if parts.name is not None else _only(module, parts)


def reference_of(app: App) -> str | None:
    """A reference by which another process can load the app's definitions; None when there is none.

    A script is referred to by its file, a program run with `-m` by its module. An app made in a function, in a
    notebook or at a prompt cannot be found by another process.
    """
    wanted = {id(app), id(app.registry.app)}
    definitions = (app.registry.workflow(name) for name in app.registry.workflow_names())
    homes = {definition.fn.__module__ for definition in definitions if definition is not None}
    found = [
        (module not in homes, module == "__main__", module, name)
        for module, held in list(sys.modules.items())
        if not module.startswith(_OWN)
        for name, value in list(getattr(held, "__dict__", {}).items())
        if id(value) in wanted and name.isidentifier()
    ]
    for _, _, module, name in sorted(found):
        place = _place(module)
        if place is not None:
            return f"{place}:{name}"
    return None


def _place(module: str) -> str | None:
    loaded = sys.modules[module]
    spec = getattr(loaded, "__spec__", None)
    if module == "__main__" and spec is not None:
        return str(spec.name)  # python -m package.module
    if "." in module and _importable(module):
        return module
    file = getattr(loaded, "__file__", None)
    if not file or file in _NO_FILE or not Path(file).is_file():
        return None
    return str(Path(file).absolute())


def _importable(module: str) -> bool:
    """Whether a fresh process finds this module by its name: it was not loaded from a file outside the path."""
    loaded = sys.modules.pop(module)
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    finally:
        sys.modules[module] = loaded
    return found is not None and found.origin == getattr(loaded, "__file__", None)


def _import(parts: Reference) -> ModuleType:
    root = _module_of(parts.file)[0] if parts.file is not None else Path.cwd()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        if parts.file is not None and parts.file.parent == root:
            return _import_file(parts.file, parts.module)
        return importlib.import_module(parts.module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name, parts.module):
            hint = f"It was looked for from {Path.cwd()} on."
            raise AppNotFound(f"there is no module {parts.module!r}", expected=FORMS, hint=hint) from None
        raise _broken(parts, error) from error


def _is_part(missing: str | None, module: str) -> bool:
    return missing is not None and (module == missing or module.startswith(missing + "."))


def _import_file(file: Path, name: str) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None:
        if getattr(known, "__file__", None) == str(file):
            return known
        name = f"_stepwell_{name}"  # the file's name is taken: app.py beside an installed package `app`
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are resolved through it, while it is being executed, too
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_of(file: Path) -> tuple[Path, str]:
    """Where a file's imports start, and its name from there: a file inside a package belongs to it."""
    parts, folder = [] if file.stem == "__init__" else [file.stem], file.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _broken(parts: Reference, error: BaseException) -> AppBroken:
    hint = "The traceback shows where."
    if isinstance(error, SystemExit):
        hint = "Put what runs the program under `if __name__ == '__main__':`."
    lines = traceback.format_exception(type(error), error, _users(error.__traceback__))
    shown = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    place = parts.file if parts.file is not None else parts.module
    trace = users_part("".join(lines).rstrip())
    return AppBroken(f"importing {place} failed with {shown}", hint=hint, traceback=trace)


def _users(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that belongs neither to us nor to Python's import."""
    while frames is not None and _is_machinery(frames.tb_frame):
        frames = frames.tb_next
    return frames


def _is_machinery(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == __name__ or name.startswith(("importlib", "_frozen_importlib"))


def _named(module: ModuleType, parts: Reference) -> App:
    value: Any = module
    assert parts.name is not None
    for part in parts.name.split("."):
        if not hasattr(value, part):
            there = ", ".join(_apps(module)) or "no app at all"
            raise AppNotFound(f"{module.__name__!r} has no {parts.name!r}", hint=f"It has {there}.")
        value = getattr(value, part)
    if not isinstance(value, App):
        raise AppNotFound(f"{parts} is of type {type(value).__name__}", expected="an App")
    return value


def _only(module: ModuleType, parts: Reference) -> App:
    apps = _apps(module)
    if not apps:
        raise AppNotFound(f"there is no App in {parts}", hint="It needs `app = App()` at its top level.")
    if len({id(app) for app in apps.values()}) > 1:
        raise AppAmbiguous(
            f"{parts} has several apps: {', '.join(apps)}", hint=f"Name one of them: {parts}:{next(iter(apps))}"
        )
    return next(iter(apps.values()))


def _apps(module: ModuleType) -> dict[str, App]:
    return {name: value for name, value in vars(module).items() if isinstance(value, App)}
