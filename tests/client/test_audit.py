"""The audit's records: grouped, and kept before the answer."""

import asyncio

import pytest

from stepwell.adapters.ids import new_key
from stepwell.client.audit import Audit, Noted
from stepwell.errors import NotFound, StoreUnavailable
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_records_that_come_together_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    store = MemoryStore("audit", clock)
    put, groups = store.put, list[int]()

    async def counted(records: list[object], **how: bool) -> list[bool]:
        groups.append(len(records))
        await asyncio.sleep(0)
        return await put(records, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "put", counted)
    audit = Audit(store, clock.now, new_key)
    await asyncio.gather(*(audit.note(Noted(who="a", action=f"{n}")) for n in range(20)))
    assert sum(groups) == 20
    assert len(groups) < 20
    page, after = await audit.page(15, None)
    assert [entry.action for entry in page] == [str(n) for n in reversed(range(5, 20))]
    with pytest.raises(NotFound, match="no page begins after 'zzz'"):
        await audit.page(15, "zzz")
    rest, end = await audit.page(15, after)
    assert [entry.action for entry in rest] == ["4", "3", "2", "1", "0"]
    assert end is None


async def test_who_waits_is_told_of_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    store = MemoryStore("audit", clock)
    audit = Audit(store, clock.now, new_key)

    async def away(*_: object, **__: object) -> list[bool]:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", away)
        with pytest.raises(StoreUnavailable):
            await audit.note(Noted(who="a", action="x"))
    await audit.note(Noted(who="a", action="y"))
    assert len((await audit.page(10, None))[0]) == 1
