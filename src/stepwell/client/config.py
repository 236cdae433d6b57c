"""Settings: where each comes from (argument, environment, default), and what it may be."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec

from stepwell.errors import InvalidOption
from stepwell.model.duration import describe, seconds

Mode = Literal["all", "client", "worker"]
DEFAULT_URL = "sqlite:///stepwell.db"
PREFIX = "STEPWELL_"


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


_TIMES = {"poll_interval", "lease", "grace", "retention"}
_LEAST = {"poll_interval": 0.01, "lease": 0.1}
_NUMBERS = {"concurrency": 1, "hot_runs": 0}
_CHOICES = {
    "mode": ("all", "client", "worker"),
    "durability": ("full", "normal"),
    "log_level": ("debug", "info", "warning", "error"),
}


def settings(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from arguments (None: not given), then `STEPWELL_*`, then the defaults.

    Raises:
        InvalidOption, InvalidDuration: a value is out of range; the message names the variable.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in Settings.__struct_fields__:
        if name == "origin":
            continue
        variable = PREFIX + name.upper()
        if given.get(name) is not None:
            values[name], origin[name] = _checked(name, given[name], name), "argument"
        elif variable in environment:
            values[name], origin[name] = _checked(name, environment[variable], variable), variable
        else:
            origin[name] = "default"
    return Settings(**values, origin=origin)


def _checked(name: str, value: Any, source: str) -> Any:
    if name in _TIMES:
        length = seconds(_number(value), source)
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


def _number(value: Any) -> Any:
    """A number of seconds in the environment is text."""
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value
