"""The synchronous face: in a script, under a running loop, from threads."""

import asyncio
import threading
from typing import Any

import pytest

from stepwell import App, RunFailed, sleep
from stepwell.errors import AppClosed


class Shop(App):
    """An app that carries its definitions along."""

    flow: Any
    paid: Any
    double: Any


def make_app() -> Shop:
    app = Shop("memory://")
    paid = app.event("paid", int)

    @app.step
    def double(x: int) -> int:
        return 2 * x

    @app.workflow(on="ordered")
    async def flow(x: int) -> int:
        if x < 0:
            raise ValueError("negative")
        got = await paid.wait(str(x), timeout="1m")
        await sleep(0)
        return await double(x) + got

    app.event("ordered", int)
    app.flow, app.paid, app.double = flow, paid, double
    return app


def all_verbs(app: Shop) -> None:
    with app.sync as face:
        run = face.start(app.flow.options(id="a"), 5)
        face.send(app.paid, 100, key="5", id="m")
        face.send(app.paid, 100, key="5", id="m")
        assert run.result(timeout=60) == 110
        assert run.status().state == "succeeded"
        assert face.get("a").id == "a"
        assert run.journal()[0]["k"] == "started"
        assert face.start(app.double, 4).result(60) == 8
        many = face.start_many(app.double, [(1,), (2,)])
        assert [r.result(60) for r in many] == [2, 4]
        (published,) = face.publish("ordered", 7)
        published.cancel()
        named = face.start_by_name("double", 21)
        assert named.result(60) == 42
        with pytest.raises(RunFailed) as failed:
            face.start(app.flow, -1).result(60)
        assert isinstance(failed.value.__cause__, ValueError)
        assert face.count(workflow="double")["succeeded"] == 4
        assert len(face.list(workflow="double").runs) == 4
        assert face.status().workers


def test_in_a_plain_script() -> None:
    all_verbs(make_app())


def test_under_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> None:
        all_verbs(make_app())

    asyncio.run(cell())


def test_from_several_threads_at_once() -> None:
    app = make_app()
    results: list[int] = []
    with app.sync as face:
        threads = [
            threading.Thread(target=lambda n=n: results.append(face.start(app.double, n).result(60)))  # type: ignore[misc]
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [2 * n for n in range(8)]


def test_outside_of_the_block_it_is_closed() -> None:
    app = make_app()
    with pytest.raises(AppClosed):
        app.sync.count()
