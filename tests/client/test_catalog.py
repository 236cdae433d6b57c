"""Workflows and events that are known. Over REST: tests/server/test_workflows.py."""

import asyncio

import pytest

from stepwell import App
from stepwell.client import buckets
from stepwell.client import catalog as catalogue
from stepwell.client.catalog import Catalog
from stepwell.client.redact import Redactor
from stepwell.errors import NotFound
from stepwell.model.run import RunFilter
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is counted, however long that takes here."""
    monkeypatch.setattr(catalogue, "PATIENCE", 60.0)
    monkeypatch.setattr(buckets, "PATIENCE", 60.0)


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
            await env.app.runs.start("nap", 3600)
            await env.app.runs.start("fail", "no")
            await env.advance(5)
            told = {one.name: one for one in await catalog.workflows()}
            assert (told["nap"].runs, told["nap"].complete) == ({"waiting": 1}, True)
            assert told["fail"].runs == {"failed": 1}
            with pytest.raises(NotFound):
                await catalog.workflow("nothing")


async def test_what_takes_long_to_count_is_told_when_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Environment(shop()) as env:
        await env.app.start("nap", 3600)
        await env.settle()
        catalog, counted = Catalog(env.app), asyncio.Event()
        count = env.store.count

        async def slowly(which: RunFilter) -> dict[str, int]:
            await counted.wait()
            return await count(which)

        monkeypatch.setattr(env.store, "count", slowly)
        monkeypatch.setattr(catalogue, "PATIENCE", 0.01)
        early = await catalog.workflow("nap")
        assert (early.runs, early.complete) == ({}, False)
        counted.set()
        monkeypatch.setattr(catalogue, "PATIENCE", 60.0)
        later = await catalog.workflow("nap")
        assert (later.runs, later.complete) == ({"waiting": 1}, True)


def test_schemas() -> None:
    catalog = Catalog(shop())
    takes, gives = catalog.schemas("typed")
    assert takes is not None
    assert takes["properties"]["mode"]["default"] == "a"
    assert gives == {"type": "string", "format": "decimal"}
    assert takes["properties"]["card"]["default"] is None
    assert takes["$defs"]["Card"]["properties"]["pin"]["format"] == "password"
    assert "default" not in takes["$defs"]["Card"]["properties"]["api_key"]
    narrow, _ = Catalog(shop(), listed=lambda: Redactor(("mode",))).schemas("typed")
    assert narrow is not None
    assert "default" not in narrow["properties"]["mode"]
    assert catalog.schemas("nothing") == (None, None)
