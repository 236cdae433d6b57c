"""Injected resources: filled by the worker, unseen by callers, replaced in one line by a test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from stepwell import App, RunFailed
from stepwell.authoring.inject import injected_parameters, refuse_method
from stepwell.errors import InvalidOption, TypeMismatch
from stepwell.testing.environment import Environment


class Pool:
    def __init__(self, name: str) -> None:
        self.name = name

    def rename(self, name: str) -> None:
        self.name = name


class Shop:
    """An app with a step that needs something, and a log of what was made and closed."""

    def __init__(self) -> None:
        self.app = app = App("memory://")
        self.log: list[str] = []

        @app.resource
        async def db() -> AsyncIterator[Pool]:
            self.log.append("db opened")
            yield Pool("real")
            self.log.append("db closed")

        @app.resource
        def config() -> Iterator[dict[str, int]]:
            self.log.append("config read")
            yield {"rate": 3}

        @app.step
        async def charge(amount: int, *, db: Pool = db.inject(), config: dict[str, int] = config.inject()) -> str:
            return f"{amount * config['rate']} by {db.name}"

        @app.step
        def ship(what: str, *, db: Pool = db.inject()) -> str:
            return f"{what} by {db.name}"

        @app.workflow
        async def order(amount: int) -> list[str]:
            return [await charge(amount), await ship("book")]

        self.db, self.charge, self.order = db, charge, order


def test_steps_get_what_the_worker_made_once() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            assert shop.log == []  # made when first needed
            for amount in (1, 2):
                run = await shop.order.start(amount)
                assert await run.result() == [f"{3 * amount} by real", "book by real"]
            assert sorted(shop.log) == ["config read", "db opened"]
        assert shop.log[-1] == "db closed"

    asyncio.run(main())


def test_callers_do_not_see_it() -> None:
    shop = Shop()
    signature = shop.charge.definition.signature
    assert signature.parameters == ("amount",)
    assert shop.charge.definition.inject == {"db": "db", "config": "config"}
    assert list(signature.schema()["properties"]) == ["amount"]
    with pytest.raises(TypeMismatch, match="db is injected; leave it out"):
        signature.encode_args((1,), {"db": Pool("mine")})


def test_it_has_no_part_in_the_digest() -> None:
    """Recorded calls stay what they were when a step comes to need something."""
    plain = App("memory://")

    @plain.step
    async def charge(amount: int) -> str:
        return str(amount)

    with_db, without = Shop().charge.definition.signature, charge.definition.signature
    assert with_db.encode_args((5,), {}) == without.encode_args((5,), {})
    assert with_db.digest(b'{"amount":5}') == without.digest(b'{"amount":5}')


@pytest.mark.parametrize("fake", [Pool("fake"), lambda: Pool("fake")], ids=["value", "factory"])
def test_one_line_replaces_it_and_the_end_of_the_block_restores_it(fake: Any) -> None:
    shop = Shop()

    async def order() -> list[str]:
        async with Environment(shop.app):
            return await (await shop.order.start(1)).result()

    with shop.db.override(fake):
        assert asyncio.run(order()) == ["3 by fake", "book by fake"]
        assert "db opened" not in shop.log
    assert asyncio.run(order()) == ["3 by real", "book by real"]


def test_an_override_is_undone_though_the_block_fails() -> None:
    shop = Shop()
    before = dict(shop.app.registry.resources())
    with pytest.raises(ValueError, match="in the test"), shop.db.override(Pool("fake")):
        raise ValueError("in the test")
    assert dict(shop.app.registry.resources()) == before


def test_overrides_can_be_nested() -> None:
    shop = Shop()
    with shop.db.override(Pool("outer")):
        with shop.db.override(Pool("inner")):
            assert shop.app.registry.resources()["db"]().name == "inner"
        assert shop.app.registry.resources()["db"]().name == "outer"


def test_a_resource_may_need_another() -> None:
    app = App("memory://")

    @app.resource
    def url() -> str:
        return "db://"

    @app.resource
    async def pool(*, address: str = url.inject()) -> Pool:
        return Pool(address)

    @app.step
    async def name_of(*, pool: Pool = pool.inject()) -> str:
        return pool.name

    async def main() -> None:
        async with Environment(app):
            assert await (await name_of.start()).result() == "db://"

    asyncio.run(main())


def test_a_resource_that_fails_fails_the_attempt_and_is_tried_again() -> None:
    app = App("memory://")
    tries: list[int] = []

    @app.resource
    async def db() -> Pool:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return Pool("real")

    @app.step(retries=1)
    async def patient(*, db: Pool = db.inject()) -> str:
        return db.name

    @app.step
    async def hasty(*, db: Pool = db.inject()) -> str:
        return db.name

    async def main() -> None:
        async with Environment(app):
            assert await (await patient.start()).result() == "real"
        assert len(tries) == 2
        tries.clear()
        async with Environment(app):
            with pytest.raises(RunFailed) as failed:
                await (await hasty.start()).result()
            assert isinstance(failed.value.__cause__, ConnectionError)

    asyncio.run(main())


def test_a_positional_parameter_cannot_be_injected() -> None:
    app = App("memory://")
    db = app.resource(Pool)

    def careless(amount: int, db: Any = db.inject()) -> None: ...

    with pytest.raises(InvalidOption, match=r"injected parameter 'db' of \S*careless is positional. Put `\*,`"):
        injected_parameters(careless)
    step = app.step(careless)
    with pytest.raises(InvalidOption, match="positional"):
        _ = step.definition


def test_which_parameters_are_injected() -> None:
    app = App("memory://")
    db = app.resource(Pool)

    def step(amount: int, rate: int = 3, *, mine: Any = db.inject(), note: str = "") -> None: ...

    assert injected_parameters(step) == {"mine": "Pool"}
    assert repr(db.inject()) == "<Pool: injected by the worker>"


@pytest.mark.parametrize("method", [Pool.__init__, Pool("bound").rename])
def test_methods_are_refused(method: Any) -> None:
    with pytest.raises(InvalidOption, match=r"workflow .* is a method"):
        refuse_method(method, "workflow")
    refuse_method(lambda amount: amount, "workflow")
