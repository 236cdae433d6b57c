"""On real PostgreSQL, every order of the statements of two operations comes to what one after the other comes to."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from stepwell.model.change import Change
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.postgres import PostgresStore, lanes
from stepwell.store.postgres.connection import TABLES, Db, Home, connect
from stepwell.testing.clock import VirtualClock
from stepwell.testing.conformance.scene import Scene
from tests.interleaving.pairs import PAIRS, Pair
from tests.interleaving.stage import ACTOR, Director, Operation, Turns, schedules
from tests.postgres import fresh, shared

pytestmark = pytest.mark.anyio
MOST: Final = int(os.environ.get("STEPWELL_INTERLEAVINGS", "30"))
"""Schedules tried of each pair, spread over all of them."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def director() -> AsyncIterator[Director]:
    """With a look at what the server says of others."""
    watcher = await asyncpg.connect(shared().url)
    yield Director(watcher)
    await watcher.close()


class Stores:
    """The two stores of all scenes of a test; the statements of the two that act wait for their turns."""

    def __init__(self, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
        url = shared().url
        self._url = f"{url}{'&' if '?' in url else '?'}listen=off&schema={schema}"
        self.schema = schema
        self._made: list[PostgresStore] = []
        self._given = 0
        monkeypatch.setattr(lanes, "connect", self._connect)

    def __call__(self, namespace: str, clock: Clock) -> Store:
        """For a scene: the one store, and the other."""
        store = self._made[self._given % 2]
        self._given += 1
        store.clock = clock
        return store

    async def open(self) -> None:
        """Make the schema, and open the stores."""
        self._made = [PostgresStore(self._url, "default", VirtualClock(), time="given") for _ in range(2)]
        for store in self._made:
            await store.open()

    async def empty(self, connection: Any) -> None:
        """Remove everything that the last scene left."""
        names = ", ".join(f"{self.schema}.{table}" for table in TABLES if table not in ("meta", "namespaces"))
        await connection.execute(f"TRUNCATE {names}")

    async def close(self) -> None:
        for store in self._made:
            await store.close()

    async def _connect(self, home: Home, *, plain: bool = False) -> Db:
        db = await connect(home, plain=plain)
        db.conn = Turns(db.conn, ACTOR.get)
        return db


@pytest.fixture
async def stores(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stores]:
    """Both stores, open."""
    made = Stores(fresh(), monkeypatch)
    await made.open()
    yield made
    await made.close()


async def outcome(scene: Scene, results: list[Any]) -> tuple[Any, Any]:
    """What came of it: the answers, and everything that is there, with places in mailboxes by their order only."""
    dump: Any = await scene.store.dump()
    for part in ("messages", "inbox"):
        for item in dump[part]:
            (item[1] if part == "inbox" else item)["mail_seq"] = 0
    dump["waits"] = [(event, key, run, call) for event, key, _, run, call in dump["waits"]]
    dump.pop("mail", None)
    return results, dump


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
async def test_every_order_equals_a_serial_one(pair: Pair, stores: Stores, director: Director) -> None:
    async def staged() -> tuple[Scene, tuple[Operation, Operation]]:
        await stores.empty(director.watcher)
        scene = Scene(stores)
        return scene, await pair(scene)

    serial = []
    for order in ((0, 1), (1, 0)):
        scene, operations = await staged()
        results = await director.serially((scene.store, scene.other), operations, order)
        serial.append(await outcome(scene, results))
    scene, operations = await staged()
    _, lengths = await director.play((scene.store, scene.other), operations, [])
    every = schedules(*lengths)
    tried = every[:: max(1, len(every) // MOST)]
    assert len(tried) >= min(6, len(every)), lengths
    for schedule in tried:
        scene, operations = await staged()
        try:
            results, _ = await director.play((scene.store, scene.other), operations, schedule)
        except TimeoutError:
            pytest.fail(f"schedule {schedule}: something waits for ever")
        found = await outcome(scene, results)
        assert found in serial, f"schedule {schedule}: neither one order nor the other"


async def test_a_row_held_by_a_users_transaction_delays_nobody_else(stores: Stores) -> None:
    """A start within a transaction that its owner does not end, and a run's row that somebody keeps locked."""
    scene, schema = Scene(stores), stores.schema
    held, free = await scene.running(), await scene.running()
    taken, other = scene.new("taken"), scene.new("other")
    user = await asyncpg.connect(shared().url)
    try:
        async with user.transaction():
            await user.execute(f"SELECT 1 FROM {schema}.runs WHERE key = $1 FOR UPDATE", held.key)
            columns = "ns, id, workflow, queue, status, priority, epoch, generation, inbox, claimed_seq, deaths, rank,"
            columns += " created_at, digest, cancelling, tagged"
            await user.execute(
                f"INSERT INTO {schema}.runs (key, {columns}) SELECT $1, {columns.replace(' id,', ' $3,')}"
                f" FROM {schema}.runs WHERE key = $2",
                b"u" * 16, free.key, "taken",
            )  # fmt: skip
            group = [
                scene.entries(held), scene.entries(free), Change(run=taken.row.key, create=taken),
                Change(run=other.row.key, create=other),
            ]  # fmt: skip
            replies = await asyncio.wait_for(scene.store.commit(group), 5)
            assert [reply.why for reply in replies] == ["busy", "", "busy", ""]
            assert [reply.ok for reply in replies] == [False, True, False, True]
        again = await scene.store.commit([group[0], group[2]])
        assert [(reply.ok, reply.why) for reply in again] == [(True, ""), (False, "exists")]
    finally:
        await user.close()
