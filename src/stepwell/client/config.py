"""Settings: where each comes from (argument, environment, profile, project, default), and what it may be."""

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from stepwell.client.profiles import KEYS, Layer, profile, project
from stepwell.errors import DurationWarning, InvalidOption
from stepwell.model.duration import describe, doubtful, seconds

Mode = Literal["all", "client", "worker"]
DEFAULT_URL = "sqlite:///stepwell.db"
PREFIX = "STEPWELL_"
PROFILE: Final = "STEPWELL_PROFILE"
"""The profile to use, where none is named otherwise."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an app runs with; durations in seconds. `origin` says where each value came from."""

    database_url: str = DEFAULT_URL
    namespace: str = "default"
    mode: Mode = "all"
    concurrency: int = 10
    poll_interval: float | None = 1.0
    lease: float = 15.0
    grace: float = 30.0
    hot_runs: int = 2_000
    durability: Literal["full", "normal"] = "full"
    log_level: str | None = None
    retention: float | None = None
    origin: dict[str, str] = {}


TIMES: Final = {"poll_interval", "lease", "grace", "retention"}
_LEAST = {"poll_interval": 0.01, "lease": 0.1}
_NUMBERS = {"concurrency": 1, "hot_runs": 0}
_CHOICES = {
    "mode": ("all", "client", "worker"),
    "durability": ("full", "normal"),
    "log_level": ("debug", "info", "warning", "error"),
}


ALIASES: Final = {"url": "database_url"}
"""Names of settings in files, beside their own."""
NOT_OURS: Final = frozenset({"server", "profiles", *KEYS})
"""What may stand in a file besides, and is for clients of servers."""
_SAID: Final[dict[Any, Any]] = {}
"""The warnings of files and variables that have been given: each is given once."""


def settings(given: Mapping[str, Any], environment: Mapping[str, str] | None = None, *, named: str | None = None,
             folder: Path | None = None) -> Settings:  # fmt: skip
    """Settings from arguments (None: not given), `STEPWELL_*`, a profile, `[tool.stepwell]`, or the defaults.

    A profile `named` here goes before the environment, one that is named by `STEPWELL_PROFILE` after it. The project
    is that of `folder`, or of the current one.

    Raises:
        InvalidOption, InvalidDuration: a value is out of range; the message names the variable or the file.
    """
    environment = os.environ if environment is None else environment
    before, after = layers(environment, named, folder)
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in Settings.__struct_fields__:
        if name == "origin":
            continue
        variable = PREFIX + name.upper()
        found: list[tuple[Any, str, str]] = []
        if given.get(name) is not None:
            found.append((given[name], name, "argument"))
        found += _said(name, before)
        if variable in environment:
            found.append((environment[variable], variable, variable))
        found += _said(name, after)
        if not found:
            origin[name] = "default"
            continue
        value, source, origin[name] = found[0]
        values[name] = _checked(name, value, source, origin[name])
    return Settings(**values, origin=origin)


def _said(name: str, places: list[Layer]) -> list[tuple[Any, str, str]]:
    return [(at.values[name], f"{name} of {at.origin}", at.origin) for at in places if name in at.values]


def layers(environment: Mapping[str, str], named: str | None = None,
           folder: Path | None = None) -> tuple[list[Layer], list[Layer]]:  # fmt: skip
    """The files that say something: those that go before the environment, and those after it.

    Raises:
        InvalidOption: a file cannot be read or has settings that there are not; no profile has the name.
    """
    before = [] if named is None else [profile(named, environment, folder)]
    other = environment.get(PROFILE) if named is None else None
    after = [profile(other, environment, folder)] if other else []
    mine = project(folder)
    if mine is not None:
        after.append(mine)
    return [_known(layer) for layer in before], [_known(layer) for layer in after]


def _known(layer: Layer) -> Layer:
    values = {ALIASES.get(name, name): value for name, value in layer.values.items()}
    known = (set(Settings.__struct_fields__) - {"origin"}) | NOT_OURS
    if unknown := sorted(set(values) - known):
        raise InvalidOption(f"{layer.origin} has {', '.join(map(repr, unknown))}",
                            expected=f"some of {', '.join(sorted(known | set(ALIASES)))}")  # fmt: skip
    return msgspec.structs.replace(layer, values=values)


def _checked(name: str, value: Any, source: str, origin: str) -> Any:
    if name in TIMES:
        length = _length(value, source, origin)
        if length < _LEAST.get(name, 0.0):
            raise InvalidOption(f"{source}={value!r}", expected=f"at least {describe(_LEAST[name])}")
        return length
    if name in _NUMBERS:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise InvalidOption(f"{source}={value!r}", expected="a whole number") from None
        if number < _NUMBERS[name] or isinstance(value, bool):
            raise InvalidOption(f"{source}={value!r}", expected=f"at least {_NUMBERS[name]}")
        return number
    if name in _CHOICES and value not in _CHOICES[name]:
        raise InvalidOption(f"{source}={value!r}", expected=f"one of {', '.join(_CHOICES[name])}")
    if not isinstance(value, str) or not value:
        raise InvalidOption(f"{source}={value!r}", expected="a non-empty string")
    return value


def _length(value: Any, source: str, origin: str) -> float:
    """A length of time. What a file or variable says is warned of at that place: no line of code wrote it."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)  # a number of seconds in the environment is text
    if origin != "argument" and isinstance(value, int | float):
        doubt = doubtful(value, source)
        if doubt is not None:
            warnings.warn_explicit(doubt, DurationWarning, origin, 0, registry=_SAID)
            return seconds(timedelta(seconds=value), source)
    return seconds(value, source)
