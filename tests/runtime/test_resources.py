"""Resources: made once when first needed, closed in reverse, made anew after a failure."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.errors import AppClosed, InvalidOption
from stepwell.runtime.resources import Resources

seen: ContextVar[str] = ContextVar("seen", default="nothing")


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async generator"])
def test_every_kind_of_factory_makes_its_resource_once(kind: str) -> None:
    log: list[str] = []

    def function() -> str:
        log.append("made")
        return "it"

    async def coroutine() -> str:
        return function()

    def generator() -> Iterator[str]:
        yield function()
        log.append("closed")

    async def async_generator() -> AsyncIterator[str]:
        yield function()
        log.append("closed")

    factories: dict[str, Callable[..., Any]] = {
        "function": function,
        "coroutine": coroutine,
        "generator": generator,
        "async generator": async_generator,
    }

    async def main() -> None:
        resources = Resources({"one": factories[kind]})
        assert log == []
        assert await resources.get("one") == "it"
        assert await resources.get("one") == "it"
        assert log == ["made"]
        await resources.close()
        assert log == (["made", "closed"] if "generator" in kind else ["made"])

    asyncio.run(main())


def test_those_who_ask_at_the_same_time_share_one_making() -> None:
    made: list[object] = []

    async def slow() -> object:
        await asyncio.sleep(0.005)
        made.append(object())
        return made[-1]

    async def main() -> None:
        resources = Resources({"slow": slow})
        got = await asyncio.gather(*(resources.get("slow") for _ in range(5)))
        assert len(made) == 1
        assert all(one is made[0] for one in got)
        await resources.close()

    asyncio.run(main())


def test_resources_are_closed_in_the_reverse_order_of_making() -> None:
    log: list[str] = []

    def factory(name: str) -> Callable[..., Any]:
        async def make() -> AsyncIterator[str]:
            yield name
            log.append(name)

        return make

    async def pool(db: str) -> AsyncIterator[str]:
        yield f"pool of {db}"
        log.append("pool")

    async def main() -> None:
        resources = Resources({"pool": pool, "db": factory("db"), "last": factory("last")})
        assert await resources.get("pool") == "pool of db"  # asked for first, made after what it needs
        await resources.get("last")
        await resources.close()
        assert log == ["last", "pool", "db"]

    asyncio.run(main())


def test_a_need_may_be_named_by_a_default() -> None:
    async def main() -> None:
        marker = SimpleNamespace(name="db")
        resources = Resources({"db": lambda: "the db", "repo": lambda engine=marker, size=3: (engine, size)})
        assert await resources.get("repo") == ("the db", 3)
        await resources.close()

    asyncio.run(main())


def test_a_failed_one_tells_everybody_and_is_tried_anew() -> None:
    tries: list[int] = []

    async def shaky() -> str:
        tries.append(1)
        await asyncio.sleep(0)
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return "up"

    async def main() -> None:
        resources = Resources({"shaky": shaky})
        got = await asyncio.gather(*(resources.get("shaky") for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in got] == [ConnectionError] * 3
        assert len(tries) == 1
        assert await resources.get("shaky") == "up"
        await resources.close()

    asyncio.run(main())


def test_one_who_gives_up_does_not_spoil_it_for_the_others() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def slow() -> str:
            await go.wait()
            return "made"

        resources = Resources({"slow": slow})
        first = asyncio.create_task(resources.get("slow"))
        second = asyncio.create_task(resources.get("slow"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        go.set()
        assert await second == "made"
        await resources.close()

    asyncio.run(main())


def test_a_resource_does_not_see_the_context_of_who_asked_first() -> None:
    async def main() -> None:
        def look() -> str:
            return seen.get()

        seen.set("a step's")
        resources = Resources({"one": look})
        assert await resources.get("one") == "nothing"
        await resources.close()

    asyncio.run(main())


def test_an_error_in_closing_is_logged_and_keeps_no_other_from_closing(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    def good() -> Iterator[str]:
        yield "good"
        closed.append("good")

    def bad() -> Iterator[str]:
        yield "bad"
        raise OSError("stuck")

    async def main() -> None:
        resources = Resources({"good": good, "bad": bad})
        await resources.get("good")
        await resources.get("bad")
        await resources.close()

    asyncio.run(main())
    assert closed == ["good"]
    assert "resource 'bad' did not close" in caplog.text


def test_closing_gives_up_one_that_is_still_being_made() -> None:
    async def main() -> None:
        resources = Resources({"never": asyncio.Event().wait})
        asked = asyncio.create_task(resources.get("never"))
        await asyncio.sleep(0.001)
        await asyncio.wait_for(resources.close(), 60)
        with pytest.raises(AppClosed):
            await asked

    asyncio.run(main())


def test_a_cancel_scope_inside_a_resource_is_left_where_it_was_entered() -> None:
    """Libraries with task groups demand that one task both opens and closes them."""
    tasks: list[Any] = []

    async def grouped() -> AsyncIterator[str]:
        async with asyncio.timeout(60):
            tasks.append(asyncio.current_task())
            yield "grouped"
            tasks.append(asyncio.current_task())

    async def main() -> None:
        resources = Resources({"grouped": grouped})
        assert await resources.get("grouped") == "grouped"
        await resources.close()
        assert tasks[0] is tasks[1]
        assert tasks[0] is not asyncio.current_task()

    asyncio.run(main())


def test_an_unknown_resource_is_refused_and_a_circle_too() -> None:
    async def main() -> None:
        resources = Resources({"a": lambda b: b, "b": lambda c: c, "c": lambda a: a})
        with pytest.raises(InvalidOption, match="no resource is called 'd'"):
            await resources.get("d")
        with pytest.raises(InvalidOption, match="a → b → c → a"):
            await resources.get("a")
        await resources.close()

    asyncio.run(main())
