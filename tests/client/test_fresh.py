"""A reading that many ask for."""

import asyncio
from typing import Any

import pytest

from stepwell.client.fresh import SHARE, Fresh
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_it_is_read_once_for_all_and_not_again_too_soon() -> None:
    clock, reads = VirtualClock(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return reads

    fresh = Fresh(read, clock, 1.0)
    assert await asyncio.gather(*(fresh.get() for _ in range(5))) == [1] * 5
    clock.move_to(clock.now() + 0.9)
    assert await fresh.get() == 1
    clock.move_to(clock.now() + 0.2)
    assert await fresh.get() == 1  # handed out once more, while it is read again
    async with asyncio.timeout(60):
        while await fresh.get() == 1:
            await asyncio.sleep(0)
    assert await fresh.get() == 2
    clock.move_to(clock.now() + 100)
    assert await fresh.get() == 3  # long out of date: waited for
    fresh.close()


async def test_what_takes_long_is_read_seldom() -> None:
    clock, reads = VirtualClock(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        clock.move_to(clock.now() + 2.0)
        return reads

    fresh = Fresh(read, clock, 1.0)
    await fresh.get()
    clock.move_to(clock.now() + 2.0 * SHARE - 1)
    assert await fresh.get() == 1


async def test_a_failure_is_told_and_not_kept() -> None:
    answers: Any = iter([ValueError("no"), 5])

    async def read() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    fresh = Fresh(read, VirtualClock(), 1.0)
    with pytest.raises(ValueError, match="no"):
        await fresh.get()
    assert await fresh.get() == 5
