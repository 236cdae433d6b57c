"""Async words carried out at once, and refused where they would have to wait."""

import asyncio

import pytest

from stepwell.errors import InvalidOption, WrongContext
from stepwell.ports.guest import NoDrivers, at_once


async def double(x: int) -> int:
    return 2 * await itself(x)


async def itself(x: int) -> int:
    return x


async def asks_for_the_loop() -> None:
    asyncio.get_running_loop()


async def fails() -> None:
    raise RuntimeError("its own")


def test_what_never_suspends_is_done_at_once() -> None:
    assert at_once(double(4)) == 8
    with pytest.raises(RuntimeError, match="its own"):
        at_once(fails())


@pytest.mark.parametrize("work", [lambda: asyncio.sleep(0), asks_for_the_loop])
def test_what_would_wait_is_refused(work: object) -> None:
    assert callable(work)
    with pytest.raises(WrongContext, match="asynchronous connection"):
        at_once(work())


def test_definitions_of_no_app_know_no_driver() -> None:
    with pytest.raises(InvalidOption):
        NoDrivers().connection(object())
    with pytest.raises(InvalidOption):
        at_once(NoDrivers().begin(object(), admit=_anybody))


async def _anybody(conn: object) -> None: ...
