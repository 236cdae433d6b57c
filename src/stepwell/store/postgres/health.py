"""What a PostgreSQL server says of its own health, for people: settings, sessions, tables."""

from typing import Final, Literal

from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.schema import visit
from stepwell.store.postgres.server import check_server

Found = tuple[str, Literal["ok", "warn", "fail"], str, str]
"""What was looked at, "ok", "warn" or "fail", what it says, what to do."""
LONG: Final = 300.0
"""Seconds after which an open transaction is worth a warning: nothing newer than it can be vacuumed."""
_SETTINGS: Final = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
_DEAD: Final = 0.3
_MANY: Final = 100_000
_NEEDED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


async def examine(url: str) -> list[Found]:
    """Everything worth knowing. Raises WorldError where it cannot look, InvalidOption."""
    async with visit(Home(address(url))) as db:
        await check_server(db)
        return [
            await _server(db),
            await _durability(db),
            await _vacuum(db),
            await _sessions(db),
            await _transactions(db),
            await _tables(db),
            await _grants(db),
        ]


async def _server(db: Db) -> Found:
    version, standby = await db.one("SELECT current_setting('server_version'), pg_is_in_recovery()")
    if standby:
        hint = "Name the primary, or all hosts and target_session_attrs=read-write."
        return "server", "fail", f"PostgreSQL {version}, a standby: it takes no writes", hint
    return "server", "ok", f"PostgreSQL {version}", ""


async def _durability(db: Db) -> Found:
    settings = dict(await db.all("SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", _SETTINGS))
    off = [name for name in _SETTINGS[:3] if settings.get(name) == "off"]
    if off:
        text = f"{', '.join(off)} off: a crash of the server may undo acknowledged commits"
        return "durability", "warn", text, "Leave the server's defaults, unless the runs can be lost."
    return "durability", "ok", "acknowledged commits survive power loss", ""


async def _vacuum(db: Db) -> Found:
    if await db.value("SELECT current_setting('autovacuum')") == "off":
        hint = "Turn it on: without it the tables grow for ever, and the server stops one day."
        return "autovacuum", "fail", "off", hint
    return "autovacuum", "ok", "on", ""


async def _sessions(db: Db) -> Found:
    used, most = await db.one(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections')::integer"
    )
    text = f"{used} of {most} connections in use"
    if used > 0.85 * most:
        hint = "Raise max_connections, put a pooler between, or use fewer processes; docs/postgresql.md counts them."
        return "connections", "warn", text, hint
    return "connections", "ok", text, ""


async def _transactions(db: Db) -> Found:
    oldest = await db.one(
        "SELECT pid, usename, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age FROM pg_stat_activity"
        " WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        " ORDER BY xact_start LIMIT 1"
    )
    if oldest is not None and oldest["age"] > LONG:
        text = f"one of {oldest['usename']} (pid {oldest['pid']}) has been open for {oldest['age'] / 60:.0f} min"
        hint = (
            "End it: meanwhile no dead row is vacuumed, and every claim gets slower. SELECT pg_terminate_backend(pid)."
        )
        return "transactions", "warn", text, hint
    return "transactions", "ok", "none has been open for long", ""


async def _tables(db: Db) -> Found:
    size, dead, live = await db.one(
        "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint,"
        " coalesce(sum(n_live_tup), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1",
        db.schema,
    )
    text = f"{size / 1e6:,.1f} MB, {live:,} rows, {dead:,} dead ones"
    if dead > _MANY and dead > _DEAD * (live + dead):
        return "tables", "warn", text, "Autovacuum does not keep up: let it do more (docs/postgresql.md)."
    return "tables", "ok", text, ""


async def _grants(db: Db) -> Found:
    lacking = await db.all(
        "SELECT c.relname, p.privilege FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
        " unnest($2::text[]) p(privilege) WHERE n.nspname = $1 AND c.relkind = 'r'"
        " AND NOT has_table_privilege(c.oid, p.privilege) ORDER BY 1, 2",
        db.schema,
        _NEEDED,
    )
    if lacking:
        some = ", ".join(f"{privilege} on {table}" for table, privilege in lacking[:3])
        hint = f"GRANT them, on all tables of the schema {db.schema} (docs/postgresql.md)."
        return "grants", "fail", f"this role lacks {some}{', …' if len(lacking) > 3 else ''}", hint
    return "grants", "ok", "this role may do everything needed", ""
