"""What an app has defined, by name, and what an event starts."""

import asyncio
from typing import Any

import pytest

from stepwell import App
from stepwell.adapters.failures import ErrorRegistry
from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.authoring.registry import Registry
from stepwell.errors import DuplicateName, TypeMismatch, UnknownEvent
from stepwell.testing.environment import Environment


def registry() -> Registry:
    return Registry(JsonCodec(), ErrorRegistry())


def test_a_definition_is_made_when_it_is_asked_for() -> None:
    mine, made = registry(), []

    def define() -> Any:
        made.append(1)
        return "definition"

    mine.add_workflow("flow", define, define)
    assert mine.workflow_names() == ("flow",)
    assert made == []
    assert mine.workflow("flow") == "definition"  # type: ignore[comparison-overlap]
    assert mine.workflow("other") is None
    assert made == [1]


def test_names_are_taken_once_and_keep_their_order() -> None:
    mine = registry()

    def fn() -> None: ...

    for name in ("b", "a"):
        mine.add_workflow(name, fn, lambda: None)  # type: ignore[arg-type, return-value]
    assert mine.workflow_names() == ("b", "a")
    with pytest.raises(DuplicateName, match=r"'a' is defined twice: at .*test_registry.py:") as refused:
        mine.add_workflow("a", object(), lambda: None)  # type: ignore[arg-type, return-value]
    assert "<object object" in str(refused.value)  # a place that has no line


def test_an_unknown_event_is_told_with_those_there_are() -> None:
    mine = registry()
    with pytest.raises(UnknownEvent, match=r"no event is called 'paid'. Events of this app: none."):
        mine.event("paid")
    mine.add_event("b", 2)
    mine.add_event("a", 1)
    assert mine.event("a") == 1
    with pytest.raises(UnknownEvent, match=r"Events of this app: a, b\."):
        mine.event("paid")
    with pytest.raises(DuplicateName, match=r"event 'a' is defined twice: at .*test_registry\.py:\d+ and at") as said:
        mine.add_event("a", 3)
    assert str(said.value).count("test_registry.py:") == 2
    assert mine.event("a") == 1


def test_a_resource_is_replaced_and_put_back() -> None:
    mine = registry()
    mine.add_resource("db", dict)
    before = mine.override("db", list)
    assert (before, dict(mine.resources())) == (dict, {"db": list})
    assert mine.override("db", before) is list
    with pytest.raises(KeyError):
        mine.override("nonesuch", list)


def test_a_resource_defined_twice_names_both_places() -> None:
    app = App("memory://")

    def pool() -> int:
        return 1

    app.resource(pool)
    with pytest.raises(DuplicateName, match=r"resource 'pool' is defined twice") as said:
        app.resource(pool)
    line = pool.__code__.co_firstlineno
    assert str(said.value).count(f"test_registry.py:{line}") == 2
    app.event("pool")  # an event may have the name of a resource


def test_subscriptions_are_those_of_all_workflows() -> None:
    app = App("memory://")
    paid = app.event("paid", int)

    @app.workflow(on=paid)
    async def one(x: int) -> int:
        return x

    @app.workflow(on=[paid, "made"])
    async def two(x: int) -> int:
        return x

    @app.step
    async def step() -> None: ...

    assert app.registry.subscriptions() == [("paid", "one"), ("paid", "two"), ("made", "two")]


def test_publishing_starts_the_workflows_on_the_event() -> None:
    app = App("memory://")
    paid = app.event("paid", int)
    other = app.event("other", int)

    @app.workflow(on=paid)
    async def ship(amount: int) -> int:
        return amount

    @app.workflow(on=[paid, other])
    async def tell(amount: int) -> int:
        return -amount

    async def main() -> None:
        async with Environment(app):
            runs = await app.send(paid, 3, id="evt-1")
            assert [(run.workflow, await run.result()) for run in runs] == [("ship", 3), ("tell", -3)]
            again = await app.send("paid", 3, id="evt-1")
            assert [run.key for run in again] == [run.key for run in runs]  # de-duplicated
            (only,) = await app.send(other, 4)
            assert await only.result() == -4
            assert len(await app.send(paid, 3)) == 2  # without an id: new ones
            with pytest.raises(TypeMismatch):
                await app.send(paid, "three")
            with pytest.raises(UnknownEvent, match="Events of this app: other, paid"):
                await app.send("nonesuch", 3)
            assert sum((await app.runs.count()).values()) == 5

    asyncio.run(main())
