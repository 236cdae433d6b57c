"""A PostgreSQL schema at an end of a move: its seal, its guard, its numbers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from stepwell.core.starting import new_run
from stepwell.errors import SchemaMissing, Stale, StoreMoved, StoreUnavailable
from stepwell.model.change import Change, Send
from stepwell.model.options import StartOptions
from stepwell.model.record import Record
from stepwell.store.postgres import PostgresStore
from stepwell.store.postgres.depot import PostgresDepot
from stepwell.store.sql.freight import TABLES
from stepwell.store.sql.sealing import Seal
from stepwell.testing.clock import VirtualClock
from tests import postgres

pytestmark = pytest.mark.anyio
BY_NAME = {table.name: table for table in TABLES}
GUARD = ("arrival:default", "mine")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def create(n: int, **tags: Any) -> Change:
    new = new_run("flow", b"1", StartOptions(id=f"r{n}", tags=tags), None, key=bytes([n]) * 16, now=1.0)
    return Change(run=new.row.key, create=new)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server, schema = postgres.shared(), postgres.fresh()
    yield f"{server.url}?schema={schema}"
    conn = await asyncpg.connect(server.url)
    await conn.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await conn.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, "default", VirtualClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def depot(store: PostgresStore, url: str) -> AsyncIterator[PostgresDepot]:
    await store.commit([create(1, a=1, b=1.0, c=True, d="1"), create(2)])
    place = PostgresDepot(url)
    await place.open(create=False)
    yield place
    await place.close()


async def test_a_seal_refuses_every_write_of_its_namespace(depot: Any, store: Any, url: str) -> None:
    seal = Seal("1", "sqlite:///it's 100% there")
    other = PostgresStore(url, "other", VirtualClock())
    await other.open()
    await depot.seal("default", "seal:default", "note", seal.message)
    for write in (
        lambda: store.commit([create(3)]),
        lambda: store.commit([Change(send=Send(event="e", key="k"))]),
        lambda: store.subscribe([("e", "w")]),
    ):
        with pytest.raises(StoreMoved, match="it's 100% there"):
            await write()
    assert (await other.commit([create(3)]))[0].ok
    assert await store.row_by_id("r1") is not None
    await depot.unseal("default", "seal:default")
    assert (await store.commit([create(3)]))[0].ok
    await other.close()


async def test_a_seal_waits_for_who_is_writing_and_keeps_nobody_for_long(depot: Any, store: Any, url: str) -> None:
    writer = await asyncpg.connect(url.partition("?")[0])
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(f"UPDATE {url.partition('=')[2]}.runs SET rank = 5")
    sealing = asyncio.ensure_future(depot.seal("default", "seal:default", "note", Seal("1", "there").message))
    await asyncio.sleep(0.1)
    assert not sealing.done()
    await transaction.commit()
    await sealing
    assert (await store.row_by_id("r1")).rank == 5
    await writer.close()


async def test_rows_leave_and_arrive(depot: Any) -> None:
    await depot.write_note(*GUARD)
    found = {table.name: await depot.read("default", table, None) for table in TABLES}
    await depot.clear("default", GUARD)
    for table in TABLES:
        assert await depot.count("default", table) == 0
        if found[table.name]:
            await depot.write("default", table, found[table.name], GUARD)
        assert await depot.read("default", table, None) == found[table.name]
    values = [row[2] for row in found["tags"]]
    assert [(type(value), value) for value in values] == [(int, 1), (float, 1.0), (bool, True), (str, "1")]
    with pytest.raises(Stale):
        await depot.write("default", TABLES[0], [], (GUARD[0], "theirs"))
    await depot.set_mail("default", 70)
    await depot.set_mail("default", 3)
    assert await depot.mail("default") == 70


async def test_messages_and_waits_get_their_mailboxes(depot: Any, store: Any) -> None:
    await depot.write_note(*GUARD)
    await depot.write(
        "default", BY_NAME["messages"], [("e", "k", 5, 1.0, None, "1"), ("e", "k", 6, 1.0, None, "2")], GUARD
    )
    await depot.write("default", BY_NAME["waits"], [("e", "j", 7, b"\1" * 16, "c")], GUARD)
    (dump,) = [await store.dump()]
    assert len(dump["messages"]) == 2
    conn = await asyncpg.connect(store.address.dsn)
    rows = await conn.fetch(f"SELECT mailbox FROM {store.address.schema}.mailboxes ORDER BY 1")
    assert [mailbox for (mailbox,) in rows] == ["j", "k"]
    await conn.close()


async def test_what_is_not_there(url: str) -> None:
    with pytest.raises(SchemaMissing):
        await PostgresDepot(url).open(create=False)
    with pytest.raises(StoreUnavailable, match="not open"):
        await PostgresDepot(url).namespaces()


async def test_counting_may_take_longer_than_other_calls(store: PostgresStore, url: str) -> None:
    """It looks at all rows there are: here, it waits for a lock beyond the deadline."""
    await store.commit([create(1), create(2)])
    place = PostgresDepot(f"{url}&deadline=4")
    await place.open(create=False)
    rival = await asyncpg.connect(url.partition("?")[0])
    schema = url.partition("schema=")[2]
    async with rival.transaction():
        await rival.execute(f"LOCK TABLE {schema}.runs IN ACCESS EXCLUSIVE MODE")
        counting = asyncio.ensure_future(place.count("default", BY_NAME["runs"]))
        await rival.execute("SELECT pg_sleep(4.4)")
        assert not counting.done()
    assert await counting == 2
    with pytest.raises(StoreUnavailable, match=r"in time|does not answer"):
        async with place._working() as db:
            await db.value("SELECT pg_sleep(30)")
    await rival.close()
    await place.close()


async def test_what_is_set_aside_comes_back_where_nothing_has_arrived(store: PostgresStore, url: str) -> None:
    def record(kind: str, id_: str, data: bytes) -> Record:
        return Record(kind=kind, id=id_, at=1.0, data=data)

    await store.put([record("key", "both", b"1"), record("key", "own", b"2"), record("other", "gone", b"3")])
    place = PostgresDepot(url)
    await place.open(create=False)
    for _ in range(2):
        await place.arrive("default", *GUARD, ("key", "audit"))
        await place.clear("default", GUARD)
    assert await store.records("key") == await store.records("other") == []
    rows = [("key", b"", "both", 5.0, "4"), ("key", b"", "new", 5.0, "5")]
    await place.write("default", BY_NAME["records"], rows, GUARD)
    await place.arrive("default", *GUARD, ("key", "audit"))
    await place.settle("default", GUARD[0])
    assert [(r.id, r.data) for r in await store.records("key")] == [("both", b"4"), ("new", b"5"), ("own", b"2")]
    assert await place.note(GUARD[0]) is None
    await place.close()
