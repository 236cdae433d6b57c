"""Settings in files: `[tool.stepwell]` of the nearest pyproject.toml, and profiles there and in the user's own file."""

import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from stepwell.errors import InvalidOption

KEY: Final = "STEPWELL_API_KEY"
KEY_FILE: Final = "STEPWELL_API_KEY_FILE"
KEYS: Final = ("key_env", "key_file", "key_command")
PROJECT: Final = "pyproject.toml"
COMMAND_S: Final = 60.0


class Layer(msgspec.Struct, frozen=True):
    """Settings of one place: a profile, or the table of a project. `name` says which, `path` is the file."""

    name: str
    path: Path
    values: dict[str, Any]
    trusted: bool = False

    @property
    def origin(self) -> str:
        """Where a value of it comes from, for people."""
        return f"{self.name} in {self.path}"

    def text(self, setting: str) -> str | None:
        """A setting that is text. Raises InvalidOption if it is something else."""
        value = self.values.get(setting)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise InvalidOption(f"{setting} of {self.origin} is {value!r}", expected="a non-empty string")
        return value

    def key(self, environment: Mapping[str, str]) -> str | None:
        """The API key that it names, by an environment variable, a file or a command; None if it names none.

        Raises:
            InvalidOption: there is no key where it says; the message never shows one.
        """
        said = [setting for setting in KEYS if setting in self.values]
        if len(said) > 1:
            raise InvalidOption(f"{' and '.join(said)} of {self.origin}", expected="one of them")
        if "key_command" in said:
            return self._told(self.values["key_command"])
        if (variable := self.text("key_env")) is not None:
            if not environment.get(variable):
                raise InvalidOption(f"{variable} is not set", expected=f"the key, as key_env of {self.origin} says")
            return _checked(environment[variable], variable)
        if (file := self.text("key_file")) is not None:
            return _read(self.path.parent / Path(file).expanduser(), f"key_file of {self.origin}")
        return None

    def _told(self, command: Any) -> str:
        if not self.trusted:
            raise InvalidOption(
                f"key_command of {self.origin}", expected="it only in your own file",
                hint=f"A repository must not run commands of its choice: move the profile to {user_file()}.",
            )  # fmt: skip
        if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
            raise InvalidOption(f"key_command of {self.origin}", expected='a list: ["pass", "show", "stepwell"]')
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=True)
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
            raise InvalidOption(f"key_command of {self.origin} failed: {type(error).__name__}",
                                hint=f"Try it by hand: {command[0]} …") from None  # fmt: skip
        return _checked(done.stdout, f"what key_command of {self.origin} prints")


def key_from(environment: Mapping[str, str]) -> str | None:
    """The API key of the environment: `STEPWELL_API_KEY`, or the content of `STEPWELL_API_KEY_FILE`.

    Raises:
        InvalidOption: it cannot be one, or the file cannot be read.
    """
    if environment.get(KEY):
        return _checked(environment[KEY], KEY)
    file = environment.get(KEY_FILE)
    return _read(Path(file).expanduser(), KEY_FILE) if file else None


def user_file(environment: Mapping[str, str] | None = None) -> Path:
    """The user's own file: `$XDG_CONFIG_HOME/stepwell/config.toml`, else `~/.config/stepwell/config.toml`."""
    environment = os.environ if environment is None else environment
    above = environment.get("XDG_CONFIG_HOME")
    return (Path(above) if above else Path.home() / ".config") / "stepwell" / "config.toml"


def project(folder: Path | None = None) -> Layer | None:
    """`[tool.stepwell]` of the nearest pyproject.toml, from the current folder upwards; None if there is none.

    Raises:
        InvalidOption: the file is no TOML, or the table is none.
    """
    here = Path.cwd() if folder is None else folder
    for above in (here, *here.parents):
        file = above / PROJECT
        if file.is_file():
            if b"tool.stepwell" not in file.read_bytes():
                return None
            table = _table(_loaded(file).get("tool", {}), "stepwell", file)
            return None if table is None else Layer("[tool.stepwell]", file, table)
    return None


def profiles(environment: Mapping[str, str], folder: Path | None = None) -> dict[str, Layer]:
    """All profiles by name; the user's own go before the project's.

    Raises:
        InvalidOption: a file is no TOML, or a profile no table.
    """
    own, mine = user_file(environment), project(folder)
    found: dict[str, Layer] = {}
    if mine is not None:
        for name, values in (_table(mine.values, "profiles", mine.path) or {}).items():
            found[name] = Layer(f"profile {name}", mine.path, _values(name, values, mine.path))
    if own.is_file():
        for name, values in (_table(_loaded(own), "profiles", own) or {}).items():
            found[name] = Layer(f"profile {name}", own, _values(name, values, own), trusted=True)
    return found


def profile(name: str, environment: Mapping[str, str], folder: Path | None = None) -> Layer:
    """The profile of a name. Raises InvalidOption if there is none; the message names those there are."""
    found = profiles(environment, folder)
    if name not in found:
        raise InvalidOption(
            f"there is no profile {name!r}",
            expected=f"one of {', '.join(sorted(found))}" if found else None,
            hint=f"Write [profiles.{name}] in {user_file(environment)}, or "
            f"[tool.stepwell.profiles.{name}] in {PROJECT}.",
        )
    return found[name]


def _values(name: str, values: Any, file: Path) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise InvalidOption(f"profile {name} in {file} is {values!r}", expected="a table of settings")
    return values


def _table(above: Any, name: str, file: Path) -> dict[str, Any] | None:
    table = above.get(name) if isinstance(above, dict) else None
    if table is not None and not isinstance(table, dict):
        raise InvalidOption(f"{name} in {file} is {table!r}", expected="a table")
    return table


def _loaded(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidOption(f"{file} cannot be read: {error}") from None


def _read(file: Path, said: str) -> str:
    try:
        return _checked(file.read_text(encoding="utf-8"), f"the file {file}")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOption(f"{said} cannot be read: {error}", hint="It holds the key, and nothing else.") from None


def _checked(key: str, source: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidOption(f"{source} is no API key", expected="swk_…, in one line")
    return key
