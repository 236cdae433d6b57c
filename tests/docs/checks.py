"""What the code of each page must do, once it has been executed; found by the page's name."""

import sys
from typing import Any

import pytest

from stepwell import RunFailed, RunParked, sleep
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment

Page = dict[str, Any]


async def readme(page: Page) -> None:
    async with Environment(page["app"]) as env:
        run = await page["place_order"].options(id="order-2").start("order-2", 5)
        await env.settle()
        await page["paid"].send("card", key="order-2")
        assert await run.result() == "charge-order-2 by card"
        with env.mock(page["refund"], lambda charge_id: None) as refunds:
            late = await page["place_order"].start("order-3", 5)
            with pytest.raises(RunFailed):
                await late.result()
            assert refunds == [("charge-order-3",)]
    from tests.client.serving import served

    async with page["app"], served(page["app"]) as url:
        assert await page["order_from_afar"](url) == "charge-order-9 by card"


async def index(page: Page) -> None:
    async with Environment(page["app"]):
        assert await (await page["place_order"].start("o-1")).result() == "charge-o-1"


async def quickstart(page: Page) -> None:
    await page["test_an_order"]()
    async with Environment(page["app"]):
        run = await page["order_with_payment"].start("o-1")
        await page["webhook"]("o-1", "card", "evt-1")
        assert await run.result() == "paid by card"


async def remote(page: Page) -> None:
    from tests.client.serving import served

    async with page["app"], served(page["app"]) as url:
        assert await page["order_from_afar"](url) == "2 for 48"


async def server(page: Page) -> None:
    from tests.server.conftest import client_of

    async with client_of(page["web"], base_url="http://127.0.0.1:8000") as client, page["app"]:
        assert (await client.get("/ops/stepwell/api/v1/session")).json()["open"] is True
        assert (await client.get("/ops/stepwell/ready")).json() == {"status": "ok"}


async def transactions(page: Page) -> None:
    page["connect"]().execute(
        "CREATE TABLE orders (id, amount); CREATE TABLE stock (left); INSERT INTO stock VALUES (9)"
    )
    async with page["app"]:
        await page["place_order"]("o-1", 2)
        assert await (await page["fulfil"].get("o-1")).result(60) == 7
        assert page["connect"]().execute("SELECT id, left FROM orders, stock").fetchall() == [("o-1", 7)]


async def versions(page: Page) -> None:
    app = page["app"]
    async with Environment(app) as env:
        run = await page["place_order"].start(5)
        assert await run.result() == "charge of 5"
        code, step = page["place_order"].definition.code, page["charge"].definition.code
        assert (await app.runs.row(run.id)).pin == code
        said = [line.text for line in (await app.runs.logs(run.id)).lines]
        assert said == [f"began by code {code}", f"charging by code {step}"]
        assert await app.stranded() == []
        assert len(await env.store.records("version")) == 2


async def life_of_a_run(page: Page) -> None:
    async with Environment(page["app"]):
        assert await page["steer"]() == 42


async def determinism(page: Page) -> None:
    async with Environment(page["app"], replay=True) as env:
        run = await page["experiment"].start()
        results = await run.result()
        assert len(set(results)) == 3
        assert env.now() - 1_700_000_000 == 3 * 3600
        assert await (await page["experiment_without_async"].start()).result() == 75.0
    await deploys()


OLD = """
async def w():
    r = [await a()]
    await go.wait("k")
    r.append(await b())
    return r
"""
DEPLOYS = {
    "add behind": ("    return r", "    r.append(await x())\n    return r", ["a", "b", "x"]),
    "remove b": ("    r.append(await b())\n", "", ["a"]),
    "rename b": ("await b()", "await x()", ["a", "x"]),
    "add before a": ("[await a()]", "[await x(), await a()]", None),
    "beside a": ("[await a()]", "list(await asyncio.gather(a(), x()))", None),
    "remove a": ("[await a()]", "[]", None),
    "replace a": ("await a()", "await x()", None),
    "remove the wait": ('    await go.wait("k")\n', "", None),
    "make it a sleep": ('await go.wait("k")', 'await sleep("1h")', None),
}


