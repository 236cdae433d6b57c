"""What the server is: whether it can hold what we store, and what its commits are worth."""

from typing import Final

from stepwell.errors import StoreUnavailable
from stepwell.store.postgres.connection import Db

OLDEST: Final = 130000
"""PostgreSQL 13."""


async def check_server(db: Db) -> None:
    """Raises StoreUnavailable for a server that is too old, or a database in which not every text can be kept."""
    version, name, encoding = await db.one(
        "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),"
        " current_setting('server_encoding')"
    )
    shown = db.home.address.shown
    if version < OLDEST:
        raise _for_good(StoreUnavailable(f"{shown} is PostgreSQL {name}", expected="at least 13"))
    if encoding != "UTF8":
        hint = "Make another: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        raise _for_good(StoreUnavailable(f"the database {shown} has encoding {encoding}", expected="UTF8", hint=hint))


async def is_durable(db: Db) -> bool:
    """Whether an acknowledged commit survives power loss, as the server is set."""
    sql = "SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'"
    return not await db.all(sql)


def _for_good(error: StoreUnavailable) -> StoreUnavailable:
    error.retryable = False
    return error
