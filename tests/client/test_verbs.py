"""Starting by a client's own engine; what all clients have in common is in test_protocol.py."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from stepwell import App, StartErrors
from stepwell.client.verbs import Verbs
from stepwell.errors import Conflict, WrongContext
from stepwell.model.run import RunRow
from stepwell.ports.engine import StartOrder

app = App("memory://")


@app.workflow
async def double(x: int) -> float:
    return 2.0 * x


class Engine:
    """Takes starts down; refuses the negative ones."""

    def __init__(self) -> None:
        self.orders: list[StartOrder] = []
        self.knew: list[Any] = []

    async def start(self, orders: Sequence[StartOrder]) -> list[RunRow | Exception]:
        self.orders += orders
        return [Conflict("no") if b"-" in order.input else RunRow(key=b"k" * 16, id="r", workflow=order.workflow)
                for order in orders]  # fmt: skip

    def knowing(self, definitions: Any) -> Any:
        self.knew.append(definitions)
        return self


class Client(Verbs):
    def __init__(self) -> None:
        self.engine = Engine()

    def _engine(self) -> Any:
        return self.engine


def test_a_typed_start_goes_to_the_client_s_own_engine() -> None:
    async def main() -> None:
        client = Client()
        run = await client.start(double.options(id="a", tags={"x": 1}), 4)
        (order,) = client.engine.orders
        assert (order.workflow, order.input) == ("double", b'{"x":4}')
        assert (order.options.id, order.options.tags) == ("a", {"x": 1})
        assert (run.id, run.workflow) == ("r", "double")
        assert run._engine() is client.engine  # type: ignore[comparison-overlap]
        assert client.engine.knew == [app.registry]
        assert run._plan is double.definition.result
        with pytest.raises(Conflict):
            await client.start(double, -1)

    asyncio.run(main())


def test_many() -> None:
    async def main() -> None:
        client = Client()
        assert [run.id for run in await client.start_many(double, [(1,), double.options(id="b").item(2)])] == ["r", "r"]
        assert [order.options.id for order in client.engine.orders] == [None, "b"]
        with pytest.raises(StartErrors) as refused:
            await client.start_many(double, [(1,), (-2,)])
        assert (set(refused.value.errors), set(refused.value.runs)) == ({1}, {0})
        assert await client.start_many(double, []) == []

    asyncio.run(main())


def test_a_client_in_a_workflow_body_is_refused() -> None:
    from stepwell.testing.environment import Environment

    client = Client()
    shop = App("memory://")

    @shop.workflow
    async def body() -> str:
        try:
            await client.start(double, 1)
        except WrongContext as error:
            return str(error)
        return "started"

    async def main() -> None:
        async with Environment(shop):
            assert "unrecorded verb" in await (await body.start()).result()
        assert client.engine.orders == []

    asyncio.run(main())
