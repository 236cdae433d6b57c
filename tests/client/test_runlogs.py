"""Pages of a run's log, forwards and backwards, also in the middle of a record."""

import msgspec
import pytest

from stepwell.client.runlogs import read_log
from stepwell.errors import InvalidOption
from stepwell.model.logline import Batch, Line
from stepwell.model.record import Record
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio
RUN = b"run".ljust(16)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore("test", VirtualClock())
    number = 0
    for n, size in enumerate([3, 1, 4], 1):
        lines = [
            Line(1000.0 + number + k, "ERROR" if (number + k) % 2 else "INFO", f"{number + k}") for k in range(size)
        ]
        number += size
        data = msgspec.json.encode(Batch(lines, number, number))
        await store.put([Record(kind="log", id=f"{n:018x}aaaaaa", at=lines[0].at, data=data, owner=RUN)])
        await store.put([Record(kind="log", id=f"{n:018x}bbbbbb", at=1.0, data=data, owner=b"other".ljust(16))])
    return store


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
async def test_pages_join_to_the_whole(store: MemoryStore, limit: int, newest: bool) -> None:
    texts, after = [], None
    while True:
        page = await read_log(store, RUN, limit=limit, after=after, newest=newest)
        assert len(page.lines) <= limit
        texts += [line.text for line in page.lines]
        after = page.after
        if after is None:
            break
    whole = [f"{n}" for n in range(8)]
    assert texts == (whole[::-1] if newest else whole)


async def test_of_a_level_and_above(store: MemoryStore) -> None:
    page = await read_log(store, RUN, limit=10, newest=False, level="warning")
    assert [line.text for line in page.lines] == ["1", "3", "5", "7"]


async def test_what_cannot_be_asked(store: MemoryStore) -> None:
    with pytest.raises(InvalidOption, match="level='loud'"):
        await read_log(store, RUN, limit=1, level="loud")
    for after in ("", "abc", "abc.x", ".1"):
        with pytest.raises(InvalidOption, match="the id of a line"):
            await read_log(store, RUN, limit=1, after=after)