async def deploys() -> None:
    """The table of what a deploy may change, for a run that waits at `go`."""
    for what, (old, new, expected) in DEPLOYS.items():
        clock = VirtualClock()
        store = MemoryStore("test", clock)
        before, after = version(OLD), version(OLD.replace(old, new))
        async with Environment(before["app"], store=store, clock=clock) as env:
            await before["w"].options(id="r").start()
            await env.settle()
        async with Environment(after["app"], store=store, clock=clock):
            await after["go"].send(key="k")
            run = await after["w"].get("r")
            if expected is None:
                with pytest.raises(RunParked):
                    await run.result()
            else:
                assert await run.result() == expected, what


def version(body: str) -> Page:
    import asyncio

    from stepwell import App

    app = App()

    async def a() -> str:
        return "a"

    async def b() -> str:
        return "b"

    async def x() -> str:
        return "x"

    page: Page = {"app": app, "go": app.event("go"), "asyncio": asyncio, "sleep": sleep}
    page |= {step.__name__: app.step(step) for step in (a, b, x)}
    exec(body, page)
    page["w"] = app.workflow(page["w"])
    return page


async def steps(page: Page) -> None:
    async with Environment(page["app"]) as env:

        async def outcome(name: str, *args: Any) -> Any:
            return await (await page[name].start(*args)).result()

        receipt = page["Receipt"]
        assert await outcome("checkout", "o", 5) == receipt("charge-o", 5)
        assert await outcome("with_options", "o") == ["charge-o", "charge-o"]
        assert await outcome("careful", "o") == "o"
        assert await outcome("handles") == ["stolen", "network"]
        with env.mock(page["refund"], lambda receipt: None) as refunds:
            assert await outcome("buy", "o") == "undone"
            assert refunds == [(receipt("charge-o", 5),)]
        assert await outcome("inline") == ["A", "B", "C"]
        assert await outcome("look_up", "u-1") == "row for u-1"
        assert await (await page["charge"].start("order-1", 5)).result() == receipt("charge-order-1", 5)


async def events(page: Page) -> None:
    paid = page["Paid"]
    async with Environment(page["app"]) as env:
        run = await page["checkout"].options(id="o-1").start("o-1")
        await page["send_them"]("o-1")
        assert await run.result() == "pi_1"
        late = await page["checkout"].start("o-2")
        await env.advance("2h")
        await page["paid"].send(paid("pi_3", ok=False), key="o-2")
        assert await late.result() == "declined"
        decided = await page["decide"].start("o-3")
        await env.settle()
        await page["cancelled"].send(key="o-3")
        assert await decided.result() == "cancelled"
        assert await (await page["decide"].start("o-4")).result() == "late"
        assert await page["publish"]() == ["enrich", "welcome"]
        assert await page["publish"]() == ["enrich", "welcome"]
        await env.settle()
        assert (await page["app"].runs.count(workflow="welcome")) == {"succeeded": 1}


async def errors(page: Page) -> None:
    async with Environment(page["app"]):
        assert await page["show"]() == ["run_failed: ZeroDivisionError", "conflict", "not_found"]


async def configuration(page: Page) -> None:
    app = page["app"]
    assert (app.settings.concurrency, app.settings.lease) == (20, 30.0)
    assert app.settings.origin["concurrency"] == "argument"
    assert page["client"].settings.database_url == "sqlite:///shop.db"
    async with Environment(app):
        assert await (await page["report"].start("May")).result() == "May"
        (row,) = (await app.runs.list(queue="reports")).runs
        assert row.priority == 200


async def testing(page: Page) -> None:
    tests = [test for name, test in page.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        await test()


async def idioms(page: Page) -> None:
    order = page["Order"]
    await page["test_two_of_the_nevers"]()
    async with Environment(page["app"]):
        assert await page["callers"]() == "card"

        async def outcome(name: str, *args: Any) -> Any:
            return await (await page[name].start(*args)).result()

        orders = [order(f"o-{n}", n + 1) for n in range(150)]
        assert len(set(await outcome("many", orders))) == 150
        assert await outcome("in_windows", orders) == 150
        assert (await outcome("with_deadline", "nobody")).startswith("late at ")
        crawl = await page["crawl"].start()
        assert await crawl.result() == 10 * len("page 0") + 20 * len("page 10")
        assert (await crawl.status()).generation == 3
        assert (await outcome("with_options", orders[0])).startswith("o-0:")


def check_of(stem: str) -> Any:
    """The check of a page; None when it has none."""
    return getattr(sys.modules[__name__], stem.lower().replace("-", "_"), None)
