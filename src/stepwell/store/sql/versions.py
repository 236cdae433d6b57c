"""Which schema a database has, and whether this version may use it."""

from collections.abc import Sequence

import msgspec

from stepwell.errors import SchemaMissing, SchemaTooNew, SchemaTooOld
from stepwell.store.sql.migrations import Migration

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


def status_of(path: str, schema: int, min_reader: int, steps: Steps) -> SchemaStatus:
    """The state of a database that has this schema; `path` is its name in messages."""
    pending = tuple(f"{m.number:04d}_{m.name}" for m in steps if m.number > schema)
    return SchemaStatus(path, schema, min_reader, len(steps), pending)


def notes(step: Migration) -> list[tuple[str, int]]:
    """What the database remembers of a migration, by name."""
    return [("schema", step.number), ("min_reader", step.min_reader)]


def check(status: SchemaStatus) -> None:
    """Raises SchemaMissing, SchemaTooNew or SchemaTooOld, naming the command that helps."""
    if status.schema == 0:
        raise SchemaMissing(f"the database {status.path} has no Stepwell tables", hint="Create them: stepwell db init")
    if status.min_reader > status.newest:
        raise too_new(status)
    if status.schema < status.newest:
        raise SchemaTooOld(
            f"the database {status.path} has schema {status.schema}",
            expected=f"{status.newest}",
            hint="Bring it up to date, while older workers may go on: stepwell db upgrade",
        )


def too_new(status: SchemaStatus) -> SchemaTooNew:
    """The error for a database that only a newer version can read."""
    return SchemaTooNew(
        f"the database {status.path} has schema {status.schema}, which needs a version that knows {status.min_reader}",
        expected=f"at most {status.newest}",
        hint="Upgrade this installation: pip install --upgrade stepwell",
    )
