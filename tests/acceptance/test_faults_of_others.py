"""Faults known from bullmq-workflows and worchflow: the same scenarios, and how they have to come out.

What each fault was is said in the test's docstring; `test_faults_of_orchestrators.py` has those of PipeWeave and of
@repo/orchestration.
"""

import asyncio
from typing import Any

import pytest

from stepwell import App, Retention, RunStatus, run_step, sleep
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import START, VirtualClock
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


class Declined(Exception):
    """A payment that was declined."""


# --- bullmq-workflows ---------------------------------------------------------------------------------------


async def test_every_sleep_takes_its_time_also_after_a_crash() -> None:
    """All sleeps of a run shared one cache key: a second one returned at once, a crash skipped the rest of one."""
    app = App()

    @app.workflow
    async def work() -> None:
        await sleep("1h")
        await sleep("1h")

    async with Environment(app) as env:
        run = await work.start()
        await env.advance("30m")
        await env.crash()
        assert (await run.status()).state is RunStatus.WAITING
        await env.advance("45m")
        await env.crash()
        await run.result()
        assert env.now() - START == 7200


async def test_a_recorded_failure_stays_a_failure_on_replay() -> None:
    """The stored error of a failed step came back as its *result* when the run was replayed."""
    app = App()
    go = app.event("go")

    @app.step(raises=[Declined])
    async def charge() -> str:
        raise Declined("card declined")

    @app.workflow
    async def work() -> str:
        try:
            answer = await charge()
        except Declined as error:
            answer = f"caught {error}"
        await go.wait("now")
        return answer

    async with Environment(app, replay=True) as env:
        run = await work.start()
        await env.settle()
        await env.crash()
        await go.send(key="now")
        assert await run.result() == "caught card declined"


async def test_an_event_before_the_wait_is_kept() -> None:
    """An event that came before the run waited for it was dropped."""
    app = App()
    paid = app.event("paid", int)

    @app.workflow
    async def work() -> int:
        await sleep("1h")
        return await paid.wait("order-1", timeout="1h")

    async with Environment(app):
        await paid.send(12, key="order-1")
        assert await (await work.start()).result() == 12


async def test_one_run_is_executed_by_one_holder_at_a_time() -> None:
    """Two executions of one instance could run at once. Also: PipeWeave's claim took no lock (double dispatch)."""
    app = App()
    inside: dict[str, int] = {}

    @app.step
    async def work(name: str) -> None:
        inside[name] = inside.get(name, 0) + 1
        assert inside[name] == 1
        for _ in range(5):
            await asyncio.sleep(0)
        inside[name] -= 1

    @app.workflow
    async def one(name: str) -> None:
        for _ in range(3):
            await work(name)

    async with Environment(app, workers=4) as env:
        runs = await one.start_many([one.options(id=f"r{n}").item(f"r{n}") for n in range(50)])
        again = await one.start_many([one.options(id=f"r{n}").item(f"r{n}") for n in range(50)])
        assert [run.key for run in runs] == [run.key for run in again]
        for run in runs:
            await run.result()
            assert [entry["k"] for entry in await run.journal()].count("step") == 3
        assert len(env.workers) == 4


async def test_a_stale_holder_changes_nothing() -> None:
    """The same, when a worker stalls past its lease: what it still has to say is refused (P3)."""
    app = App()
    gates: list[asyncio.Event] = []
    done: list[str] = []

    @app.step
    async def work() -> str:
        gate = asyncio.Event()
        gates.append(gate)
        name = f"attempt {len(gates)}"
        await gate.wait()
        done.append(name)
        return name

    @app.workflow
    async def one() -> str:
        return await work()

    clock = VirtualClock()
    async with Environment(app, clock=clock, store=MemoryStore("test", clock)) as env:
        run = await one.start()
        while not gates:
            await asyncio.sleep(0)
        (stalled,) = env.workers
        clock.move_to(clock.now() + app.settings.lease + 1)  # no heartbeat: its lease is over
        await env.add_worker()
        while len(gates) < 2:
            await asyncio.sleep(0)
        gates[0].set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert done == ["attempt 1"]
        assert (await run.status()).state is RunStatus.RUNNING  # its result was not taken
        gates[1].set()
        assert await run.result() == "attempt 2"
        assert run.key not in stalled.runs
        assert [entry["value"]["v"] for entry in await run.journal() if entry["k"] == "step"] == ["attempt 2"]


