"""A guest in other connections to the same PostgreSQL database."""

from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.run import RunRow
from stepwell.ports.guest import Connection, Row
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.rows import RUN, RUN_COLUMNS, run_row, run_values, tag, tag_values
from stepwell.store.sql.guest import SqlGuest
from stepwell.store.sql.rows import Tag

_MARK: Final = "stepwell.step"
LINGER: str = "30s"
"""How long the server waits for the commit of a step: longer than the step does."""
_IDLE: Final = "idle_in_transaction_session_timeout"
# Of the user's own limit and ours the shorter one.
_HURRY: Final = (
    f"SELECT current_setting('{_MARK}', true), set_config('{_IDLE}', CASE WHEN current_setting('{_IDLE}')::interval"
    f" BETWEEN '1ms' AND CAST('{{0}}' AS interval) THEN current_setting('{_IDLE}') ELSE '{{0}}' END, true)"
)
_THERE: Final = "SELECT to_regclass(CAST(? AS text)) IS NOT NULL"
_IDENTITY: Final = (
    "SELECT n.ns, m.value, current_database()::text FROM {namespaces} n, {meta} m WHERE n.name = ?"
    " AND m.name = 'created_at'"
)
Identity = tuple[Any, ...]
"""What tells a namespace of one database from those of all others."""


class PostgresGuest(SqlGuest):
    """Implements `ports.guest.Guest` for one schema. `identity`: what `read_identity` says by the store's own."""

    database = "postgresql"
    run_names = RUN
    tag_names = "kind, value, real"
    read_run = f"SELECT r.key, {RUN_COLUMNS} FROM {{runs}} r WHERE r.ns = ? AND r.id = ?"
    lock = " FOR NO KEY UPDATE"

    def __init__(self, home: Home, namespace: str, identity: Identity) -> None:
        self.shown = home.address.shown
        self._home = home
        self._namespace = namespace
        self._identity = identity

    def template(self, sql: str) -> str:
        return self._home.sql(sql)

    async def admit(self, conn: Connection) -> None:
        """Whatever speaks to the server may."""

    async def find(self, conn: Connection) -> int:
        if await conn.execute(_THERE, (f'"{self._home.address.schema}".records',)) != [(True,)]:
            raise self.missing()
        found = await self._all(conn, _IDENTITY, (self._namespace,))
        if found != [self._identity]:
            raise self.elsewhere("the connection is one to another database")
        return int(self._identity[0])

    def run_values(self, row: RunRow, named: bool) -> Sequence[Any]:
        return run_values(row, named)

    def tag_values(self, value: Tag) -> Sequence[Any]:
        return tag_values(value)

    def run_row(self, values: Row, tags: Sequence[Row]) -> RunRow:
        values = tuple(bytes(v) if isinstance(v, memoryview) else v for v in values)
        return run_row(values, {values[0]: {name: tag(kind, value, real) for name, kind, value, real in tags}})

    async def hint(self, conn: Connection) -> None:
        if self._home.address.listen:
            await conn.execute("SELECT pg_notify(CAST(? AS text), 'guest')", (self._home.channel,))

    # A setting that is local to its transaction: when it is gone, so is that.

    async def mark(self, conn: Connection, token: str) -> None:
        await conn.execute(f"SELECT set_config('{_MARK}', CAST(? AS text), true)", (token,))

    async def marked(self, conn: Connection, token: str) -> bool:
        # What is left is to settle and to commit. If the commit never arrives, because the network does not carry it
        # any more, the server ends the transaction, so that others can find out that it did not happen.
        found = await conn.execute(_HURRY.format(LINGER))
        return bool(found[0][0] == token)


async def read_identity(db: Db, namespace: str) -> Identity:
    """The identity of a namespace, as the store's own connection sees it; nothing, if there is none of that name."""
    return tuple(await db.one(_IDENTITY.replace("?", "$1"), namespace) or ())
