"""Outcomes as they are kept, and what decides when a commit is in doubt."""

import pytest

from stepwell.model.record import Record
from stepwell.ports.guest import OUTCOME, VOID, Fence
from stepwell.runtime.outcomes import decide_outcome, outcome_of, result_of
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio
FENCE = Fence(b"k" * 16, 1, "1:pay")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("data", [b"null", b'{"a":[1,2]}', b'"x"', b"{}"])
def test_there_and_back(data: bytes) -> None:
    assert result_of(outcome_of(data)) == data
    assert outcome_of(data) != VOID


async def test_what_is_not_there_never_will_be() -> None:
    store = MemoryStore("test", VirtualClock())
    await store.open()
    assert await decide_outcome(store, FENCE, 1.0) is None
    assert await store.put([_outcome("1:pay", b"5")]) == [False]
    assert await decide_outcome(store, FENCE, 2.0) is None


async def test_what_is_there_counts_among_many() -> None:
    store = MemoryStore("test", VirtualClock())
    await store.open()
    await store.put([_outcome(f"1:a#{n:04}", b"0") for n in range(250)])
    await store.put([_outcome("1:pay", b"5")])
    assert await decide_outcome(store, FENCE, 1.0) == b"5"


def _outcome(call: str, data: bytes) -> Record:
    return Record(kind=OUTCOME, owner=FENCE.run, id=call, at=0.0, data=outcome_of(data))
