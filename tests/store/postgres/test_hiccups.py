"""Serialization failures and deadlocks, as servers report them under load: whatever is written is written again."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest

from stepwell import RunFailed
from tests.store.postgres.shop import Shop, anyio_backend, asked, place, server, shop

__all__ = ["anyio_backend", "place", "server", "shop"]
pytestmark = pytest.mark.anyio
TABLES = ("runs", "journal", "messages", "waits")


async def trouble(server: Any, place: str, state: str) -> None:
    """From now on every eleventh statement that writes fails. The count is a sequence's: no rollback takes it back."""
    conn = await asyncpg.connect(server.url)
    await conn.execute(
        f"CREATE SEQUENCE {place}.hiccups; CREATE SEQUENCE {place}.met;"
        f"CREATE FUNCTION {place}.hiccup() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
        f" IF nextval('{place}.hiccups') % 11 = 0 THEN PERFORM nextval('{place}.met');"
        f" RAISE EXCEPTION 'a hiccup' USING ERRCODE = '{state}'; END IF; RETURN NULL; END $f$"
    )
    for table in TABLES:
        await conn.execute(
            f"CREATE TRIGGER hiccup AFTER INSERT OR UPDATE ON {place}.{table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {place}.hiccup()"
        )
    await conn.close()


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_everything_is_tried_again(shop: Shop, server: Any, place: str, state: str) -> None:
    bodies: Counter[int] = Counter()
    ready = shop.event("ready", int)

    @shop.step
    async def count(n: int) -> int:
        bodies[n] += 1
        return n

    @shop.workflow
    async def work(n: int) -> int:
        return await count(n) + await ready.wait(key=str(n)) + await shop.flow(n)

    await trouble(server, place, state)
    runs = await asyncio.gather(*(work.options(id=f"r{n}").start(n) for n in range(8)))
    await asyncio.gather(*(ready.send(100, key=str(n), id=f"m{n}") for n in range(8)))
    assert await asyncio.gather(*(run.result(60) for run in runs)) == [n + 100 + 2 * n for n in range(8)]
    assert bodies == dict.fromkeys(range(8), 1)
    while (await asked(server, f"SELECT last_value FROM {place}.met"))[0] <= 3:  # few groups had few statements
        assert await (await shop.flow.start(1)).result(60) == 2
    assert await asked(server, f"SELECT count(*) FROM {place}.messages") == [0]


async def test_a_step_of_ones_own_transaction_is_tried_again_as_its_policy_says(
    shop: Shop, server: Any, place: str
) -> None:
    @shop.resource
    async def db() -> Any:
        async with asyncpg.create_pool(server.url, min_size=1) as pool:
            yield pool

    async def add(*, conn: Any = db.transaction()) -> None:
        await conn.execute(f"INSERT INTO {place}.ledger VALUES (1)")

    conn = await asyncpg.connect(server.url)
    await conn.execute(
        f"CREATE SEQUENCE {place}.once; CREATE FUNCTION {place}.late() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
        f" IF nextval('{place}.once') % 2 = 1 THEN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END IF;"
        f" RETURN NULL; END $f$; CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {place}.ledger"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {place}.late()"
    )
    await conn.close()
    patient = shop.step(name="patient", retries=1, delay=0)(add)
    plain = shop.step(name="plain")(add)

    @shop.workflow
    async def pay(again: bool) -> None:
        await (patient() if again else plain())

    with pytest.raises(RunFailed, match="late"):
        await (await pay.start(False)).result(60)
    assert await asked(server, f"SELECT count(*) FROM {place}.ledger") == [0]
    await asked(server, f"SELECT nextval('{place}.once')")  # so that the next commit fails, too
    await (await pay.start(True)).result(60)
    assert await asked(server, f"SELECT count(*) FROM {place}.ledger") == [1]
