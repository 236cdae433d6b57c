"""Engines to be moved, and short words for moving them."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from stepwell import App, sleep
from stepwell.adapters.clock import SystemClock
from stepwell.client.audit import Audit, Noted
from stepwell.client.keys import Keys
from stepwell.client.move import Moved, abort, depot_of, move
from stepwell.errors import StoreMoved
from tests import postgres

CLOCK = SystemClock()


@asynccontextmanager
async def schemas() -> AsyncIterator[Callable[[], str]]:
    """Makes URLs of new schemas, which are dropped at the end."""
    made: list[str] = []
    server = postgres.shared()

    def url() -> str:
        made.append(postgres.fresh())
        return f"{server.url}?schema={made[-1]}"

    yield url
    conn = await asyncpg.connect(server.url)
    for schema in made:
        await conn.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await conn.close()


class Shop(App):
    """An app that carries its definitions along."""

    flow: Any
    paid: Any
    nap: Any
    bodies: list[tuple[str, int]]


def make_app(url: str, bodies: list[tuple[str, int]], **options: Any) -> Shop:
    app = Shop(url, **{"poll_interval": 0.05, "lease": 60} | options)
    app.bodies = bodies
    paid = app.event("paid", int)

    @app.step
    async def note(run: str, n: int) -> int:
        bodies.append((run, n))
        return n

    @app.workflow
    async def flow(run: str) -> int:
        total = await note(run, 1)
        total += await paid.wait(run)
        return total + await note(run, 2)

    @app.workflow
    async def nap(run: str) -> str:
        await note(run, 1)
        await sleep(0.5)
        return "x" * 50_000

    app.flow, app.paid, app.nap = flow, paid, nap
    return app


def ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"id{next(numbers)}"


def silent(*_: object) -> None: ...


async def carry(source: str, target: str, namespaces: tuple[str, ...] = (), tell: Any = silent,
                new_id: Any = None) -> list[Moved]:  # fmt: skip
    one, other = depot_of(source, CLOCK), depot_of(target, CLOCK)
    await one.open(create=False)
    try:
        await other.open(create=True)
        return await move(one, other, namespaces, new_id or ids(), tell)
    finally:
        await one.close()
        await other.close()


async def take_back(url: str, namespaces: tuple[str, ...] = ()) -> list[str]:
    place = depot_of(url, CLOCK)
    await place.open(create=False)
    try:
        return await abort(place, namespaces, ids())
    finally:
        await place.close()


async def fill(app: Shop) -> None:
    """Runs in every state."""
    async with app:
        for n in range(4):
            await app.flow.options(id=f"f{n}", tags={"n": n, "half": n / 2, "whole": float(n), "odd": n % 2 == 1,
                                                     "s": "'%"}).start(f"f{n}")  # fmt: skip
        await app.paid.send(10, key="f0", id="m0")
        assert await (await app.flow.get("f0")).result(60) == 13
        await app.nap.options(id="n0").start("n0")
        await app.paid.send(7, key="early", id="early")
        await app.flow.options(id="later", delay=3600).start("later")
        while len(app.bodies) < 6:
            await asyncio.sleep(0.01)


async def finish(app: Shop) -> None:
    async with app:
        for n in (1, 2, 3):
            await app.paid.send(10 * n, key=f"f{n}", id=f"m{n}")
            assert await (await app.flow.get(f"f{n}")).result(60) == 10 * n + 3
        assert len(await (await app.nap.get("n0")).result(60)) == 50_000
        early = await app.flow.options(id="early").start("early")
        assert await early.result(60) == 10
        assert (await (await app.flow.get("f0")).result(60)) == 13
        tags = (await app.runs.row("f3")).tags
        assert tags == {"n": 3, "half": 1.5, "whole": 3.0, "odd": True, "s": "'%"}
        assert isinstance(tags["whole"], float)
        assert (await app.runs.row("later")).due is not None


class Killed(BaseException):
    """The process ends here."""


async def little(url: str, bodies: list[tuple[str, int]]) -> None:
    async with make_app(url, bodies) as app:
        await app.nap.options(id="n").start("n")
        while not bodies:
            await asyncio.sleep(0.005)


async def usable(url: str) -> bool:
    try:
        async with make_app(url, [], mode="client"):
            return True
    except StoreMoved:
        return False


async def make_key(url: str, name: str) -> str:
    async with make_app(url, [], mode="client") as app:
        key, secret = await keys(app).create(name, ["read"])
        await audit(app).note(Noted(who="me", action=f"made {name}"))
        assert await keys(app).by_secret(secret)
        return key.id


def keys(app: Shop) -> Keys:
    return Keys(app._engine().store, CLOCK)


def audit(app: Shop) -> Audit:
    return Audit(app._engine().store, CLOCK.now, lambda: os.urandom(16))


async def keys_of(url: str) -> list[str]:
    """Names of the keys that are valid; each has its line in the audit."""
    async with make_app(url, [], mode="client") as app:
        found = sorted(key.kept.name for key in await keys(app).list() if key.valid(CLOCK.now()))
        noted, _ = await audit(app).page(100, None)
        assert {f"made {name}" for name in found} <= {entry.action for entry in noted}
        return found
