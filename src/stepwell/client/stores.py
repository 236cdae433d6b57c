"""From a database URL to a store."""

from urllib.parse import unquote, urlsplit

from stepwell.client.config import Settings
from stepwell.errors import InvalidOption, MissingExtra
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store


def store_for(settings: Settings, clock: Clock) -> Store:
    """The store of a URL: `sqlite:///file.db` (three slashes: relative, four: absolute), `memory://`.

    Raises:
        InvalidOption: the URL names no known store; the message never shows its password.
    """
    url = settings.database_url
    kind = url.partition(":")[0]
    if kind == "sqlite":
        from stepwell.store.sqlite import SqliteStore  # noqa: PLC0415 - loads a database library

        return SqliteStore(sqlite_path(url), settings.namespace, clock, durability=settings.durability)
    if kind == "memory":
        from stepwell.store.memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(settings.namespace, clock)
    if kind in ("postgresql", "postgres"):
        raise MissingExtra(
            f"no store for {masked(url)!r} is installed in this version",
            expected="a sqlite:/// URL",
        )
    raise InvalidOption(f"database URL {masked(url)!r}", expected="sqlite:///path/to/file.db or memory://")


def sqlite_path(url: str) -> str:
    """The file that an SQLite URL names. Raises InvalidOption when it names none."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or not path:
        raise InvalidOption(
            f"database URL {masked(url)!r}", expected="sqlite:///relative.db or sqlite:////absolute/path.db"
        )
    return path


def masked(url: str) -> str:
    """A URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
