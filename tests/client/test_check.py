import asyncio
from typing import Any

import pytest

from stepwell import App, NotFound
from stepwell.client.check import Fit, Verdict, check_all, check_one, open_runs


def make(url: str, version: str) -> App:
    """The same app in several versions."""
    app = App(url)
    go = app.event("go", dict)

    @app.step
    async def one(x: int) -> int:
        return x + 1

    @app.step
    async def two(x: int) -> Any:
        return "two" if version == "records text" else x

    @app.step
    async def typed(x: int) -> int:
        return x

    async def flow(x: int) -> int:
        match version:
            case "drops a step":
                a = x
            case "other arguments":
                a = await one(x + 5)
            case "other kind":
                await app.registry.event("go").wait(key="k", name="one")
                a = x
            case _:
                a = await one(x)
        await go.wait(key=f"{x}", timeout="1h")
        return a

    if version != "no workflow":
        app.workflow(name="flow")(flow)
    return app


async def begin(url: str, size: int = 1) -> None:
    app = make(url, "first")
    async with app:
        for n in range(size):
            await app.start("flow", n, id=f"run-{n}")
        while (await app.runs.count()).get("waiting", 0) < size:
            await asyncio.sleep(0.01)


async def verdicts(url: str, version: str) -> list[Verdict]:
    app = make(url, version)
    async with App(mode="client", like=app):
        pass
    client = App(mode="client", like=app)
    async with client:
        assert await open_runs(client) == 1
        return [verdict async for verdict in check_all(client)]


@pytest.mark.parametrize(
    ("version", "fit", "said"),
    [
        ("first", Fit.FITS, ""),
        ("drops a step", Fit.DIVERGES, "step 'one'"),
        ("other arguments", Fit.DIVERGES, "other arguments than recorded: one"),
        ("other kind", Fit.DIVERGES, "code asks for:    event 'one'"),
        ("no workflow", Fit.UNKNOWN, "no workflow is called 'flow'"),
    ],
)
def test_fit(tmp_path: Any, version: str, fit: Fit, said: str) -> None:
    url = f"sqlite:///{tmp_path}/check.db"
    asyncio.run(begin(url))
    (verdict,) = asyncio.run(verdicts(url, version))
    assert verdict.fit is fit
    assert said in verdict.diff
    assert verdict.ok is (fit is Fit.FITS)
    assert (verdict.run_id, verdict.workflow, verdict.status) == ("run-0", "flow", "waiting")


def test_what_is_open_is_told_and_nothing_is_executed(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/check.db"
    asyncio.run(begin(url))

    async def look() -> tuple[Verdict, dict[str, object], dict[str, object]]:
        client = App(mode="client", like=make(url, "first"))
        async with client:
            before = await client._engine().store.dump()
            verdict = await check_one(client, "run-0")
            with pytest.raises(NotFound):
                await check_one(client, "nobody")
            return verdict, before, await client._engine().store.dump()

    verdict, before, after = asyncio.run(look())
    assert [(call.kind, call.call) for call in verdict.open] == [("event", "go"), ("timer", "go/timeout")]
    assert verdict.open[1].due is not None
    assert before == after


def test_every_run_is_looked_at_once_over_many_pages(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.client.check.PAGE", 2)
    url = f"sqlite:///{tmp_path}/check.db"
    asyncio.run(begin(url, size=5))

    async def look() -> list[str]:
        client = App(mode="client", like=make(url, "first"))
        async with client:
            return [verdict.run_id async for verdict in check_all(client)]

    assert asyncio.run(look()) == [f"run-{n}" for n in (4, 3, 2, 1, 0)]


def test_a_recorded_value_of_another_type_diverges(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/check.db"

    def typed(kind: type) -> App:
        app = App(url)

        async def fetch() -> Any:
            return "text"

        fetch.__annotations__["return"] = kind
        step = app.step(fetch)

        @app.workflow
        async def flow() -> None:
            await step()
            await app.registry.event("go").wait(key="k")

        app.event("go")
        return app

    async def run() -> Verdict:
        app = typed(str)
        async with app:
            await app.start("flow", {}, id="one")
            while not (await app.runs.count()).get("waiting"):
                await asyncio.sleep(0.01)
        client = App(mode="client", like=typed(int))
        async with client:
            return await check_one(client, "one")

    verdict = asyncio.run(run())
    assert verdict.fit is Fit.DIVERGES
    assert "does not have the type" in verdict.diff
