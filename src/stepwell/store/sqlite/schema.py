"""The schema of a database file: what it has, whether this version may use it, and bringing it up to date."""

from pathlib import Path

import apsw

from stepwell.store.sql.migrations import migrations
from stepwell.store.sql.versions import SchemaStatus, Steps, check, notes, status_of, too_new
from stepwell.store.sqlite.connection import Db, connect, translated

__all__ = ["SchemaStatus", "check", "migrate", "read_status", "schema_status", "upgrade", "upgrade_sql"]


def schema_status(path: str, steps: Steps | None = None) -> SchemaStatus:
    """What a database file has; a file that does not exist has nothing, and is not made.

    Raises:
        StoreCorrupt, StoreUnavailable, StoreLocked.
    """
    steps = migrations("sqlite") if steps is None else steps
    if not Path(path).exists():
        return status_of(path, 0, 0, steps)
    db = connect(path)
    try:
        return read_status(db, steps)
    finally:
        db.conn.close()


def read_status(db: Db, steps: Steps | None = None) -> SchemaStatus:
    """What an open database has. Raises StoreCorrupt and its like."""
    steps = migrations("sqlite") if steps is None else steps
    try:
        if not db.value("SELECT count(*) FROM sqlite_schema WHERE name = 'stepwell_meta'"):
            return status_of(db.path, 0, 0, steps)
        found = dict(db.all("SELECT name, value FROM stepwell_meta WHERE name IN ('schema', 'min_reader')"))
    except apsw.Error as error:
        raise translated(error, db.path) from error
    return status_of(db.path, int(found.get("schema", 0)), int(found.get("min_reader", 0)), steps)


def upgrade(path: str, now: float, steps: Steps | None = None) -> SchemaStatus:
    """Apply the pending migrations, each in a transaction of its own; makes the file if need be.

    Raises:
        SchemaTooNew, StoreReadOnly, StoreLocked, DiskFull, StoreCorrupt, StoreUnavailable.
    """
    db = connect(path)
    try:
        return migrate(db, now, steps)
    finally:
        db.conn.close()


def upgrade_sql(path: str, steps: Steps | None = None) -> str:
    """What `upgrade` would execute, for people who want to read it first, or to execute it themselves."""
    steps = migrations("sqlite") if steps is None else steps
    schema = schema_status(path, steps).schema
    parts = []
    for step in steps:
        if step.number > schema:
            noted = [f"INSERT OR REPLACE INTO stepwell_meta VALUES ('{name}', {value});" for name, value in notes(step)]
            parts.append(
                "\n".join(
                    [f"-- {step.number:04d} {step.name}", "BEGIN IMMEDIATE;", step.sql.strip(), *noted, "COMMIT;"]
                )
            )
    return "\n\n".join(parts) + "\n" if parts else "-- nothing to do\n"


def migrate(db: Db, now: float, steps: Steps | None = None) -> SchemaStatus:
    """As `upgrade`, over an open connection. A new database is made in one transaction: nobody sees half of it."""
    steps = migrations("sqlite") if steps is None else steps
    new = False
    try:
        for step in steps:
            if not db.conn.in_transaction:
                db.conn.execute("BEGIN IMMEDIATE")
            status = read_status(db, steps)  # another process may have been faster
            new = new or status.schema == 0
            if status.min_reader > len(steps):
                raise too_new(status)
            if status.schema < step.number:
                db.conn.execute(step.sql)
                for name, value in notes(step):
                    db.run("INSERT OR REPLACE INTO stepwell_meta VALUES (?, ?)", (name, value))
                db.run("INSERT OR IGNORE INTO stepwell_meta VALUES ('created_at', ?)", (now,))
            if not new:
                db.conn.execute("COMMIT")
        if db.conn.in_transaction:
            db.conn.execute("COMMIT")
    except apsw.Error as error:
        raise translated(error, db.path) from error
    finally:
        db.rollback()
    return read_status(db, steps)
