"""A store that fails where it is told to."""

import asyncio

import pytest

from stepwell.adapters.ids import new_key
from stepwell.core.starting import new_run
from stepwell.errors import StoreUnavailable
from stepwell.model.change import Change
from stepwell.model.options import StartOptions
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.faults import Fault, FaultyStore


def a_start() -> Change:
    new = new_run("w", b"{}", StartOptions(), None, key=new_key(), now=1.0)
    return Change(run=new.row.key, create=new)


@pytest.mark.parametrize(("fault", "kept"), [(Fault.REFUSED, False), (Fault.LOST_REPLY, True)])
def test_an_error_before_or_after_the_commit(fault: Fault, kept: bool) -> None:
    async def main() -> None:
        store = FaultyStore(MemoryStore("test", VirtualClock()), 2, fault)
        await store.open()
        first, second = a_start(), a_start()
        await store.commit([first])
        with pytest.raises(StoreUnavailable):
            await store.commit([second])
        assert store.hit
        assert await store.row(first.run) is not None
        assert (await store.row(second.run) is not None) is kept
        assert (await store.commit([second]))[0].ok, "a repeat succeeds either way (P6)"

    asyncio.run(main())


@pytest.mark.parametrize(("fault", "kept"), [(Fault.CRASH_BEFORE, False), (Fault.CRASH_AFTER, True)])
def test_a_crash_answers_nothing_any_more(fault: Fault, kept: bool) -> None:
    async def main() -> None:
        store = FaultyStore(MemoryStore("test", VirtualClock()), 1, fault)
        await store.open()
        change = a_start()
        task = asyncio.ensure_future(store.commit([change]))
        await asyncio.wait_for(store.crashed.wait(), 60)
        later = asyncio.ensure_future(store.commit([a_start()]))
        await asyncio.sleep(0)
        assert not task.done()
        assert not later.done()
        assert (await store.row(change.run) is not None) is kept
        for pending in (task, later):
            pending.cancel()

    asyncio.run(main())
