"""Whose line it is."""

import asyncio
import contextlib
from collections.abc import Iterator
from inspect import currentframe
from types import FrameType
from typing import Any

from stepwell.core import asyncloop
from stepwell.core.blame import UNKNOWN, blame


def line() -> int:
    frame: FrameType | None = currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_the_caller_is_to_blame() -> None:
    assert blame() == (__file__, line())


def test_frames_of_libraries_in_between_are_passed_over() -> None:
    found: list[tuple[str, int]] = []

    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        found.append(blame())
        yield

    with manager():
        pass
    assert found == [(__file__, line() - 6)]

    async def body() -> None:
        asyncio.get_running_loop().call_soon(lambda: found.append(blame()))
        await asyncio.sleep(0)

    asyncio.run(body())
    assert found[1][0] == __file__


class Waiting:
    """A coroutine's place: the frame at which it waits, and what it waits for."""

    def __init__(self, inner: Any = None) -> None:
        self.cr_frame = None
        self.cr_await = inner


async def waits() -> None:
    await asyncio.sleep(1)


def test_what_drives_a_loop_is_not_the_bodys() -> None:
    loop = object.__new__(asyncloop.KernelLoop)
    found: list[Any] = []

    async def body() -> None:
        await asyncio.get_running_loop().create_future()

    coroutine = body()
    try:
        assert blame(coroutine) == (__file__, line())
        scope: dict[str, Any] = {"blame": blame, "found": found, "waiting": coroutine, "__name__": "stepwell.core.asyncloop"}
        exec("def drive(*args):\n    found.append(blame(*args))\ndrive()\ndrive(waiting)", scope)
    finally:
        coroutine.close()
    assert found[0] == UNKNOWN
    assert found[1] == (__file__, body.__code__.co_firstlineno)
    assert loop is not None
