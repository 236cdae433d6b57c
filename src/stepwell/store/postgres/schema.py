"""The schema of a PostgreSQL database: what it has, and bringing it up to date."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.translation import translated
from stepwell.store.sql.migrations import migrations
from stepwell.store.sql.sealing import arrival_key, refuse, seal_key
from stepwell.store.sql.versions import SchemaStatus, Steps, notes, status_of, too_new

PATIENCE: Final = 3600.0
"""Seconds that a migration may take, or whatever else looks at all rows of a table."""
# One at a time. The lock ends with its transaction, so that it holds behind a pooler too; the number is arbitrary.
_ALONE: Final = "SELECT pg_advisory_xact_lock(736182736, hashtext($1))"
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s'"
# Not by to_regclass: in a transaction that has waited for another one it still misses what that one has made.
_THERE: Final = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = 'meta'"
)
_NOTE: Final = "INSERT INTO {meta} VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_MADE: Final = (
    "INSERT INTO {meta} VALUES ('created_at', extract(epoch FROM clock_timestamp())::text) ON CONFLICT DO NOTHING"
)


@asynccontextmanager
async def visit(home: Home) -> AsyncGenerator[Db]:
    """A connection for a moment, on which nothing is prepared. Errors leave as ours."""
    db: Db | None = None
    try:
        db = await connect(home, plain=True)
        yield db
    except Exception as error:
        ours = translated(error, home.address.shown)
        if ours is error:
            raise
        raise ours from error
    finally:
        if db is not None:
            await db.close()


async def schema_status(url: str, steps: Steps | None = None) -> SchemaStatus:
    """What the database of a URL has; nothing is made. Raises InvalidOption, WorldError."""
    async with visit(Home(address(url))) as db:
        return await read_status(db, steps)


async def read_status(db: Db, steps: Steps | None = None) -> SchemaStatus:
    """What an open database has."""
    steps = migrations("postgres") if steps is None else steps
    found: dict[str, str] = {}
    if await db.value(_THERE, db.schema):
        found = dict(await db.all("SELECT name, value FROM {meta} WHERE name IN ('schema', 'min_reader')"))
    shown = db.home.address.shown
    return status_of(shown, int(found.get("schema", 0)), int(found.get("min_reader", 0)), steps)


async def upgrade(url: str, steps: Steps | None = None) -> SchemaStatus:
    """Apply the pending migrations, each in a transaction of its own.

    Raises:
        SchemaTooNew, StoreReadOnly, StoreLocked, DiskFull, StoreUnavailable, InvalidOption.
    """
    async with visit(Home(address(url))) as db:
        return await migrate(db, steps)


async def migrate(db: Db, steps: Steps | None = None) -> SchemaStatus:
    """As `upgrade`, over an open connection."""
    steps = migrations("postgres") if steps is None else steps
    for step in steps:
        await db.conn.execute(_BEGIN)
        try:
            await db.conn.fetchval(_ALONE, db.schema, timeout=PATIENCE)
            db.inside = True
            status = await read_status(db, steps)  # another process may have been faster
            if status.min_reader > len(steps):
                raise too_new(status)
            if status.schema < step.number:
                if not await db.value("SELECT count(*) FROM pg_namespace WHERE nspname = $1", db.schema):
                    await db.conn.execute(db.sql("CREATE SCHEMA {schema}"))
                await db.conn.execute(db.sql(step.sql), timeout=PATIENCE)
                for name, value in notes(step):
                    await db.run(_NOTE, name, str(value))
                await db.run(_MADE)
            await db.conn.execute("COMMIT")
        except BaseException:
            await _abandon(db)
            raise
        finally:
            db.inside = False
    return await read_status(db, steps)


async def enter(db: Db, namespace: str, *, create: bool = True) -> int:
    """The number of a namespace, which is made if need be, or else is 0: then there is nothing to be read in it."""
    look = "SELECT ns FROM {namespaces} WHERE name = $1"
    found: int | None = await db.value(look, namespace)
    if found is None and create:
        await db.run("INSERT INTO {namespaces} (name) VALUES ($1) ON CONFLICT DO NOTHING", namespace)
        found = await db.value(look, namespace)
    return found or 0


async def refuse_moved(db: Db, namespace: str) -> None:
    """Whether a namespace may be opened. Raises StoreMoved."""
    found = dict(await db.all("SELECT name, value FROM {meta}"))
    refuse(namespace, found.get(seal_key(namespace)), found.get(arrival_key(namespace)))


async def upgrade_sql(url: str, steps: Steps | None = None) -> str:
    """What `upgrade` would execute, for people who want to read it first, or to execute it themselves."""
    steps = migrations("postgres") if steps is None else steps
    async with visit(Home(address(url))) as db:
        schema = (await read_status(db, steps)).schema
        parts = [] if schema else [db.sql("CREATE SCHEMA IF NOT EXISTS {schema};")]
        for step in steps:
            if step.number > schema:
                note = db.sql(_NOTE)
                noted = [note.replace("$1", f"'{n}'").replace("$2", f"'{v}'") + ";" for n, v in notes(step)]
                parts.append("\n".join(["BEGIN;", db.sql(step.sql).strip(), *noted, db.sql(_MADE) + ";", "COMMIT;"]))
    return "\n\n".join(parts) + "\n" if parts else "-- nothing to do\n"


async def _abandon(db: Db) -> None:
    try:
        await db.conn.execute("ROLLBACK", timeout=2.0)
    except Exception:  # noqa: BLE001 - what led here says what is wrong; the connection goes
        db.conn.terminate()
