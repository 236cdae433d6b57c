import asyncpg
import pytest

from stepwell.store.postgres import health
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.health import examine
from stepwell.store.postgres.schema import upgrade
from tests import postgres

pytestmark = pytest.mark.anyio


async def _found(url: str) -> dict[str, tuple[str, str]]:
    return {what: (level, text) for what, level, text, hint in await examine(url)}


async def test_a_healthy_server(server_url: str, db: Db) -> None:
    found = await _found(server_url)
    synced = await db.value("SELECT current_setting('fsync')") == "on"
    assert found.pop("durability")[0] == ("ok" if synced else "warn")
    assert set(found) == {"server", "autovacuum", "connections", "transactions", "tables", "grants"}
    assert {level for level, _ in found.values()} == {"ok"}
    assert "PostgreSQL" in found["server"][1]


async def test_a_transaction_that_is_forgotten(server_url: str, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LONG", 0.0)
    async with db.transaction():
        level, text = (await _found(server_url))["transactions"]
    assert level == "warn"
    assert "pid" in text


async def test_a_role_that_may_not_write(schema_url: str, server_url: str) -> None:
    await upgrade(schema_url)
    role, schema = postgres.fresh(), schema_url.rpartition("=")[2]
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};"
                             f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")  # fmt: skip
    await connection.close()
    level, text = (await _found(schema_url.replace("stepwell@", f"{role}@")))["grants"]
    assert level == "fail"
    assert "DELETE on" in text
    assert text.endswith("…")
