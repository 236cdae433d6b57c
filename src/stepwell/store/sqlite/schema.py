"""The schema of a database file: what it has, whether this version may use it, and bringing it up to date."""

from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from stepwell.errors import SchemaMissing, SchemaTooNew, SchemaTooOld
from stepwell.store.sql.migrations import Migration, migrations
from stepwell.store.sqlite.connection import Db, connect, translated

Steps = Sequence[Migration]


class SchemaStatus(msgspec.Struct, frozen=True):
    """`schema`: what the database has, 0 for nothing; `newest`: what this version brings it to."""

    path: str
    schema: int
    min_reader: int
    newest: int
    pending: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether this version may work with the database as it is."""
        return self.schema >= self.newest >= self.min_reader


def schema_status(path: str, steps: Steps | None = None) -> SchemaStatus:
    """What a database file has; a file that does not exist has nothing, and is not made.

    Raises:
        StoreCorrupt, StoreUnavailable, StoreLocked.
    """
    steps = migrations("sqlite") if steps is None else steps
    if not Path(path).exists():
        return _status(path, 0, 0, steps)
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
            return _status(db.path, 0, 0, steps)
        found = dict(db.all("SELECT name, value FROM stepwell_meta WHERE name IN ('schema', 'min_reader')"))
    except apsw.Error as error:
        raise translated(error, db.path) from error
    return _status(db.path, int(found.get("schema", 0)), int(found.get("min_reader", 0)), steps)


def _status(path: str, schema: int, min_reader: int, steps: Steps) -> SchemaStatus:
    pending = tuple(f"{m.number:04d}_{m.name}" for m in steps if m.number > schema)
    return SchemaStatus(path, schema, min_reader, len(steps), pending)


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
            noted = [
                f"INSERT OR REPLACE INTO stepwell_meta VALUES ('{name}', {value});" for name, value in _notes(step)
            ]
            parts.append(
                "\n".join(
                    [f"-- {step.number:04d} {step.name}", "BEGIN IMMEDIATE;", step.sql.strip(), *noted, "COMMIT;"]
                )
            )
    return "\n\n".join(parts) + "\n" if parts else "-- nothing to do\n"


def migrate(db: Db, now: float, steps: Steps | None = None) -> SchemaStatus:
    """As `upgrade`, over an open connection."""
    steps = migrations("sqlite") if steps is None else steps
    try:
        for step in steps:
            db.conn.execute("BEGIN IMMEDIATE")
            status = read_status(db, steps)  # another process may have been faster
            if status.min_reader > len(steps):
                raise _too_new(status)
            if status.schema < step.number:
                db.conn.execute(step.sql)
                for name, value in _notes(step):
                    db.run("INSERT OR REPLACE INTO stepwell_meta VALUES (?, ?)", (name, value))
                db.run("INSERT OR IGNORE INTO stepwell_meta VALUES ('created_at', ?)", (now,))
            db.conn.execute("COMMIT")
    except apsw.Error as error:
        raise translated(error, db.path) from error
    finally:
        db.rollback()
    return read_status(db, steps)


def _notes(step: Migration) -> list[tuple[str, int]]:
    return [("schema", step.number), ("min_reader", step.min_reader)]


def check(status: SchemaStatus) -> None:
    """Raises SchemaMissing, SchemaTooNew or SchemaTooOld, naming the command that helps."""
    if status.schema == 0:
        raise SchemaMissing(f"the database {status.path} has no Stepwell tables", hint="Create them: stepwell db init")
    if status.min_reader > status.newest:
        raise _too_new(status)
    if status.schema < status.newest:
        raise SchemaTooOld(
            f"the database {status.path} has schema {status.schema}",
            expected=f"{status.newest}",
            hint="Bring it up to date, while older workers may go on: stepwell db upgrade",
        )


def _too_new(status: SchemaStatus) -> SchemaTooNew:
    return SchemaTooNew(
        f"the database {status.path} has schema {status.schema}, which needs a version that knows {status.min_reader}",
        expected=f"at most {status.newest}",
        hint="Upgrade this installation: pip install --upgrade stepwell",
    )
