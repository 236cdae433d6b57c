"""Starting runs inside the caller's own transaction, over every driver."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from stepwell import App, Conflict
from stepwell.authoring.starting import StartErrors
from stepwell.errors import InvalidOption

pytestmark = pytest.mark.anyio


class Shop(App):
    """An app that carries its definitions along."""

    flow: Any


def make_app(url: str, poll_interval: float = 0.05) -> Shop:
    app = Shop(url, poll_interval=poll_interval)

    @app.step
    async def double(x: int) -> int:
        return 2 * x

    @app.workflow
    async def flow(x: int) -> int:
        return await double(x)

    app.flow = flow
    return app


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
async def shop(file: Path) -> AsyncIterator[Shop]:
    app = make_app(f"sqlite:///{file}")
    async with app:
        yield app


def connect(file: Path) -> apsw.Connection:
    conn = apsw.Connection(str(file))
    conn.set_busy_timeout(60_000)
    return conn


async def test_a_run_exists_if_and_only_if_the_transaction_commits(shop: Shop, file: Path) -> None:
    conn = connect(file)
    conn.execute("CREATE TABLE orders (id TEXT)")
    conn.execute("BEGIN")
    conn.execute("INSERT INTO orders VALUES ('a')")
    run = await shop.flow.options(id="a", conn=conn).start(1)
    assert run.id == "a"
    other = connect(file)
    assert other.execute("SELECT count(*) FROM stepwell_runs").fetchall() == [(0,)]
    conn.execute("COMMIT")
    assert await run.result(timeout=60) == 2

    conn.execute("BEGIN IMMEDIATE")
    conn.execute("INSERT INTO orders VALUES ('b')")
    await shop.flow.options(id="b", conn=conn).start(2)
    conn.execute("ROLLBACK")
    assert await shop.runs.count() == {"succeeded": 1}
    assert other.execute("SELECT id FROM orders").fetchall() == [("a",)]


async def test_the_same_id_is_the_same_run_and_the_transaction_goes_on(shop: Shop, file: Path) -> None:
    first = await shop.flow.options(id="a", tags={"n": 1, "s": "x", "b": True, "f": 1.5}).start(1)
    await first.result(timeout=60)
    conn = connect(file)
    with conn:
        again = await shop.flow.options(id="a", conn=conn).start(1)
        assert again.key == first.key
        with pytest.raises(Conflict):
            await shop.flow.options(id="a", conn=conn).start(2)
        inside = await shop.flow.options(id="b", conn=conn, tags={"x": True, "y": 2.5}).start(3)
        same = await shop.flow.options(id="b", conn=conn).start(3)
        assert same.key == inside.key
    assert await inside.result(timeout=60) == 6
    row = await shop.runs.row("b")
    assert row.tags == {"x": True, "y": 2.5}


async def test_many_at_once(shop: Shop, file: Path) -> None:
    await shop.flow.options(id="n7").start(0)
    conn = connect(file)
    conn.execute("BEGIN")
    many = shop.flow.options(conn=conn)
    items = [many.options(id=f"n{n}").item(n) for n in range(250)]
    with pytest.raises(StartErrors) as refused:
        await many.start_many(items)
    assert set(refused.value.errors) == {7}
    conn.execute("COMMIT")
    assert await refused.value.runs[249].result(timeout=60) == 498
    assert sum((await shop.runs.count()).values()) == 250


async def test_large_inputs_and_starts_by_name(file: Path) -> None:
    app = App(f"sqlite:///{file}", poll_interval=0.05)

    @app.workflow
    async def size(text: str) -> int:
        return len(text)

    async with app:
        conn = connect(file)
        with conn:
            run = await app.start("size", {"text": "x" * 100_000}, conn=conn)
        assert await run.result(timeout=60) == 100_000


async def test_what_is_refused(shop: Shop, file: Path, tmp_path: Path) -> None:
    conn = connect(file)
    flow = shop.flow.options(conn=conn)
    with pytest.raises(InvalidOption, match="not in a transaction"):
        await flow.start(1)
    with conn:
        with pytest.raises(InvalidOption, match="after_close"):
            await flow.options(reuse="after_close", id="x").start(1)
        with pytest.raises(InvalidOption, match="different conn"):
            await shop.flow.start_many([flow.item(1), shop.flow.options(conn=connect(file)).item(2)])
    elsewhere = connect(tmp_path / "other.db")
    with elsewhere, pytest.raises(InvalidOption, match=r"the connection is one to .*other\.db"):
        await shop.flow.options(conn=elsewhere).start(1)
    with pytest.raises(InvalidOption, match="is no connection"):
        await shop.flow.options(conn=object()).start(1)
    memory = make_app("memory://")
    async with memory:
        with conn, pytest.raises(InvalidOption, match="memory"):
            await memory.flow.options(conn=conn).start(1)


async def test_another_copy_of_sqlite_is_refused(shop: Shop, file: Path) -> None:
    conn = sqlite3.connect(file)
    if apsw.using_amalgamation:
        with pytest.raises(InvalidOption, match="another copy"):
            await shop.flow.options(conn=conn).start(1)
    conn.close()


async def test_not_in_a_body(shop: Shop, file: Path) -> None:
    conn = connect(file)

    @shop.workflow
    async def parent() -> str:
        try:
            await shop.flow.options(conn=conn)(1)
        except InvalidOption as error:
            return error.code
        return "started"

    assert await (await parent.start()).result(timeout=60) == "invalid_option"


async def test_workers_hear_of_it(file: Path) -> None:
    app = make_app(f"sqlite:///{file}", poll_interval=60)
    async with app:
        await asyncio.sleep(0)
        conn = connect(file)
        with conn:
            run = await app.flow.options(conn=conn).start(4)
        assert await run.result(timeout=50) == 8


def test_the_synchronous_face_uses_the_callers_thread(file: Path) -> None:
    app = make_app(f"sqlite:///{file}")
    with app.sync as face:
        conn = connect(file)
        with conn:
            run = face.start(app.flow.options(conn=conn), 5)
            more = face.start_many(app.flow, [app.flow.options(conn=conn).item(6)])
            named = face.start_by_name("flow", 7, conn=conn)
        assert [r.result(60) for r in (run, *more, named)] == [10, 12, 14]
