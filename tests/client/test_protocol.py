"""One suite for every client: an app on memory, an app on SQLite, a `RemoteClient` over a real server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from stepwell import (
    Conflict,
    IllegalState,
    NotFound,
    RunCancelled,
    RunFailed,
    RunStatus,
    RunTerminated,
    StartErrors,
)
from stepwell.client.versions import Pinned, Stranded
from stepwell.errors import InvalidOption, TypeMismatch, UnknownWorkflow
from tests.client.deploys import code, pinned_to
from tests.client.shop import WAYS, Order, OutOfStock, Receipt, Shop, shop_by, state

Body = Callable[[Shop, Any], Awaitable[None]]
Play = Callable[[Body], None]


@pytest.fixture(params=WAYS)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Run a scene by each of the ways."""

    def played(body: Body) -> None:
        async def main() -> None:
            async with asyncio.timeout(100), shop_by(request.param, tmp_path) as (shop, client):
                await body(shop, client)

        asyncio.run(main())

    return played


def test_a_typed_start_and_its_result(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        typed = shop.buy.options(id="one", tags={"vip": True, "n": 3}, priority=7)
        run = await client.start(typed, Order("a", 2))
        assert (run.id, run.workflow) == ("one", "buy")
        assert await run.result(60) == Receipt(Order("a", 2), 5.0)
        again = await client.start(typed, Order("a", amount=2))
        assert again.key == run.key  # P7
        with pytest.raises(Conflict, match=r"run 'one' of 'buy' exists with another input") as taken:
            await client.start(typed, Order("b"))
        assert "Use another id" in str(taken.value)
        row = await client.runs.row("one")
        assert (row.key, row.status, row.priority, row.tags) == (
            run.key, RunStatus.SUCCEEDED, 7, {"vip": True, "n": 3})  # fmt: skip
        assert row.created_at <= row.started_at <= row.finished_at
        assert await (await client.start(shop.price, Order("c", 4))).result(60) == 10.0

    play(scene)


def test_a_start_by_name(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        first = await client.start("buy", {"id": "a"}, id="x", tags={"by": "name"})
        assert await first.result(60) == Receipt(Order("a"), 2.5)
        same = await client.start("buy", {"order": {"id": "a", "amount": 1}}, id="x")
        typed = await client.start(shop.buy.options(id="x"), Order("a"))
        assert first.key == same.key == typed.key
        with pytest.raises(UnknownWorkflow, match="nonesuch"):
            await client.start("nonesuch", 1)
        with pytest.raises(TypeMismatch):
            await client.start("buy", {"id": 3})
        with pytest.raises(InvalidOption):
            await client.start("buy", {"id": "a"}, priority="high")

    play(scene)


def test_many_starts_tell_by_position_what_was_refused(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        runs = await client.start_many(shop.buy, [(Order(str(n)),) for n in range(3)])
        assert [(await run.result(60)).order.id for run in runs] == ["0", "1", "2"]
        item = shop.buy.options(id="mine").item
        with pytest.raises(StartErrors) as refused:
            await client.start_many(shop.buy, [item(Order("a")), item(Order("b")), (Order("c"),)])
        assert set(refused.value.errors) == {1}
        assert isinstance(refused.value.errors[1], Conflict)
        assert set(refused.value.runs) == {0, 2}

    play(scene)


def test_how_a_run_fails(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        run = await client.start(shop.fetch.options(id="f"), Order("shoes"))
        with pytest.raises(RunFailed, match=r"run f of 'fetch' failed") as failed:
            await run.result(60)
        assert (failed.value.run_id, failed.value.workflow) == ("f", "fetch")
        cause = failed.value.__cause__
        assert isinstance(cause, OutOfStock)
        assert (cause.item, cause.left, cause.args) == ("shoes", 0, ("shoes", 0))
        report = await run.status()
        assert (report.state, report.result, report.input) == (
            RunStatus.FAILED, None, {"order": {"id": "shoes", "amount": 1}})  # fmt: skip
        assert isinstance(report.error, OutOfStock)
        shop.broken = False
        await run.retry()
        assert await run.result(60) == "taken"

    play(scene)


def test_waiting_has_its_time_and_stops_nothing(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        run = await client.start(shop.wait, "k")
        with pytest.raises(TimeoutError) as late:
            await run.result(0.05)
        assert type(late.value) is TimeoutError
        await state(client, run.id, "waiting")
        report = await run.status()
        assert (report.state, report.current) == (RunStatus.WAITING, ("paid",))
        await client.events.send("paid", key="k", data=5)
        assert await run.result("60s") == 5

    play(scene)


def test_events(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        keyed, own = await client.start(shop.wait, "k"), await client.start(shop.listen.options(id="l"))
        await client.events.send(shop.paid, key="k", data=1, id="m1")
        await client.events.send(shop.paid, key="k", data=2, id="m1")
        await own.send(shop.paid, 3)
        assert [await keyed.result(60), await own.result(60)] == [1, 3]
        other = await client.start(shop.listen.options(id="o"))
        await client.events.send("paid", run="o", data=4)
        assert await other.result(60) == 4
        with pytest.raises(NotFound, match="nobody"):
            await client.events.send("paid", run="nobody", data=1)
        with pytest.raises(IllegalState, match="ended"):
            await other.send("paid", 1)
        with pytest.raises(InvalidOption, match="exactly one of key= and run="):
            await client.events.send("paid", data=1)
        with pytest.raises(TypeMismatch):
            await client.events.send(shop.paid, key="k", data="much")

    play(scene)


def test_publishing(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        (run,) = await client.send(shop.ordered, Order("a", 2), id="e")
        assert await run.result(60) == Receipt(Order("a", 2), 5.0)
        (same,) = await client.send("ordered", {"id": "a", "amount": 2}, id="e")
        assert same.key == run.key
        with pytest.raises(TypeMismatch):
            await client.send("ordered", {"id": 1})

    play(scene)


def test_steering(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        run = await client.start(shop.wait.options(id="r"), "k")
        await state(client, "r", "waiting")
        await run.pause()
        assert (await state(client, "r", "paused")).status is RunStatus.PAUSED
        await run.resume()
        await state(client, "r", "waiting")
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result(60)
        with pytest.raises(IllegalState) as refused:
            await run.resume()
        assert refused.value.state == "cancelled"
        assert "restart" in refused.value.allowed
        await run.restart()
        row = await state(client, "r", "waiting")
        assert row.generation == 2
        await run.terminate()
        with pytest.raises(RunTerminated):
            await run.result(60)
        entries = await client.runs.generations("r")
        assert {entry["generation"] for entry in entries} == {1, 2}
        assert [e["k"] for e in await run.journal()] == [e["k"] for e in entries if e["generation"] == 2]

    play(scene)


def test_listing_and_counting(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        for n in range(5):
            await client.start(shop.buy.options(id=f"buy-{n}", tags={"n": n, "a,b": "x,y=z"}), Order(str(n)))
        await client.start(shop.wait.options(id="waits"), "k")
        for n in range(5):
            await state(client, f"buy-{n}", "succeeded")
        page = await client.runs.list(workflow="buy", limit=3)
        assert [row.id for row in page.runs] == ["buy-4", "buy-3", "buy-2"]
        rest = await client.runs.list(workflow="buy", limit=3, after=page.after)
        assert ([row.id for row in rest.runs], rest.after) == (["buy-1", "buy-0"], None)
        assert [row.id for row in (await client.runs.list(tags={"n": 3})).runs] == ["buy-3"]
        assert len((await client.runs.list(tags={"a,b": "x,y=z"})).runs) == 5
        assert [row.id for row in (await client.runs.list(id_prefix="wai")).runs] == ["waits"]
        assert len((await client.runs.list(text="BUY-")).runs) == 5
        assert await client.runs.count(status="completed") == {"succeeded": 5}
        assert await client.runs.count(workflow=["buy", "wait"], status=["failed"]) == {}
        middle = (await client.runs.row("buy-2")).created_at
        assert await client.runs.count(since=middle + 60) == {}
        for wrong in ({"limit": 0}, {"colour": "red"}, {"status": "odd"}):
            with pytest.raises(InvalidOption):
                await client.runs.list(**wrong)
        with pytest.raises(NotFound):
            await client.runs.list(after="nonsense")

    play(scene)


def test_results_in_short(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        shop.broken = False
        for n in range(2):
            await (await client.start(shop.buy.options(id=f"buy-{n}"), Order(str(n)))).result(60)
        await (await client.start(shop.sign.options(id="sign"), "t0p")).result(60)
        await (await client.start(shop.unlock.options(id="unlock"), "t0p")).result(60)
        await (await client.start(shop.take.options(id="none"), Order("a"))).result(60)
        await client.start(shop.wait.options(id="waits"), "k")
        page = await client.runs.list()
        assert {row.id: page.briefs.get(row.key) for row in page.runs} == {
            "buy-0": '{"order":{"id":"0","amount":1},"total":2.5}',
            "buy-1": '{"order":{"id":"1","amount":1},"total":2.5}',
            "sign": '{"by":"shop","token":"••••"}', "unlock": '"••••"', "none": None, "waits": None}  # fmt: skip
        assert len((await client.runs.list(workflow="buy", limit=1)).briefs) == 1

    play(scene)


def test_what_is_not_there(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        for odd in ("nobody", "a/b?c#d%2F", "ä ö"):
            for verb in (client.runs.get, client.runs.row, client.runs.status, client.runs.generations):
                with pytest.raises(NotFound):
                    await verb(odd)
            run = await client.start(shop.buy.options(id=odd), Order("a"))
            await run.result(60)
            assert (await client.runs.get(odd)).key == run.key

    play(scene)


def test_the_state_of_the_whole(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        await (await client.start(shop.buy, Order("a"))).result(60)
        await client.start(shop.buy.options(delay=3600), Order("later"))
        status = await client.status()
        assert status.runs == {"succeeded": 1, "queued": 1}
        assert status.namespace == "default"
        assert 3500 < status.next_due_s <= 3600
        (worker,) = await client.workers()
        assert worker.concurrency == 10
        assert worker.expires_at > worker.beat_at

    play(scene)


def test_runs_that_nobody_goes_on_with(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        assert await client.pinned() == await client.stranded() == []
        engine = shop.app._engine()
        first = await pinned_to(engine, "listen", "0ther")
        for workflow, pin in (("listen", "0ther"), ("buy", "0ther"), ("listen", code(shop.app, "listen"))):
            await pinned_to(engine, workflow, pin)
        ended = await pinned_to(engine, "buy", "0ther")
        await (await client.runs.get(ended.id)).terminate()
        since: Any = pytest.approx(first.created_at, abs=1e-5)  # the API tells microseconds
        lost = [Stranded("listen", "0ther", 2, since), Stranded("buy", "0ther", 1, ANY)]
        while [one for one in await client.stranded() if one.code == "0ther"] != lost:
            await asyncio.sleep(0.02)  # a server counts again after half a second
        (own,) = [one for one in await client.pinned() if one.code == code(shop.app, "listen")]
        assert own == Pinned(workflow="listen", code=own.code, count=1, since=ANY, workers=1)
        assert own.code not in [one.code for one in await client.stranded()]

    play(scene)


def test_watching_until_the_end(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        run = await client.start(shop.wait.options(id="w"), "k")
        await state(client, "w", "waiting")
        seen = []
        async for row in client.runs.watch("w", every=0.02):
            if not seen:
                await client.events.send("paid", key="k", data=1)
            seen.append(row.status)
        assert seen[0] is RunStatus.WAITING
        assert seen[-1] is RunStatus.SUCCEEDED
        assert [row.status async for row in client.runs.watch(run.id)] == [RunStatus.SUCCEEDED]
        with pytest.raises(NotFound):
            await anext(client.runs.watch("nobody"))

    play(scene)


def test_versions_and_logs(play: Play) -> None:
    async def scene(shop: Shop, client: Any) -> None:
        (version,) = await client.versions("buy")
        assert (version.kind, version.number) == ("workflow", 1)
        assert "Receipt(order, await price(order))" in version.source
        assert {v.name for v in await client.versions()} >= {"buy", "price", "wait"}
        assert await client.versions("nonesuch") == []
        await (await client.start(shop.buy.options(id="l"), Order("a"))).result(60)
        assert (await client.runs.logs("l")).lines == []
        with pytest.raises(NotFound):
            await client.runs.logs("nobody")
        with pytest.raises(InvalidOption):
            await client.runs.logs("l", level="loud")

    play(scene)
