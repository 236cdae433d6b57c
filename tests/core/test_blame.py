"""Whose line it is."""

import asyncio
import contextlib
from collections.abc import Iterator
from inspect import currentframe
from types import FrameType
from typing import Any

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
    assert found == [(__file__, line() - 5)]

    async def body() -> None:
        asyncio.get_running_loop().call_soon(lambda: found.append(blame()))
        await asyncio.sleep(0)

    asyncio.run(body())
    assert found[1][0] == __file__


async def waits() -> None:
    await asyncio.sleep(0)


def test_what_drives_a_loop_is_not_the_bodys() -> None:
    found: list[Any] = []

    scope: dict[str, Any] = {"blame": blame, "found": found, "__name__": "stepwell.core.asyncloop"}
    exec("def drive(*args):\n    found.append(blame(*args))", scope)
    coroutine = waits()
    coroutine.send(None)
    scope["drive"]()
    scope["drive"](coroutine)
    coroutine.close()
    assert found == [UNKNOWN, (__file__, waits.__code__.co_firstlineno + 1)]
