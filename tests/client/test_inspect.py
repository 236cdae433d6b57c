"""Looking at many runs: filters, pages, counts, and acting by name alone."""

import asyncio
from typing import Any

import pytest

from stepwell import App, Conflict, RunFailed, sleep
from stepwell.errors import InvalidOption, NotFound
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    job: Any
    nap: Any


def make_app() -> Shop:
    app = Shop("memory://")

    @app.step
    async def echo(x: int) -> int:
        return x

    @app.workflow
    async def job(x: int, y: int = 1) -> int:
        if x < 0:
            raise ValueError("no")
        return await echo(x + y)

    @app.workflow
    async def nap(x: int) -> None:
        await sleep("1h")

    app.job, app.nap = job, nap
    return app


def test_lists_are_pages_newest_first() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            runs = await app.job.start_many([(n,) for n in range(25)])
            await env.settle()
            seen: list[bytes] = []
            after = None
            while True:
                page = await app.runs.list(limit=10, after=after)
                seen += [row.key for row in page.runs]
                after = page.after
                if after is None:
                    break
            assert seen == [run.key for run in reversed(runs)]

    asyncio.run(main())


def test_filters_and_counts_agree() -> None:
    """P15: counts equal a fold over the rows; other systems' words for states are accepted."""
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            await app.job.options(tags={"team": "red", "size": 3}).start(1)
            await app.job.start(-1)
            await app.nap.options(id="nap-1").start(1)
            await env.settle()
            counts = await app.runs.count()
            rows = (await app.runs.list()).runs
            assert counts == {s: sum(r.status == s for r in rows) for s in {r.status for r in rows}}
            assert [r.id for r in (await app.runs.list(status="sleeping")).runs] == ["nap-1"]
            assert len((await app.runs.list(status=["completed", "errored"])).runs) == 2
            assert len((await app.runs.list(tags={"team": "red"})).runs) == 1
            assert len((await app.runs.list(tags={"team": "blue"})).runs) == 0
            assert len((await app.runs.list(id_prefix="nap-")).runs) == 1
            with pytest.raises(InvalidOption):
                await app.runs.list(colour="red")
            with pytest.raises(InvalidOption):
                await app.runs.list(status="lost")
            with pytest.raises(InvalidOption):
                await app.runs.list(limit=0)
            with pytest.raises(NotFound):
                await app.runs.list(after="nonsense")

    asyncio.run(main())


def test_by_name_the_input_is_the_only_argument_or_all_of_them() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app):
            assert await (await app.start("job", 4)).result() == 5
            assert await (await app.start("job", {"x": 4, "y": 10})).result() == 14
            assert await (await app.start("job", [4, 20])).result() == 24
            run = await app.start("job", 4, id="same")
            assert (await app.start("job", {"x": 4}, id="same")).key == run.key
            with pytest.raises(Conflict):
                await app.start("job", 5, id="same")

    asyncio.run(main())


def test_a_client_without_the_code_starts_by_name() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            client = App("memory://", mode="client")
            client.parts = app.parts
            async with client:
                good = await client.start("job", {"x": 1})
                bad = await client.start("job", {"x": "one"})
                await app.job.start(0)  # nobody polls in virtual time: a nudge
                await env.settle()
                assert await (await app.runs.get(good.id)).result() == 2
                with pytest.raises(RunFailed):
                    await (await app.runs.get(bad.id)).result()

    asyncio.run(main())


def test_generations_are_kept_apart() -> None:
    app = make_app()

    async def main() -> None:
        async with Environment(app) as env:
            run = await app.job.options(id="twice").start(1)
            await run.result()
            await run.restart()
            await env.settle()
            entries = await app.runs.generations("twice")
            assert {entry["generation"] for entry in entries} == {1, 2}
            for generation in (1, 2):
                own = [entry for entry in entries if entry["generation"] == generation]
                assert [entry["seq"] for entry in own] == list(range(len(own)))
                assert own[0]["k"] == "started"

    asyncio.run(main())
