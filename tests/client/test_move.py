"""Moving a live engine to another database, interrupted and taken back wherever that is possible."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from stepwell import App
from stepwell.client.move import depot_of, move
from stepwell.errors import IllegalState, InvalidOption, NotFound, Stale, StoreCorrupt, StoreMoved
from tests.client.moving import (
    CLOCK,
    Killed,
    carry,
    fill,
    finish,
    ids,
    keys_of,
    little,
    make_app,
    make_key,
    schemas,
    silent,  # fmt: skip
    take_back,
    usable,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pg() -> AsyncIterator[Callable[[], str]]:
    async with schemas() as url:
        yield url


async def routes(pg: Callable[[], str], tmp_path: Path) -> dict[str, tuple[str, str]]:
    file = f"sqlite:///{tmp_path / 'one.db'}"
    return {
        "sqlite to postgresql": (file, pg()),
        "postgresql to sqlite": (pg(), file),
        "sqlite to sqlite": (file, f"sqlite:///{tmp_path / 'two.db'}"),
        "postgresql to postgresql": (pg(), pg()),
    }


@pytest.mark.parametrize("route", ["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite",
                                   "postgresql to postgresql"])  # fmt: skip
async def test_runs_in_flight_go_on_elsewhere(pg: Any, tmp_path: Path, route: str) -> None:
    source, target = (await routes(pg, tmp_path))[route]
    bodies: list[tuple[str, int]] = []
    await fill(make_app(source, bodies))
    seen: list[tuple[Any, ...]] = []
    (moved,) = await carry(source, target, tell=lambda *told: seen.append(told))
    assert moved.rows["runs"] == 6
    assert moved.rows["blobs"] in (0, 1)
    assert ("default", "runs", 6, 6) in seen
    assert ("default", "checking runs", 6, 6) in seen
    await finish(make_app(target, bodies))
    assert sorted(bodies) == sorted(set(bodies))
    with pytest.raises(StoreMoved, match="was moved to") as refused:
        async with make_app(source, bodies):
            pass
    assert not refused.value.retryable
    assert (await carry(source, target))[0].before


async def test_runs_that_are_held_are_queued_under_the_next_epoch(pg: Any, tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'one.db'}", pg()
    app = App(source, poll_interval=0.05, lease=8)
    begun = asyncio.Event()
    hold = asyncio.Event()
    calls: list[str] = []

    @app.step
    async def before() -> str:
        calls.append("before")
        return "recorded"

    @app.step
    async def slow() -> str:
        calls.append("slow")
        begun.set()
        await hold.wait()
        return "done"

    @app.workflow
    async def work() -> str:
        return await before() + await slow()

    async with app:
        run = await work.options(id="w").start()
        await begun.wait()
        held = await app.runs.row("w")
        await carry(source, target)
        hold.set()
        while app._opened is not None and any(not w.dead for w in app._opened.engine.workers):
            await asyncio.sleep(0.02)
        with pytest.raises(StoreMoved):
            await work.start()
    del run
    async with App(target, poll_interval=0.05, like=app) as new:
        assert await (await new.runs.get("w")).result(60) == "recordeddone"
        assert (await new.runs.row("w")).epoch > held.epoch + 1 - 1
    assert calls == ["before", "slow", "slow"]


async def test_only_the_namespaces_that_are_named(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
    for name in ("a", "b"):
        async with make_app(source, [], namespace=name) as app:
            assert await (await app.nap.start(name)).result(60)
    assert [m.namespace for m in await carry(source, target, ("a",))] == ["a"]
    async with make_app(source, [], namespace="b") as app:
        assert await app.runs.count() == {"succeeded": 1}
    async with make_app(target, [], namespace="b") as app:
        assert await app.runs.count() == {}
    async with make_app(target, [], namespace="a") as app:
        assert await app.runs.count() == {"succeeded": 1}
    with pytest.raises(NotFound, match="'c'"):
        await carry(source, target, ("c",))
    assert [m.before for m in await carry(source, target, ("a", "b"))] == [True, False]


async def test_killed_anywhere_and_done_again(pg: Any, tmp_path: Path) -> None:
    """After every single thing that a move does to the databases."""
    for n in range(1, 200):
        source, target = f"sqlite:///{tmp_path / f's{n}.db'}", f"sqlite:///{tmp_path / f't{n}.db'}"
        bodies: list[tuple[str, int]] = []
        await little(source, bodies)
        await make_key(target, "of the target")
        one, other = depot_of(source, CLOCK), depot_of(target, CLOCK)
        await one.open(create=False)
        await other.open(create=True)
        count = itertools.count(1)
        killed = False
        for place in (one, other):
            for name in ("seal", "arrive", "write", "clear", "set_mail", "settle"):
                _deadly(place, name, count, n)
        try:
            await move(one, other, (), ids(), silent)
        except Killed:
            killed = True
        await one.close()
        await other.close()
        in_use = [await usable(source), await usable(target)]
        assert in_use.count(True) <= 1, n
        if not killed:
            assert in_use == [False, True]
            break
        await carry(source, target)
        async with make_app(target, bodies) as app:
            assert await (await app.nap.get("n")).result(60)
        assert not await usable(source)
        assert bodies == [("n", 1)]
        assert await keys_of(target) == ["of the target"]
    assert n > 8


def _deadly(place: Any, name: str, count: Any, at: int) -> None:
    plain = getattr(place, name)

    async def last(*args: Any) -> Any:
        answer = await plain(*args)
        if next(count) == at:
            raise Killed
        return answer

    setattr(place, name, last)


async def test_it_can_be_taken_back_until_it_is_done(tmp_path: Path, pg: Any) -> None:
    for target in (f"sqlite:///{tmp_path / 'two.db'}", pg()):
        source = f"sqlite:///{tmp_path / 'one.db'}" if "two" in target else pg()
        bodies: list[tuple[str, int]] = []
        await little(source, bodies)

        def stop(_: str, what: str, done: int, _total: int) -> None:
            if (what, done) == ("checking runs", 1):
                raise Killed

        with pytest.raises(Killed):
            await carry(source, target, tell=stop)
        with pytest.raises(StoreMoved, match="being moved") as refused:
            async with make_app(source, bodies):
                pass
        assert refused.value.retryable
        with pytest.raises(StoreMoved, match="still arriving"):
            async with make_app(target, bodies):
                pass
        with pytest.raises(IllegalState, match="on its way"):
            await carry(source, f"sqlite:///{tmp_path / 'three.db'}")
        assert await take_back(source) == ["default"]
        async with make_app(source, bodies) as app:
            assert await (await app.nap.get("n")).result(60)
        assert await take_back(target) == ["default"]
        async with make_app(target, bodies) as app:
            assert await app.runs.count() == {}
        await carry(source, target)
        with pytest.raises(IllegalState, match="may be in use"):
            await take_back(source, ("default",))
        assert await take_back(source) == []
        assert bodies == [("n", 1)]


async def test_a_row_that_changes_on_its_way_is_noticed(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
    await little(source, [])

    def corrupt(_: str, what: str, done: int, _total: int) -> None:
        if (what, done) == ("subscriptions", 0):
            apsw.Connection(str(tmp_path / "two.db")).execute("UPDATE stepwell_journal SET data = data || ' '")

    with pytest.raises(StoreCorrupt, match=r"journal .* arrived differently"):
        await carry(source, target, tell=corrupt)
    assert not await usable(target)
    await carry(source, target)
    assert await usable(target)


async def test_two_movers_do_not_mix(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
    await little(source, [])
    new_id = ids()
    taken: list[asyncio.Task[Any]] = []

    one, other = depot_of(source, CLOCK), depot_of(target, CLOCK)
    await one.open(create=False)
    await other.open(create=True)
    plain = other.write

    async def late(*args: Any) -> None:
        if not taken:
            taken.append(asyncio.ensure_future(carry(source, target, new_id=new_id)))
            await taken[0]
        await plain(*args)

    other.write = late  # type: ignore[method-assign, assignment]
    with pytest.raises(Stale, match="taken over"):
        await move(one, other, (), new_id, silent)
    await one.close()
    await other.close()
    assert await usable(target)


async def test_what_is_refused(tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}"
    await little(source, [])
    await little(target, [])
    with pytest.raises(InvalidOption, match="the same"):
        await carry(source, source)
    with pytest.raises(IllegalState, match="in use: it has 1 runs"):
        await carry(source, target)
    assert await usable(source)
    with pytest.raises(InvalidOption, match="cannot be moved"):
        depot_of("memory://", CLOCK)
