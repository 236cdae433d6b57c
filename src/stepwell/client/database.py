"""A database seen from outside of an app: its schema, its upgrade, its health."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from stepwell.client.config import Settings
from stepwell.client.stores import POSTGRES, masked, require_postgres, sqlite_path
from stepwell.errors import InvalidOption
from stepwell.ports.clock import Clock
from stepwell.store.sql.versions import SchemaStatus

LEAST_FREE_BYTES = 200 * 1024 * 1024


class SchemaReport(NamedTuple):
    """`schema`: what the database has, 0 for nothing; `newest`: what this version brings it to."""

    database: str
    schema: int
    newest: int
    min_reader: int
    pending: tuple[str, ...]
    usable: bool


class Finding(NamedTuple):
    """What was looked at, how it is, and what it says; `hint` is what to do."""

    what: str
    level: Literal["ok", "warn", "fail"]
    text: str
    hint: str = ""


def schema_report(settings: Settings) -> SchemaReport:
    """The state of the schema; nothing is created. Raises WorldError, InvalidOption."""
    if _is_postgres(settings):
        from stepwell.store.postgres.schema import schema_status as remote_status  # noqa: PLC0415 - loads a driver

        return _report(settings, asyncio.run(remote_status(settings.database_url)))
    from stepwell.store.sqlite.schema import schema_status  # noqa: PLC0415 - loads a database library

    return _report(settings, schema_status(_file(settings)))


def _report(settings: Settings, status: SchemaStatus) -> SchemaReport:
    shown = masked(settings.database_url)
    return SchemaReport(shown, status.schema, status.newest, status.min_reader, status.pending, status.usable)


def upgrade(settings: Settings, clock: Clock) -> SchemaReport:
    """Create the tables, or bring them up to date. Raises WorldError, InvalidOption."""
    if _is_postgres(settings):
        from stepwell.store.postgres import schema as remote  # noqa: PLC0415

        return _report(settings, asyncio.run(remote.upgrade(settings.database_url)))
    from stepwell.store.sqlite import schema  # noqa: PLC0415

    schema.upgrade(_file(settings), clock.now())
    return schema_report(settings)


def upgrade_sql(settings: Settings) -> str:
    """What `upgrade` would execute. Raises WorldError, InvalidOption."""
    if _is_postgres(settings):
        from stepwell.store.postgres import schema as remote  # noqa: PLC0415

        return asyncio.run(remote.upgrade_sql(settings.database_url))
    from stepwell.store.sqlite import schema  # noqa: PLC0415

    return schema.upgrade_sql(_file(settings))


def health(settings: Settings) -> Iterator[Finding]:
    """Looks at the database itself, or the server that it is on. Raises WorldError where it cannot look."""
    if _is_postgres(settings):
        from stepwell.store.postgres.health import examine  # noqa: PLC0415

        return (Finding(*found) for found in asyncio.run(examine(settings.database_url)))
    return _health_of_file(settings)


def _health_of_file(settings: Settings) -> Iterator[Finding]:
    """File, disk, journal, integrity."""
    from stepwell.store.sqlite.connection import connect  # noqa: PLC0415
    from stepwell.store.sqlite.filesystem import filesystem_of, refuse_network, system_mounts  # noqa: PLC0415

    path = Path(_file(settings))
    refuse_network(path)
    kind = filesystem_of(path.resolve(), system_mounts()) or "of an unknown type"
    yield Finding("file system", "ok", f"{kind}, local")
    yield _space(path)
    db = connect(str(path))
    try:
        mode = db.value("PRAGMA journal_mode")
        yield (
            Finding("journal mode", "ok", "wal")
            if mode == "wal"
            else Finding("journal mode", "fail", str(mode), "The file system must support shared memory (WAL).")
        )
        wrong = [row[0] for row in db.all("PRAGMA quick_check(5)")]
        yield (
            Finding("integrity", "ok", "quick check found nothing")
            if wrong == ["ok"]
            else Finding("integrity", "fail", "; ".join(wrong), "Stop the workers and restore a backup.")
        )
    finally:
        db.conn.close()


def sqlite_version() -> str:
    """The version of the SQLite library in use. Raises StoreUnavailable for one that cannot be trusted."""
    from stepwell.store.sqlite.connection import connect  # noqa: PLC0415

    db = connect(":memory:")
    try:
        return str(db.value("SELECT sqlite_version()"))
    finally:
        db.conn.close()


def _space(path: Path) -> Finding:
    import shutil  # noqa: PLC0415

    free = shutil.disk_usage(path.resolve().parent).free
    size = path.stat().st_size / 1e6
    text = f"database {size:,.1f} MB, free {free / 1e9:,.1f} GB"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", "warn", text, "Make space: when it runs out, nothing is acknowledged any more.")
    return Finding("disk", "ok", text)


def _is_postgres(settings: Settings) -> bool:
    if settings.database_url.partition(":")[0] not in POSTGRES:
        return False
    require_postgres(settings.database_url)
    return True


def _file(settings: Settings) -> str:
    if settings.database_url.partition(":")[0] == "sqlite":
        return sqlite_path(settings.database_url)
    if settings.database_url.startswith("memory:"):
        what = "memory:// is no database that outlives its process"
    else:
        what = f"database URL {masked(settings.database_url)!r}"
    raise InvalidOption(what, expected="a sqlite:/// or postgresql:// URL")
