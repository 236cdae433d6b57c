"""Asynchronous generators that a body leaves behind: closed inside their run, or with everything refused."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

from stepwell import fold
from tests.core.driver import Held, House

house = House()
bodies: list[str] = []
seen: list[str] = []
kept: list[Any] = []


@house.step
async def work(name: str) -> Any:
    bodies.append(name)
    return name


@house.step
def sync_work(name: str) -> Any:
    bodies.append(name)
    return name


async def pages(name: str = "pages") -> AsyncIterator[int]:
    try:
        for n in range(1000):
            yield n
    finally:
        seen.append(f"closing {name}")
        await sync_work(name)
        seen.append(f"closed {name}")


def clean() -> None:
    bodies.clear()
    seen.clear()
    kept.clear()


@house.workflow
async def breaks() -> str:
    async for _ in pages():
        break
    await work("after")
    return "done"


def test_left_by_break_it_is_closed_in_the_run(silence: None) -> None:
    clean()
    held = Held(breaks)
    assert held.calls == ["work", "@1/sync_work"]
    held.done("@1/sync_work")
    assert seen == ["closing pages", "closed pages"]
    assert held.done("work").result == "done"
    assert bodies == []
    assert held.again(held.entries[:2]).calls == ["work"]


@house.workflow
async def breaks_and_returns() -> str:
    async for _ in pages():
        break
    return "done"


def test_at_the_end_its_clean_up_is_cancelled_as_asyncio_run_does(silence: None) -> None:
    clean()
    held = Held(breaks_and_returns)
    assert held.result == "done"
    assert held.history == []
    assert seen == ["closing pages"]
    assert bodies == []


class Cycle:
    """Something that only the collector frees."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.itself = self


@house.workflow
async def loses() -> str:
    generator = pages("lost")
    await anext(generator)
    Cycle(generator)
    del generator
    await work("a")
    return str(await work("b"))


def test_found_by_the_collector_it_is_refused_everything(silence: None) -> None:
    clean()
    gc.disable()
    try:
        held = Held(loses)
        gc.collect()
        assert seen == ["closing lost"]
        assert held.calls == ["work"]
        held.done("work", "a")
        assert held.calls == ["work#2"]
    finally:
        gc.enable()
    assert held.done("work#2", "b").result == "b"
    assert bodies == []


@house.workflow
async def collects() -> str:
    await work("a")
    gc.collect()
    return str(await work("b"))


def test_found_during_the_activation_of_another_run(silence: None) -> None:
    clean()
    gc.disable()
    try:
        loser, other = Held(loses), Held(collects, key=bytes(16))
        other.done("work", "a")
        assert seen == ["closing lost"]
        assert other.calls == ["work#2"]
        assert loser.calls == ["work"]
        assert other.done("work#2", "b").result == "b"
        assert other.again().result == "b"
    finally:
        gc.enable()
    loser.kernel.close()
    assert bodies == []


@house.workflow
async def loses_and_collects() -> str:
    generator = pages("lost")
    await anext(generator)
    Cycle(generator)
    del generator
    gc.collect()
    return str(await work("b"))


def test_found_during_its_own_activation_it_is_refused_too(silence: None) -> None:
    clean()
    held = Held(loses_and_collects)
    assert seen == ["closing lost"]
    assert held.calls == ["work"]
    held.kernel.close()
    assert bodies == []


def test_found_in_another_thread(silence: None) -> None:
    clean()
    gc.disable()
    try:
        held = Held(loses)
        thread = threading.Thread(target=gc.collect)
        thread.start()
        thread.join()
    finally:
        gc.enable()
    assert seen == ["closing lost"]
    assert held.done("work", "a").done("work#2", "b").result == "b"
    assert bodies == []


@house.workflow
async def keeps() -> str:
    generator = pages("kept")
    await anext(generator)
    kept.append(generator)
    return str(await work("a"))


def test_dropped_after_its_run_has_gone(silence: None) -> None:
    clean()
    held = Held(keeps)
    held.kernel.close()
    assert seen == []
    kept.clear()
    assert seen == ["closing kept"]

    clean()
    ended = Held(keeps).done("work", "a")
    assert ended.result == "a"
    kept.clear()
    assert seen == ["closing kept"]
    assert bodies == []


async def stubborn_pages() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        while True:
            try:
                await sync_work("again")
            except BaseException:
                seen.append("again")


@house.workflow
async def loses_a_stubborn_one() -> str:
    generator = stubborn_pages()
    await anext(generator)
    Cycle(generator)
    del generator
    return str(await work("a"))


def test_one_that_refuses_is_given_up(silence: None) -> None:
    clean()
    held = Held(loses_a_stubborn_one)
    gc.collect()
    assert 0 < len(seen) < 10_000
    assert bodies == []
    assert held.done("work", "a").result == "a"


@house.workflow
async def evicted_within() -> None:
    async for _ in pages("open"):
        await work("a")


def test_evicted_in_the_middle(silence: None) -> None:
    clean()
    held = Held(evicted_within)
    held.kernel.close()
    assert seen == ["closing open"]
    assert held.kernel.take() == []
    assert bodies == []


@house.workflow
async def in_a_part() -> str:
    async def part() -> int:
        async for n in pages("in a part"):
            return n
        return -1

    await fold("part", part)
    await asyncio.sleep(1)
    return "done"


def test_left_in_a_folded_part_it_ends_with_it(silence: None) -> None:
    clean()
    held = Held(in_a_part)
    assert held.calls == ["timer"]
    assert held.fire().result == "done"
    assert held.again().result == "done"
    assert bodies == []
