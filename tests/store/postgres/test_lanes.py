import asyncio
from contextlib import suppress

import asyncpg
import pytest

from stepwell.errors import InvalidOption, NotSerializable, StoreUnavailable
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.lanes import Lanes, Slot
from tests import postgres

pytestmark = pytest.mark.anyio
PID = "SELECT pg_backend_pid()"


async def _pid(slot: Slot) -> int:
    async with slot.use() as db:
        pid: int = await db.value(PID)
        return pid


async def test_lanes_are_connections_of_their_own(home: Home) -> None:
    lanes = Lanes(home)
    async with lanes.write() as one, lanes.beside() as two, lanes.claim() as three:
        async with lanes.read() as four, lanes.read() as five:
            pids = {await db.value(PID) for db in (one, two, three, four, five)}
        assert len(pids) == 5
        async with lanes.write() as sixth:
            assert await sixth.value(PID) not in pids, "the other lane: the first is busy"
    async with lanes.write() as again:
        assert await again.value(PID) in pids
    await lanes.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        lanes.read()


async def test_one_at_a_time_in_order(home: Home) -> None:
    slot, done = Slot(home), []

    async def use(n: int) -> None:
        async with slot.use() as db:
            await db.value("SELECT 1")
            done.append(n)

    await asyncio.gather(*map(use, range(20)))
    assert done == list(range(20))
    await slot.close()


async def test_a_lost_connection_is_opened_again(home: Home, db: Db) -> None:
    slot = Slot(home)
    first = await _pid(slot)
    await db.value("SELECT pg_terminate_backend($1)", first)
    async with asyncio.timeout(60):
        while await db.value("SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)", first):
            await asyncio.sleep(0.005)
    with suppress(StoreUnavailable):  # unless the loss has been noticed before
        await _pid(slot)
    assert await _pid(slot) != first
    await slot.close()


async def test_an_error_of_a_value_leaves_the_connection(home: Home) -> None:
    slot = Slot(home)
    first = await _pid(slot)
    for bad in ("a\0b", "\ud800"):
        with pytest.raises(NotSerializable):
            async with slot.use() as db:
                await db.value("SELECT $1::text", bad)
    with pytest.raises(KeyError):
        async with slot.use():
            raise KeyError("ours")
    assert await _pid(slot) != first, "after an error that is nobody's the connection is in doubt"
    await slot.close()


async def test_what_takes_too_long_is_given_up(server_url: str, home: Home) -> None:
    hasty = Home(address(f"{server_url}?deadline=4"))
    slot = Slot(hasty)
    with pytest.raises(StoreUnavailable, match=r"in time|not answer"):
        async with slot.use() as db:
            await db.value("SELECT pg_sleep(30)")
    assert await _pid(slot)
    await slot.close()


async def test_attempts_come_at_growing_intervals() -> None:
    slot = Slot(Home(address("postgresql://me@127.0.0.1:1/x")))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(4):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await _pid(slot)
    assert 0.05 + 0.1 + 0.2 <= loop.time() - begun < 60.0
    await slot.close()


async def test_a_wrong_url_is_no_outage() -> None:
    with pytest.raises(InvalidOption, match="sslmode"):
        await _pid(Slot(Home(address("postgresql://me@127.0.0.1:1/x?sslmode=perhaps"))))


async def test_a_role_that_is_not_there_is_refused_for_good(server_url: str) -> None:
    name = postgres.fresh()
    with pytest.raises(StoreUnavailable, match=name) as refused:
        await _pid(Slot(Home(address(server_url.replace("stepwell@", f"{name}@")))))
    assert not refused.value.retryable


async def test_a_missing_prepared_statement_shows_a_pooler(home: Home) -> None:
    slot = Slot(home)

    async def use() -> None:
        async with slot.use() as db:
            assert not db.pinned
            raise asyncpg.InvalidSQLStatementNameError("prepared statement does not exist")

    with pytest.raises(StoreUnavailable):
        await use()
    assert not home.prepared
    async with slot.use() as db:
        assert db.pinned
    await slot.close()
