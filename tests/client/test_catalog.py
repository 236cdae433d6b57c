"""Workflows and events that are known. Over REST: tests/server/test_workflows.py."""

import pytest

from stepwell import App
from stepwell.client.catalog import Catalog
from stepwell.errors import NotFound
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_without_the_code_what_workers_offer_is_known() -> None:
    app = shop()
    async with Environment(app) as env:
        await env.app.start("echo", 1)
        await env.settle()
        other = App("memory://", mode="client")
        other.parts = app.parts
        async with other:
            catalog = Catalog(other)
            told = {one.name: one for one in await catalog.workflows()}
            assert told["buy"].known is False
            assert (told["buy"].kind, told["charge"].kind) == ("workflow", "step")  # as their versions were recorded
            assert (told["buy"].input_schema, told["buy"].workers) == (None, 1)
            assert (await catalog.workflow("echo")).runs == {"succeeded": 1}
            assert catalog.events() == []
            with pytest.raises(NotFound):
                await catalog.workflow("nothing")


def test_schemas_and_marks() -> None:
    catalog = Catalog(shop())
    takes, gives = catalog.schemas("typed")
    assert takes is not None
    assert takes["properties"]["mode"]["default"] == "a"
    assert gives == {"type": "string", "format": "decimal"}
    assert catalog.marked() == {"pin"}
    assert catalog.schemas("nothing") == (None, None)
