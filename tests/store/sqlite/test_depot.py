"""An SQLite file at an end of a move: its seal, its guard, its rows."""

from pathlib import Path
from typing import Any

import pytest

from stepwell.core.starting import new_run
from stepwell.errors import SchemaMissing, Stale, StoreMoved, StoreUnavailable
from stepwell.model.change import Change, Send
from stepwell.model.options import StartOptions
from stepwell.model.record import Record
from stepwell.store.sql.freight import TABLES
from stepwell.store.sql.sealing import Seal
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.depot import SqliteDepot
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio
BY_NAME = {table.name: table for table in TABLES}
GUARD = ("arrival:default", "mine")


def create(n: int, **tags: Any) -> Change:
    new = new_run("flow", b"1", StartOptions(id=f"r{n}", tags=tags), None, key=bytes([n]) * 16, now=1.0)
    return Change(run=new.row.key, create=new)


@pytest.fixture
async def depot(store: SqliteStore, path: Path, clock: Any) -> Any:
    await store.commit([create(1, a=1, b=1.0, c=True, d="1"), create(2)])
    place = SqliteDepot(str(path), clock)
    await place.open(create=False)
    return place


async def test_a_seal_refuses_every_write_of_its_namespace(depot: Any, store: Any, open_store: OpenStore) -> None:
    seal = Seal("1", "sqlite:///it's there")
    other = await open_store(namespace="other")
    await depot.seal("default", "seal:default", "note", seal.message)
    writes = [
        store.commit([create(3)]),
        store.commit([Change(send=Send(event="e", key="k"))]),
        store.subscribe([("e", "w")]),
        store.put([_record()]),
    ]
    for write in writes:
        with pytest.raises(StoreMoved, match="it's there"):
            await write
    assert (await other.commit([create(3)]))[0].ok
    assert await store.row_by_id("r1") is not None
    await depot.unseal("default", "seal:default")
    assert (await store.commit([create(3)]))[0].ok
    assert await depot.note("seal:default") is None
    await depot.close()


def _record() -> Any:
    from stepwell.model.record import Record

    return Record(kind="k", id="1", at=0.0, data=b"1")


async def test_rows_leave_and_arrive(depot: Any, tmp_path: Path, clock: Any) -> None:
    target = SqliteDepot(str(tmp_path / "target.db"), clock)
    await target.open(create=True)
    await target.write_note(*GUARD)
    for table in TABLES:
        rows = await depot.read("default", table, None)
        assert len(rows) == await depot.count("default", table)
        if rows:
            await target.write("default", table, rows, GUARD)
            assert await depot.read("default", table, rows[-1]) == []
        assert await target.read("default", table, None) == rows
    values = [row[2] for row in await target.read("default", BY_NAME["tags"], None)]
    assert [(type(value), value) for value in values] == [(int, 1), (float, 1.0), (bool, True), (str, "1")]
    with pytest.raises(Stale):
        await target.write("default", TABLES[0], [], (GUARD[0], "theirs"))
    with pytest.raises(Stale):
        await target.clear("default", (GUARD[0], "theirs"))
    await target.set_mail("default", 7)
    await target.set_mail("default", 3)
    assert await target.mail("default") == 7
    await target.clear("default", GUARD)
    assert [await target.count("default", table) for table in TABLES] == [0] * len(TABLES)
    await target.close()
    await depot.close()


async def test_pages_by_key(depot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    one = msgspec.structs.replace(BY_NAME["tags"], batch=1)
    seen, after = [], None
    while page := await depot.read("default", one, after):
        (after,) = page
        seen.append(after[1])
    assert seen == ["a", "b", "c", "d"]
    await depot.close()


async def test_a_file_that_is_not_there(tmp_path: Path, clock: Any) -> None:
    with pytest.raises(SchemaMissing):
        await SqliteDepot(str(tmp_path / "no.db"), clock).open(create=False)
    with pytest.raises(StoreUnavailable, match="not open"):
        await SqliteDepot(str(tmp_path / "no.db"), clock).namespaces()


async def test_what_is_set_aside_comes_back_where_nothing_has_arrived(depot: Any, store: SqliteStore) -> None:
    def record(kind: str, id_: str, data: bytes) -> Record:
        return Record(kind=kind, id=id_, at=1.0, data=data)

    await store.put([record("key", "both", b"1"), record("key", "own", b"2"), record("other", "gone", b"3")])
    for _ in range(2):
        await depot.arrive("default", *GUARD, ("key", "audit"))
        await depot.clear("default", GUARD)
    assert await store.records("key") == await store.records("other") == []
    rows = [("key", b"", "both", 5.0, "4"), ("key", b"", "new", 5.0, "5")]
    await depot.write("default", BY_NAME["records"], rows, GUARD)
    await depot.arrive("default", *GUARD, ("key", "audit"))
    await depot.settle("default", GUARD[0])
    assert [(r.id, r.data) for r in await store.records("key")] == [("both", b"4"), ("new", b"5"), ("own", b"2")]
    assert await depot.note(GUARD[0]) is None


async def test_a_file_is_known_by_what_it_keeps(depot: Any, path: Path, clock: Any, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    other, same = SqliteDepot(str(tmp_path / "other.db"), clock), SqliteDepot(str(link), clock)
    await same.open(create=False)
    await other.open(create=True)
    assert same.identity == depot.identity != other.identity
    assert len(other.identity) == 32
    await same.close()
    await other.close()
