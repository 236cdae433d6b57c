"""Where a PostgreSQL database is, from its URL: what is the driver's to know, and what is ours."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from stepwell.errors import InvalidOption
from stepwell.store.sql.urls import masked

T = TypeVar("T")
SCHEMA: Final = "stepwell"
LANES: Final = 2
MOST_LANES: Final = 32
DEADLINE: Final = 10.0
"""Seconds for any one answer of the database: less than the shortest lease that makes sense over a network."""
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_DEADLINE: Final = "deadline"
_THEIRS: Final = (
    "host", "port", "user", "password", "passfile", "database", "dbname", "service", "sslmode", *_FILES, "sslpassword",
    "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname",
    "gsslib", "application_name", "options",
)  # fmt: skip
_SETTING: Final = re.compile(r"[\"«»„“]\s*([\w.]+)\s*[\"»«“”]")  # a server's messages may be in another language
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,47}")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """`dsn` is what the driver gets; `shown` is the URL as messages have it, without a password.

    `schema` is the PostgreSQL schema that holds our tables. `lanes` is how many commits may be under way at once.
    `listen`: use LISTEN for hints. `prepared`: use named prepared statements, which not every pooler knows.
    `deadline` is in seconds.
    """

    dsn: str
    shown: str
    schema: str = SCHEMA
    lanes: int = LANES
    listen: bool = True
    prepared: bool = True
    deadline: float = DEADLINE
    named: bool = False


def address(url: str) -> Address:
    """Read a URL: `postgresql://user:password@host:port/database?schema=…&lanes=…&listen=off&prepared=off&…`.

    All other parameters are the driver's (sslmode, sslrootcert, host, target_session_attrs, …).

    Raises:
        InvalidOption: it is no such URL, a parameter of ours has a value that it cannot have, or a file that it names
            is not there.
    """
    shown = masked(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidOption(f"database URL {shown!r}: {error}", expected=_EXPECTED) from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise InvalidOption(f"database URL {shown!r}", expected=_EXPECTED)
    theirs: list[tuple[str, str]] = []
    ours: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in _OURS:
            ours[name] = value
        else:
            theirs.append((name, value))
            if name in _FILES and not Path(value).is_file():
                raise InvalidOption(f"{name}={value!r} in the database URL", expected="a file that can be read")
    dsn = f"postgresql://{parts.netloc}{parts.path}{'?' * bool(theirs)}{urlencode(theirs)}"
    read = {name: _OURS[name](name, value) for name, value in ours.items()}
    named = any(name == "application_name" for name, _ in theirs)
    return msgspec.convert({"dsn": dsn, "shown": shown, "named": named} | read, Address)


def refused(address: Address, told: str, *, known: bool) -> InvalidOption | None:
    """What the server says of a setting, as an error about the parameter of the URL that it comes from, if from one.

    The driver hands what it does not know to the server as settings (search_path, statement_timeout), of which only
    the server knows the names. `known`: it has such a setting, but does not take the value.
    """
    about = _SETTING.search(told)
    given = dict(parse_qsl(urlsplit(address.dsn).query, keep_blank_values=True))
    if about is None or not (about[1] in given or about[1] in given.get("options", "")):
        return None
    what = f"{about[1] if about[1] in given else 'options'} in the database URL {address.shown!r}: {told}"
    if known:
        return InvalidOption(what)
    near = [_DEADLINE] if about[1] == "connect_timeout" else get_close_matches(about[1], (*_OURS, *_THEIRS), 1)
    return InvalidOption(
        what,
        expected=f"{', '.join(_OURS)}, a parameter of the driver ({', '.join(_THEIRS)}) or a setting of the server",
        hint=f"Did you mean {near[0]}?" if near else None,
    )


def checked_schema(name: str, value: str) -> str:
    """The name of a schema, if it may be one. Raises InvalidOption."""
    if _NAME.fullmatch(value) is None or value.startswith("pg_") or value == "information_schema":
        raise InvalidOption(
            f"{name}={value!r} in the database URL",
            expected="up to 48 small letters, digits and underscores, not beginning with a digit or with pg_",
        )
    return value


def _lanes(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MOST_LANES:
        raise InvalidOption(f"{name}={value!r} in the database URL", expected=f"a number from 1 to {MOST_LANES}")
    return int(value)


def _switch(name: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise InvalidOption(f"{name}={value!r} in the database URL", expected="on or off")
    return value == "on"


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600.0:
        raise InvalidOption(f"{name}={value!r} in the database URL", expected="seconds, from 0.1 to 3600")
    return seconds


_EXPECTED: Final = "postgresql://user:password@host:port/database"
_OURS: Final[dict[str, Callable[[str, str], object]]] = {
    "schema": checked_schema, "lanes": _lanes, "listen": _switch, "prepared": _switch, _DEADLINE: _seconds,
}  # fmt: skip
