"""The same random operations on the memory store and on every other one of ours."""

from pathlib import Path

import pytest

from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.store.postgres import PostgresStore
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.differential import Tally, play
from tests import postgres

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
GAMES, STEPS = 25, 150
WITH_EACH_SERVER = (range(2060, 2072), range(2072, 2084))
"""A game takes a server seconds: other ones with each, and in each dozen every kind of change is done and refused."""


async def _model(clock: Clock) -> Store:
    store = MemoryStore("game", clock)
    await store.open()
    return store


@pytest.mark.parametrize("place", ["private", "file"])
async def test_sqlite_is_as_the_model(place: str, tmp_path: Path) -> None:
    games = iter(range(GAMES))

    async def sqlite(clock: Clock) -> Store:
        path = ":memory:" if place == "private" else tmp_path / f"{next(games)}.db"
        store = SqliteStore(path, "game", clock)
        await store.open()
        return store

    tally = Tally()
    for seed in range(GAMES):
        await play(seed if place == "private" else 1000 + seed, STEPS, _model, sqlite, tally)
    assert tally.missing() == [], "these kinds have not both succeeded and been refused"


@pytest.mark.parametrize("server", postgres.names())
async def test_postgres_is_as_the_model(server: str) -> None:
    # A schema for each game: messages are numbered by it, and their numbers are compared.
    url = postgres.shared(server).url
    tally = Tally()

    async def store(clock: Clock) -> Store:
        store = PostgresStore(f"{url}?schema={postgres.fresh()}&listen=off&lanes=1", "game", clock, time="given")
        await store.open()
        return store

    for seed in WITH_EACH_SERVER[postgres.names().index(server)]:
        await play(seed, STEPS, _model, store, tally)
    assert tally.missing() == [], "these kinds have not both succeeded and been refused"


async def test_the_model_is_as_itself() -> None:
    await play(1, 50, _model, _model)
