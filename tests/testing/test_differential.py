import pytest
from msgspec.structs import replace

from stepwell.model.change import Change, Reply
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.testing.differential import KINDS, Tally, play
from stepwell.testing.randomchanges import CHANGES

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _right(clock: Clock) -> Store:
    store = MemoryStore("game", clock)
    await store.open()
    return store


class _Forgetful(MemoryStore):
    """Leaves out one thing."""

    async def commit(self, changes):  # type: ignore[no-untyped-def]
        return await super().commit([replace(change, took=()) for change in changes])


class _Talkative(MemoryStore):
    """Says something else."""

    async def commit(self, changes):  # type: ignore[no-untyped-def]
        return [replace(reply, inbox=0) for reply in await super().commit(changes)]


@pytest.mark.parametrize("wrong", [_Forgetful, _Talkative])
async def test_a_difference_is_told_with_seed_and_step(wrong: type[MemoryStore]) -> None:
    async def other(clock: Clock) -> Store:
        return wrong("game", clock)

    with pytest.raises(AssertionError, match=r"seed 4, step \d+: .*(differ|answered)"):
        await play(4, 1000, _right, other)


async def test_equal_stores_play_on_and_are_counted() -> None:
    tally = await play(3, 150, _right, _right)
    assert sum(tally.accepted.values()) > 100
    assert tally.missing()
    again = await play(3, 150, _right, _right)
    assert (again.accepted, again.refused) == (tally.accepted, tally.refused)


def test_what_is_missing() -> None:
    tally = Tally()
    assert tally.missing() == sorted(KINDS)
    for kind in KINDS:
        tally.add(kind, accepted=True)
    assert tally.missing() == sorted(KINDS)
    for kind in KINDS:
        tally.add(kind, accepted=False)
    assert tally.missing() == []
    assert set(CHANGES) < set(KINDS)
    assert Reply(True).ok
    assert Change().run == b""
