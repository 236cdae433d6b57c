"""Acceptance 5: instances; many at once, the verbs, results, retention."""

import asyncio

import pytest

from stepwell import (
    App,
    Conflict,
    IllegalState,
    NotFound,
    Retention,
    RunCancelled,
    RunFailed,
    RunStatus,
    RunTerminated,
    StartErrors,
    StepwellError,
    sleep,
)
from stepwell.client.opened import Opened
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


class Gate:
    """Holds step bodies until the test lets them go."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.open = asyncio.Event()

    async def pass_through(self, name: str) -> str:
        self.entered.append(name)
        await self.open.wait()
        return name

    async def reached(self, count: int) -> None:
        for _ in range(10_000):
            if len(self.entered) >= count:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"only {self.entered}")


app = App(grace="100ms")
gate: Gate


@app.step
async def held(name: str) -> str:
    return await gate.pass_through(name)


@app.step(raises=[ArithmeticError])
async def fails() -> None:
    raise ArithmeticError("as asked")


@app.workflow
async def order(name: str) -> str:
    return await held(f"{name} 1") + ", " + await held(f"{name} 2")


@app.workflow
async def quick(n: int) -> int:
    return n * 2


@app.workflow
async def broken() -> None:
    await fails()


@app.workflow
async def sleeper() -> str:
    await sleep("1 day")
    return "rested"


@pytest.fixture(autouse=True)
async def _gate() -> None:
    global gate
    gate = Gate()


async def test_ids_are_ours_or_yours() -> None:
    async with Environment(app):
        ours = await quick.start(1)
        assert len(ours.id) == 32
        yours = await quick.options(id="order-1").start(2)
        assert yours.id == "order-1"
        assert (await quick.get("order-1")).key == yours.key
        again = await quick.options(id="order-1").start(2)
        assert again.key == yours.key
        with pytest.raises(Conflict) as conflict:
            await quick.options(id="order-1").start(3)
        assert conflict.value.code == "conflict"
        with pytest.raises(NotFound) as missing:
            await quick.get("order-2")
        assert missing.value.code == "not_found"


async def test_ten_thousand_in_one_start_many() -> None:
    async with Environment(app) as env:
        runs = await quick.start_many([quick.options(id=f"order-{n}").item(n) for n in range(10_000)])
        assert [run.id for run in runs] == [f"order-{n}" for n in range(10_000)]
        await env.settle()
        assert await app.runs.count(workflow="quick") == {"succeeded": 10_000}
        assert await runs[9_999].result() == 19_998


async def test_one_conflict_does_not_undo_the_others() -> None:
    async with Environment(app):
        await quick.options(id="order-2").start(99)
        with pytest.raises(StartErrors) as refused:
            await quick.start_many([quick.options(id=f"order-{n}").item(n) for n in (1, 2, 3)])
        assert list(refused.value.errors) == [1]
        assert isinstance(refused.value.errors[1], Conflict)
        assert [run.id for run in refused.value.runs.values()] == ["order-1", "order-3"]
        assert [await run.result() for run in refused.value.runs.values()] == [2, 6]
        assert await (await quick.get("order-2")).result() == 198


async def test_pause_stops_new_steps_and_records_the_running_one() -> None:
    async with Environment(app) as env:
        run = await order.options(id="p").start("a")
        await gate.reached(1)
        await run.pause()
        await run.pause()  # idempotent
        gate.open.set()
        await env.settle()
        status = await run.status()
        assert status.state is RunStatus.PAUSED
        assert [e["call"] for e in await run.journal() if e["k"] == "step"] == ["held"]
        await env.advance("10 days")
        assert gate.entered == ["a 1"]
        await run.resume()
        await run.resume()
        assert await run.result() == "a 1, a 2"
        assert gate.entered == ["a 1", "a 2"]


async def test_terminate_and_restart() -> None:
    async with Environment(app) as env:
        run = await order.options(id="t").start("a")
        await gate.reached(1)
        await run.terminate()
        await run.terminate()
        gate.open.set()
        await env.settle()
        with pytest.raises(RunTerminated) as ended:
            await run.result()
        assert not isinstance(ended.value, RunFailed)
        assert ended.value.code == "run_terminated"
        assert gate.entered == ["a 1"]
        await run.restart()
        assert await run.result() == "a 1, a 2"  # the same id and input, from the beginning
        assert (await run.status()).generation == 2
        assert gate.entered == ["a 1", "a 1", "a 2"]


async def test_cancel() -> None:
    async with Environment(app) as env:
        run = await sleeper.start()
        await env.settle()
        await run.cancel()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        await run.cancel()
        assert (await run.status()).state is RunStatus.CANCELLED


async def test_cancel_reaches_a_running_step() -> None:
    live = App("memory://", poll_interval="100ms", grace="100ms")
    seen: list[str] = []

    @live.step
    async def endless() -> None:
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    @live.workflow
    async def work() -> None:
        await endless()

    async with live:
        run = await work.start()
        while not seen:
            await asyncio.sleep(0.01)
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result(timeout=60)
        assert seen == ["begun", "cancelled"]


async def test_illegal_verbs_are_refused_with_a_code() -> None:
    async with Environment(app):
        done = await quick.start(1)
        await done.result()
        for verb in (done.pause, done.resume, done.cancel, done.terminate, done.retry):
            with pytest.raises(IllegalState) as refused:
                await verb()
            assert refused.value.code == "illegal_state"
            assert refused.value.state == "succeeded"
            assert refused.value.allowed == ("restart",)
        assert await done.result() == 2  # nothing of that changed anything


async def test_result_says_how_it_ended() -> None:
    async with Environment(app) as env:
        failed = await broken.start()
        with pytest.raises(RunFailed) as failure:
            await failed.result()
        assert isinstance(failure.value.__cause__, ArithmeticError)
        assert (failure.value.run_id, failure.value.workflow) == (failed.id, "broken")

        running = await order.start("a")
        await gate.reached(1)
        gate.open.set()
        assert await running.result(timeout=60) == "a 1, a 2"

        asleep = await sleeper.start()
        begun = env.now()
        with pytest.raises(TimeoutError):
            await asleep.result(timeout="1 hour")
        assert env.now() - begun == 3600
        assert (await asleep.status()).state is RunStatus.WAITING
        assert await asleep.result() == "rested"


async def test_the_result_is_pushed_not_polled() -> None:
    async with Environment(app) as env:
        waiting = [await quick.start(n) for n in range(20)]
        results = await asyncio.gather(*(run.result() for run in waiting))
        assert results == [n * 2 for n in range(20)]
        assert env.now() == 1_700_000_000  # virtual time: there was no interval to wait for


async def test_retention_of_one_run() -> None:
    keep = Retention(succeeded="7 days", failed="30 days")
    async with Environment(app) as env:
        ok = await quick.options(id="ok", retention=keep).start(1)
        bad = await broken.options(id="bad", retention=keep).start()
        await quick.options(id="kept").start(1)
        assert await ok.result() == 2
        with pytest.raises(RunFailed):
            await bad.result()
        assert app._opened is not None
        assert await sweep(app._opened) == 0
        await env.advance("8 days")
        assert await sweep(app._opened) == 1
        with pytest.raises(NotFound):
            await quick.get("ok")
        assert (await quick.get("bad")).id == "bad"
        await env.advance("23 days")
        assert await sweep(app._opened) == 1
        assert await app.runs.count() == {"succeeded": 1}


async def sweep(opened: Opened) -> int:
    """Virtual time does not sweep by itself."""
    assert opened.reaper is not None
    return await opened.reaper.sweep()


async def test_status_tells_everything() -> None:
    async with Environment(app):
        run = await order.options(id="s", tags={"tenant": "acme"}).start("a")
        await gate.reached(1)
        status = await run.status()
        assert (status.id, status.workflow, status.state) == ("s", "order", RunStatus.RUNNING)
        assert status.input == {"name": "a"}
        assert status.tags == {"tenant": "acme"}
        assert (status.result, status.error, status.finished_at) == (None, None, None)
        assert status.started_at is not None
        gate.open.set()
        await run.result()
        failed = await broken.start()
        with pytest.raises(StepwellError):
            await failed.result()
        status = await failed.status()
        assert isinstance(status.error, ArithmeticError)
        assert (await app.runs.list(status="errored")).runs[0].id == failed.id  # other systems' words are understood


async def test_status_names_what_the_run_is_at() -> None:
    async with Environment(app) as env:
        at_a_step = await order.start("a")
        await gate.reached(1)
        assert (await at_a_step.status()).current == ("held",)
        gate.open.set()
        await at_a_step.result()
        assert (await at_a_step.status()).current == ()
        asleep = await sleeper.start()
        await env.settle()
        assert (await asleep.status()).current == ("sleep",)
