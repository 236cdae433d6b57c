"""Scenarios of runs and those who hold them: what a wrong build would break."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from stepwell import App, RunFailed, RunStatus, step_info
from stepwell.errors import StepwellError, StoreUnavailable
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.run import Claimed
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment
from stepwell.testing.faults import Fault, FaultyStore

SOON = 0.4
"""Real seconds after which a run that should have ended hangs: where it will hang. A run that will end has `LATE`."""
LATE = 60.0


async def ends(outcome: Awaitable[Any]) -> Any:
    """What comes of a run that must end."""
    try:
        return await asyncio.wait_for(outcome, SOON)
    except TimeoutError:
        raise AssertionError("the run hangs") from None


class Around:
    """A memory store with something done around its writes."""

    def __init__(self, clock: VirtualClock, **methods: Any) -> None:
        self.inner = MemoryStore("test", clock)
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self.inner, name)


# -- P3 --------------------------------------------------------------------------------------------


async def a_late_worker_changes_nothing() -> None:
    """A worker whose lease has run out finishes its step after another has done the run."""
    app = App("memory://")
    gates = [asyncio.Event(), asyncio.Event()]
    gates[1].set()
    begun: list[int] = []

    @app.step
    async def work() -> str:
        n = len(begun)
        begun.append(n)
        await gates[n].wait()
        return ("late", "right")[n]

    @app.workflow
    async def flow() -> str:
        return await work()

    async with Environment(app, workers=2) as env:
        run = await flow.start()
        await env.settle()
        late, other = sorted(env.workers, key=lambda w: run.key not in w.runs)
        env.clock.move_to(env.clock.now() + app.settings.lease + 1)
        other.beat()
        other.claims.nudge(due=True)
        assert await ends(run.result()) == "right"
        gates[0].set()
        await env.settle()
        assert await run.result() == "right"
        outcomes = [e["value"]["v"] for e in await run.journal() if e["k"] == "step"]
        assert outcomes == ["right"]
        assert late.runs == {}


async def an_end_is_final() -> None:
    """A run is terminated while its last step is being recorded."""
    app = App("memory://")
    gate = asyncio.Event()

    @app.step
    async def work() -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            return "stubborn"
        return "done"

    @app.workflow
    async def flow() -> str:
        return await work()

    async with Environment(app) as env:
        run = await flow.start()
        await env.settle()
        (worker,) = env.workers
        worker.told = lambda key: None  # type: ignore[method-assign] # it does not hear of it
        await run.terminate()
        gate.set()
        await env.settle()
        assert (await run.status()).state is RunStatus.TERMINATED
        assert [e["k"] for e in await run.journal()] == ["started", "finish"]


async def a_kernel_that_others_have_overtaken_is_not_used_again() -> None:
    """A worker keeps a waiting run in memory while another worker moves it on."""
    app = App("memory://")
    event = app.event("event", str)

    @app.workflow
    async def flow() -> list[str]:
        return [await event.wait() for _ in range(3)]

    async with Environment(app, workers=2) as env:
        run = await flow.start()
        await env.settle()
        keeper, other = sorted(env.workers, key=lambda w: run.key not in w.suspended)
        for deaf, text in ((keeper, "one"), (other, "two"), (None, "three")):
            for worker in env.workers:
                worker.claims.__dict__.pop("nudge", None)
            if deaf is not None:
                deaf.claims.nudge = lambda **_: None  # type: ignore[method-assign]
            await run.send(event, text)
            await env.settle()
        assert await ends(run.result()) == ["one", "two", "three"]


# -- P1, P2, P5, P6 --------------------------------------------------------------------------------


async def what_is_acknowledged_is_there() -> None:
    """The process dies before the commit of a start."""
    app = App("memory://")

    @app.workflow
    async def flow() -> str:
        return "done"

    store = FaultyStore(MemoryStore("test", clock := VirtualClock()), 2, Fault.CRASH_BEFORE)
    async with Environment(app, store=store, clock=clock) as env:  # type: ignore[arg-type]
        starting = asyncio.ensure_future(_started(flow))
        await asyncio.wait_for(store.crashed.wait(), 60)
        for _ in range(10):
            await asyncio.sleep(0)
        acknowledged = starting.done() and not starting.cancelled()
        starting.cancel()
        await asyncio.wait([starting])
        store.crashed.clear()
        await env.crash()
        if acknowledged:
            assert (await app.runs.get("r")).id == "r", "an acknowledged start is gone"


async def _started(flow: Any) -> Any:
    return await flow.options(id="r", delay=1).start()


async def effects_wait_for_what_they_follow_from() -> None:
    """The process dies before the commit of each result in turn: no later step may have begun."""
    app = App("memory://")
    log: list[str] = []

    @app.step
    async def work(x: str) -> str:
        log.append(x)
        return x

    @app.workflow
    async def flow() -> list[str]:
        return [await work("a"), await work("b"), await work("c")]

    async def scenario(env: Environment) -> Any:
        return await (await flow.options(id="r").start()).result()

    def check(n: int, fault: Fault) -> None:
        order = [x for i, x in enumerate(log) if i == 0 or x != log[i - 1]]
        assert order == ["a", "b", "c"], f"at write {n}, {fault}: {log}"

    await crash_at_every_commit(app, scenario, faults=[Fault.CRASH_BEFORE], reset=log.clear, check=check)


async def a_dead_workers_runs_are_taken_over_by_those_who_live() -> None:
    """A worker dies while the others have long been up."""
    app = App("memory://")
    begun: list[str] = []

    @app.step
    async def work() -> str:
        begun.append("work")
        if len(begun) == 1:
            await asyncio.Event().wait()
        return "done"

    @app.workflow
    async def flow() -> str:
        return await work()

    async with Environment(app, workers=2) as env:
        run = await flow.start()
        await env.settle()
        (holder,) = (w for w in env.workers if run.key in w.runs)
        env.workers.remove(holder)
        await holder.crash()
        (left,) = env.workers
        for _ in range(4):
            env.clock.move_to(env.clock.now() + app.settings.lease / 2)
            left.beat()
            left.claims.nudge(due=True)
            await env.settle()
        assert await ends(run.result()) == "done"


async def a_lost_reply_makes_no_run_immortal() -> None:
    """The connection breaks after the claim has been committed."""
    app = App("memory://")
    lost: list[bytes] = []

    @app.workflow
    async def flow() -> str:
        return "done"

    clock = VirtualClock()

    async def claim(request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        claimed = await store.inner.claim(request, cached)
        if claimed and not lost:
            lost.append(claimed[0].row.key)
            raise StoreUnavailable("the connection broke")
        return claimed

    store = Around(clock, claim=claim)
    async with Environment(app, store=store, clock=clock, workers=0) as env:  # type: ignore[arg-type]
        run = await flow.start()
        await env.add_worker()
        assert await ends(run.result()) == "done"
        assert lost


async def attempts_are_counted_over_crashes() -> None:
    """The process dies between any two attempts; there are never more than allowed."""
    app = App("memory://")
    attempts: list[int] = []

    @app.step(retries=2, delay="1h", jitter=0)
    async def shaky() -> None:
        attempts.append(step_info().attempt)
        raise OSError("no")

    @app.workflow
    async def flow() -> None:
        await shaky()

    async with Environment(app) as env:
        run = await flow.start()
        for _ in range(4):
            await env.settle()
            await env.crash()
            await env.advance("2h")
        with suppress(RunFailed):
            await ends(run.result())
        assert attempts == [1, 2, 3], attempts


async def changes_of_one_run_in_one_group_are_folded_into_one() -> None:
    """Eight steps of one run end in the same breath; a store is promised one change per run and group."""
    app = App("memory://")
    gate = asyncio.Event()
    crowded: list[bytes] = []

    @app.step
    async def work(x: int) -> int:
        await gate.wait()
        return x

    @app.workflow
    async def flow() -> int:
        return sum(await asyncio.gather(*(work(x) for x in range(8))))

    async def commit(changes: list[Change]) -> list[Reply]:
        fenced = [(c.run, c.epoch) for c in changes if c.epoch is not None]
        crowded.extend(run for run, _ in fenced if len(fenced) != len(set(fenced)))
        replies: list[Reply] = await store.inner.commit(changes)
        return replies

    clock = VirtualClock()
    store = Around(clock, commit=commit)
    async with Environment(app, store=store, clock=clock) as env:  # type: ignore[arg-type]
        run = await flow.start()
        await env.settle()
        gate.set()
        assert await ends(run.result()) == 28
        assert [e["k"] for e in await run.journal()].count("step") == 8
        assert not crowded


SCENARIOS: list[Callable[[], Coroutine[Any, Any, None]]] = [
    a_late_worker_changes_nothing,
    an_end_is_final,
    a_kernel_that_others_have_overtaken_is_not_used_again,
    what_is_acknowledged_is_there,
    effects_wait_for_what_they_follow_from,
    a_dead_workers_runs_are_taken_over_by_those_who_live,
    a_lost_reply_makes_no_run_immortal,
    attempts_are_counted_over_crashes,
    changes_of_one_run_in_one_group_are_folded_into_one,
]
VIOLATION = (AssertionError, StepwellError)
