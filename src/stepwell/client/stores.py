"""From a database URL to a store."""

from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

from stepwell.client.config import Settings
from stepwell.errors import InvalidOption, MissingExtra
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.sql.urls import masked

__all__ = ["POSTGRES", "masked", "require_postgres", "sqlite_path", "store_for"]
POSTGRES: Final = ("postgresql", "postgres")


def store_for(settings: Settings, clock: Clock) -> Store:
    """The store of a URL: `sqlite:///file.db` (three slashes: relative, four: absolute), `postgresql://…`, `memory://`.

    Raises:
        InvalidOption: the URL names no known store; the message never shows its password.
        MissingExtra: it needs a package that is not installed.
    """
    url = settings.database_url
    kind = url.partition(":")[0]
    if kind == "sqlite":
        from stepwell.store.sqlite import SqliteStore  # noqa: PLC0415 - loads a database library

        return SqliteStore(sqlite_path(url), settings.namespace, clock, durability=settings.durability)
    if kind == "memory":
        from stepwell.store.memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(settings.namespace, clock)
    if kind in POSTGRES:
        require_postgres(url)
        from stepwell.store.postgres import PostgresStore  # noqa: PLC0415 - loads a database library

        return PostgresStore(url, settings.namespace, clock, durability=settings.durability)
    raise InvalidOption(
        f"database URL {masked(url)!r}",
        expected="sqlite:///path/to/file.db, postgresql://user@host/database or memory://",
    )


def require_postgres(url: str) -> None:
    """Raises MissingExtra when the driver that PostgreSQL needs is not installed."""
    if find_spec("asyncpg") is None:
        raise MissingExtra(
            f"the database URL {masked(url)!r} needs the package asyncpg",
            hint="Install it: pip install 'stepwell[postgres]'",
        )


def sqlite_path(url: str) -> str:
    """The file that an SQLite URL names. Raises InvalidOption when it names none."""
    parts = urlsplit(url)
    path = unquote(parts.path)[1:]
    if parts.netloc or not path:
        raise InvalidOption(
            f"database URL {masked(url)!r}", expected="sqlite:///relative.db or sqlite:////absolute/path.db"
        )
    return path
