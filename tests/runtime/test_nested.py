"""Steps called inside steps."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell import (
    NOT_DONE,
    App,
    NonRetryableError,
    OutcomeUnknown,
    RunFailed,
    RunStatus,
    StepTimeout,
    check,
    run_step,
    step_info,
)
from stepwell.testing.clock import START
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


def make() -> SimpleNamespace:
    app = App("memory://")
    log: list[str] = []
    fails: list[Exception] = []

    @app.step(retries=2, delay="10s", jitter=0)
    async def inner(x: int) -> int:
        log.append(f"inner {x} #{step_info().attempt}")
        if fails:
            raise fails.pop(0)
        return x + 1

    @app.step
    def inner_in_thread(x: int) -> int:
        log.append(f"thread {x}")
        return x + 1

    @app.step
    async def outer(x: int) -> list[int]:
        log.append("outer")
        one = await inner(x)
        two = await inner_in_thread(one)
        return [one, two, await inner(x)]  # again with equal arguments: another call

    @app.step
    def outer_in_thread(x: int) -> list[int]:
        log.append("outer")
        one = inner(x).result()
        two = inner_in_thread(one).result()
        return [one, two, inner(x).result()]

    @app.workflow
    async def flow(x: int, thread: bool = False) -> list[int]:
        return await (outer_in_thread(x) if thread else outer(x))

    return SimpleNamespace(app=app, log=log, fails=fails, inner=inner, inner_in_thread=inner_in_thread, outer=outer,
                           outer_in_thread=outer_in_thread, flow=flow)  # fmt: skip


@pytest.mark.parametrize("thread", [False, True])
async def test_each_is_recorded_under_its_parent(thread: bool) -> None:
    made = make()
    async with Environment(made.app):
        run = await made.flow.start(1, thread)
        assert await run.result() == [2, 3, 2]
        nested = [e["call"] for e in await run.journal() if e["k"] == "nested"]
    parent = "outer_in_thread" if thread else "outer"
    assert [name.partition(":")[0] for name in nested] == [f"{parent}/inner", f"{parent}/inner_in_thread",
                                                           f"{parent}/inner"]  # fmt: skip
    assert nested[2] == nested[0] + "#2"
    assert made.log == ["outer", "inner 1 #1", "thread 2", "inner 1 #1"]


@pytest.mark.parametrize("thread", [False, True])
async def test_killed_between_any_two_none_that_is_recorded_runs_again(thread: bool) -> None:
    made = make()

    async def scenario(env: Environment) -> Any:
        return await (await made.flow.options(id="r").start(1, thread)).result()

    def checked(n: int, fault: object) -> None:
        assert made.log.count("thread 2") <= 2, (n, fault, made.log)
        again = made.log[made.log.index("thread 2") :]
        assert again.count("inner 1 #1") <= 2, (n, fault, made.log)

    report = await crash_at_every_commit(made.app, scenario, reset=made.log.clear, check=checked)
    assert report.outcome == [2, 3, 2]


async def test_retries_are_its_own_and_survive_a_crash() -> None:
    made = make()
    made.fails += [OSError("one"), OSError("two")]
    async with Environment(made.app) as env:
        run = await made.flow.start(1)
        await env.settle()
        await env.crash()
        assert await run.result() == [2, 3, 2]
        assert made.log == ["outer", "inner 1 #1", "outer", "inner 1 #2", "inner 1 #3", "thread 2", "inner 1 #1"]
        assert env.now() - START == made.app.settings.lease + 1 + 20  # the crash took longer than the first delay


async def test_what_it_raises_for_good_is_recorded_and_reaches_the_parent_step() -> None:
    made = make()
    app: App = made.app

    @app.step
    async def careful() -> str:
        try:
            await made.inner(1)
        except ValueError as error:
            return f"caught {error}"
        return "nothing to catch"

    @app.workflow
    async def another() -> str:
        return await careful()

    made.fails += [NonRetryableError("never")]
    async with Environment(app):
        run = await made.flow.start(1)
        with pytest.raises(RunFailed) as failed:
            await run.result()
        assert isinstance(failed.value.__cause__, NonRetryableError)
        made.fails += [ValueError("bad")] * 3
        assert await (await another.start()).result() == "caught bad"


async def test_a_timeout_by_the_engines_clock() -> None:
    made = make()
    app: App = made.app
    let_go = threading.Event()

    @app.step(timeout="30s")
    async def slow() -> None:
        await asyncio.Event().wait()

    @app.step(timeout="30s")
    def slow_in_thread() -> None:
        let_go.wait(60)

    @app.step
    async def both() -> list[str]:
        found = []
        for step in (slow, slow_in_thread):
            try:
                await step()
            except StepTimeout as error:
                found.append(str(error))
        let_go.set()
        return found

    @app.workflow
    async def another() -> list[str]:
        return await both()

    async with Environment(app, patience=0.05) as env:
        assert await (await another.start()).result() == ["the attempt ran longer than its timeout of 30s"] * 2
        assert env.now() - START == 60


async def test_deep_nesting_in_threads_needs_no_more_threads() -> None:
    """A pool would run dry: everybody in it would wait for somebody who has no thread."""
    app = App("memory://")

    @app.step
    def down(n: int, path: str) -> int:
        return n if n == 0 else down(n - 1, path).result() + 1

    @app.workflow
    async def many() -> list[int]:
        return list(await asyncio.gather(*(down(12, str(k)) for k in range(4))))

    async with Environment(app, concurrency=4):
        assert await (await many.start()).result() == [12] * 4


@pytest.mark.parametrize("effect", ["at_most_once", "found", "not done"])
async def test_effects_hold_for_nested_steps_too(effect: str) -> None:
    app, log = App("memory://"), []

    async def probe() -> Any:
        log.append("probe")
        return "found" if effect == "found" else NOT_DONE

    @app.step(effect="at_most_once" if effect == "at_most_once" else check(probe))
    async def pay() -> str:
        log.append("pay")
        if log.count("pay") == 1:
            await asyncio.Event().wait()
        return "paid"

    @app.step
    async def outer() -> str:
        try:
            return await pay()
        except OutcomeUnknown:
            return "unknown"

    @app.workflow
    async def flow() -> str:
        return await outer()

    async with Environment(app) as env:
        run = await flow.start()
        await env.settle()
        await env.crash()
        result = await run.result()
    expected = {"at_most_once": ("unknown", ["pay"]), "found": ("found", ["pay", "probe"]),
                "not done": ("paid", ["pay", "probe", "pay"])}  # fmt: skip
    assert (result, log) == expected[effect]


async def test_an_attempt_that_is_over_can_call_no_step_any_more() -> None:
    """A thread cannot be stopped; but what it does after its time belongs to nobody."""
    made = make()
    app: App = made.app
    late, ended = threading.Event(), threading.Event()
    seen: list[str] = []

    @app.step(timeout="30s")
    def overdue() -> None:
        late.wait(60)
        try:
            made.inner(1).result()
        except asyncio.CancelledError:
            seen.append("refused")
        finally:
            ended.set()

    @app.workflow
    async def another() -> str:
        try:
            await overdue()
        except StepTimeout:
            return "timed out"
        return "in time"

    async with Environment(app, patience=0.05) as env:
        run = await another.start()
        assert await run.result() == "timed out"
        late.set()
        assert await asyncio.to_thread(ended.wait, 60)
        await env.settle()
        assert seen == ["refused"]
        assert made.log == []
        assert "nested" not in [e["k"] for e in await run.journal()]


async def test_a_thread_whose_run_was_taken_away_is_freed() -> None:
    made = make()
    app: App = made.app
    reached, freed = threading.Event(), threading.Event()

    @app.step
    async def waits_for_ever() -> None:
        reached.set()
        await asyncio.Event().wait()

    @app.step
    def in_thread() -> None:
        try:
            waits_for_ever().result()
        finally:
            freed.set()

    @app.workflow
    async def another() -> None:
        await in_thread()

    async with Environment(app, patience=0.05) as env:
        run = await another.start()
        assert await asyncio.to_thread(reached.wait, 60)
        await run.terminate()
        assert await asyncio.to_thread(freed.wait, 60)
        (worker,) = env.workers
        async with asyncio.timeout(60):
            while worker.executor.busy:
                await asyncio.sleep(0.001)
        assert (await run.status()).state is RunStatus.TERMINATED


async def test_inline_steps_of_equal_titles_and_arguments_do_not_collide() -> None:
    app, log = App("memory://"), []

    def send(to: str) -> str:
        log.append(to)
        return f"{to} {len(log)}"

    @app.step
    async def mails() -> list[str]:
        return [await run_step("mail", send, to) for to in ("ada", "bob", "ada")]

    @app.workflow
    async def flow() -> list[list[str]]:
        return [await mails(), await mails()]

    async with Environment(app):
        expected = [["ada 1", "bob 2", "ada 3"], ["ada 4", "bob 5", "ada 6"]]
        assert await (await flow.start()).result() == expected
