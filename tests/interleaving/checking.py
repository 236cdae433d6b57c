"""Plays a pair of operations in every order, and compares what comes of it with one after the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.postgres import PostgresStore, lanes
from stepwell.store.postgres.connection import TABLES, Db, Home, connect
from stepwell.testing.clock import VirtualClock
from stepwell.testing.conformance.scene import Scene
from tests.interleaving.pairs import Pair
from tests.interleaving.stage import ACTOR, Director, Operation, Turns, schedules
from tests.postgres import fresh, shared


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


@asynccontextmanager
async def stores_on_stage() -> AsyncIterator[Stores]:
    """Both stores, open, in a schema of their own."""
    with pytest.MonkeyPatch.context() as patches:
        made = Stores(fresh(), patches)
        await made.open()
        try:
            yield made
        finally:
            await made.close()


async def check(pair: Pair, most: int) -> None:
    """Play `most` of the schedules of a pair, spread over all of them.

    Raises AssertionError: an order comes to something else than both serial ones, or to no end.
    """
    async with stores_on_stage() as stores:
        watcher = await asyncpg.connect(shared().url)
        try:
            await _check(pair, most, stores, Director(watcher))
        finally:
            await watcher.close()


async def _check(pair: Pair, most: int, stores: Stores, director: Director) -> None:
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
    tried = every[:: max(1, len(every) // most)]
    assert len(tried) >= min(6, len(every)), lengths
    for schedule in tried:
        scene, operations = await staged()
        try:
            results, _ = await director.play((scene.store, scene.other), operations, schedule)
        except TimeoutError:
            raise AssertionError(f"schedule {schedule}: something waits for ever") from None
        found = await outcome(scene, results)
        assert found in serial, f"schedule {schedule}: neither one order nor the other"


async def outcome(scene: Scene, results: list[Any]) -> tuple[Any, Any]:
    """What came of it: the answers, and everything that is there, with places in mailboxes by their order only."""
    dump: Any = await scene.store.dump()
    for part in ("messages", "inbox"):
        for item in dump[part]:
            (item[1] if part == "inbox" else item)["mail_seq"] = 0
    dump["waits"] = [(event, key, run, call) for event, key, _, run, call in dump["waits"]]
    dump.pop("mail", None)
    return results, dump
