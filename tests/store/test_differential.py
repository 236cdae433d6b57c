"""The same random operations on the memory store and on every other one of ours."""

from pathlib import Path

import pytest

from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.differential import Tally, play

pytestmark = pytest.mark.anyio
GAMES, STEPS = 25, 150


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


async def test_the_model_is_as_itself() -> None:
    await play(1, 50, _model, _model)