async def test_a_step_of_the_same_name_is_a_step_of_its_own() -> None:
    """The step cache was keyed by name alone: in a loop, the first result came back for ever (worchflow too)."""
    app = App()
    calls: list[int] = []

    async def receipt(n: int) -> int:
        calls.append(n)
        return n * n

    @app.step
    async def square(n: int) -> int:
        return await run_step("in a step", receipt, n)

    @app.workflow
    async def work() -> list[int]:
        inline = [await run_step("Send receipt", receipt, n) for n in range(3)]
        named = [await square(n) for n in range(3, 6)]
        return inline + named + list(await asyncio.gather(*(square(n) for n in range(6, 9))))

    async with Environment(app, replay=True):
        assert await (await work.start()).result() == [0, 1, 4, 9, 16, 25, 36, 49, 64]
        assert calls == list(range(9))


async def test_a_start_is_there_as_a_whole_or_not_at_all() -> None:
    """Submission was not atomic: a crash in the middle left half an instance."""
    app = App()

    @app.step
    async def work() -> str:
        return "done"

    @app.workflow
    async def one() -> str:
        return await work()

    async def scenario(env: Environment) -> Any:
        return await (await one.options(id="r").start()).result()

    report = await crash_at_every_commit(app, scenario)
    assert report.outcome == "done"


async def test_ended_runs_are_removed() -> None:
    """Nothing was ever deleted."""
    app = App(retention=Retention(succeeded="1 day", failed="7 days"))

    @app.workflow
    async def work(n: int) -> int:
        return n

    async with Environment(app) as env:
        await work.start_many([(n,) for n in range(700)])
        await env.settle()
        await env.advance("25h")
        assert app._opened is not None
        assert app._opened.reaper is not None
        assert await app._opened.reaper.sweep() == 700
        dump = await env.store.dump()
        assert not dump["runs"]
        assert not dump["journal"]


# --- worchflow ----------------------------------------------------------------------------------------------


async def test_a_claimed_run_is_not_lost_with_its_worker() -> None:
    """A job taken from the queue was lost if its worker died early."""
    app = App()
    begun: list[str] = []

    @app.step
    async def work(name: str) -> str:
        begun.append(name)
        if len(begun) <= 3:
            await asyncio.Event().wait()  # until the process dies
        return name

    async with Environment(app) as env:
        runs = [await work.start(f"r{n}") for n in range(3)]
        while len(begun) < 3:
            await asyncio.sleep(0)
        await env.crash()
        assert [await run.result() for run in runs] == ["r0", "r1", "r2"]


async def test_a_second_worker_leaves_alone_what_the_first_is_running() -> None:
    """Starting a second worker put everything that the first was running into the queue again."""
    app = App()
    begun: list[int] = []
    gate = asyncio.Event()

    @app.step
    async def work(n: int) -> int:
        begun.append(n)
        await gate.wait()
        return n

    async with Environment(app) as env:
        runs = [await work.start(n) for n in range(5)]
        while len(begun) < 5:
            await asyncio.sleep(0)
        await env.add_worker()
        for _ in range(200):
            await asyncio.sleep(0)
        gate.set()
        assert [await run.result() for run in runs] == list(range(5))
        assert sorted(begun) == list(range(5))


async def test_concurrency_limits() -> None:
    """`concurrency` did not limit how much ran at the same time."""
    app = App()
    inside, most = 0, 0

    @app.step
    async def work() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(3):
            await asyncio.sleep(0)
        inside -= 1

    async with Environment(app, concurrency=5) as env:
        await work.start_many([()] * 40)
        await env.settle()
        assert await app.runs.count() == {"succeeded": 40}
    assert most == 5


async def test_delayed_retries_outlive_the_process() -> None:
    """Retries that were due later lived in memory, and died with the process."""
    app = App()
    attempts: list[float] = []

    @app.step(retries=2, delay="1h", backoff="constant", jitter=0)
    async def flaky() -> str:
        attempts.append(env.now() - START)
        if len(attempts) < 3:
            raise OSError("not yet")
        return "done"

    async with Environment(app) as env:
        run = await flaky.start()
        await env.settle()
        await env.crash()
        await env.crash()
        assert await run.result() == "done"
        assert attempts == [0, 3600, 7200]
