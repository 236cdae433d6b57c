"""A worker: taking on runs, giving them back, dying."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from stepwell import App, Run, RunParked, RunStatus, sleep
from stepwell.errors import StoreUnavailable
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.run import Claimed
from stepwell.runtime.heart import Heartbeat
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from tests.runtime.shop import Shop, state

pytestmark = pytest.mark.anyio


class Wrapped:
    """A memory store with one method replaced."""

    def __init__(self, **methods: Any) -> None:
        self.clock = VirtualClock()
        self.inner = MemoryStore("test", self.clock)
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self.inner, name)


async def stop_all(env: Environment) -> None:
    found = env.app._opened
    assert found is not None
    for worker in list(env.workers):
        await found.stop_worker(worker)


def counted(app: App, log: list[str]) -> Any:
    """A workflow of two steps around a nap; every body is logged."""

    @app.step
    async def work(x: str) -> str:
        log.append(x)
        return x

    @app.workflow
    async def flow(nap: str = "1h") -> str:
        await work("before")
        await sleep(nap)
        return await work("after")

    return flow


# -- taking on -------------------------------------------------------------------------------------


async def test_a_run_that_waited_in_memory_goes_on_without_a_replay(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        run = await shop.waits.start()
        await env.settle()
        kept = worker.suspended.get_run(run.key)
        assert kept is not None
        await shop.event.send("one", key="key")
        await env.settle()
        assert worker.suspended.get_run(run.key) is kept


async def test_one_that_somebody_else_moved_meanwhile_is_loaded_anew(shop: Shop) -> None:
    """The epoch tells: a kernel kept by a worker that was not the last holder is out of date."""
    async with Environment(shop.app, workers=2) as env:
        one, two = env.workers
        run = await shop.waits.start()
        await env.settle()
        keeper, other = (one, two) if run.key in one.suspended else (two, one)
        keeper.claims.nudge = lambda **_: None  # type: ignore[method-assign] # it does not look
        await shop.event.send("one", key="key")
        await env.settle()
        assert run.key in other.suspended
        stale = keeper.suspended.get_run(run.key)
        assert stale is not None
        del keeper.claims.nudge
        other.claims.nudge = lambda **_: None  # type: ignore[method-assign]
        await run.send(shop.event, "two")
        assert await run.result() == "two"
        assert stale.over
        assert shop.gates.log == ["one"]


async def test_a_kept_run_that_had_to_make_room_is_read_again(shop: Shop) -> None:
    """It was out of memory by the time the claim, which counted on it, had answered."""
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        run = await shop.waits.start()
        await env.settle()
        claim = env.store.claim

        async def claim_and_evict(request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
            claimed = await claim(request, cached)
            assert all(one.journal is None for one in claimed)
            worker.suspended.close()
            return claimed

        env.store.claim = claim_and_evict  # type: ignore[method-assign]
        await shop.event.send("one", key="key")
        await env.settle()
        env.store.claim = claim  # type: ignore[method-assign]
        assert shop.gates.log == ["one"]
        await run.send(shop.event, "two")
        assert await run.result() == "two"


async def test_memory_holds_only_so_many_waiting_runs() -> None:
    app, log = App("memory://"), []
    flow = counted(app, log)
    async with Environment(app) as env:
        (worker,) = env.workers
        worker.suspended._most = 3
        runs = [await flow.start() for _ in range(10)]
        await env.settle()
        assert len(worker.suspended) == 3
        assert [await run.result() for run in runs] == ["after"] * 10
    assert sorted(log) == ["after"] * 10 + ["before"] * 10


async def test_a_journal_that_cannot_be_read_parks_its_run_and_no_other() -> None:
    app, log = App("memory://"), []
    flow = counted(app, log)
    store: Any = Wrapped()
    async with Environment(app, store=store, clock=store.clock, replay=True) as env:
        bad, good = await flow.start(), await flow.start()
        await env.settle()
        journal = store.inner.space.journals[bad.key]
        epoch, count, _ = journal[1, 0]
        journal[1, 0] = (epoch, count, b'[{"k":"from the future"}]')
        with pytest.raises(RunParked, match="could not be loaded"):
            await bad.result()
        assert await good.result() == "after"


async def test_a_run_taken_away_and_claimed_again_replaces_the_old_copy(shop: Shop) -> None:
    """An operator's restart while a step runs: the old copy must not take the new one down with it."""
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        run = await shop.chain.start()
        await env.settle()
        old = worker.runs[run.key]
        await run.restart()
        await env.settle()
        new = worker.runs[run.key]
        assert new is not old
        assert old.over
        shop.gates.open.set()
        assert await run.result() == ["done 1", "after"]
        assert sorted(shop.gates.log) == sorted(["begin 1", "cancelled 1", "begin 1", "end 1", "after"])


# -- what the store knows better -------------------------------------------------------------------


async def test_a_claim_whose_reply_was_lost_is_handed_back() -> None:
    app, log = App("memory://"), []
    flow = counted(app, log)
    lost = [False]

    async def claim(request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        claimed: list[Claimed] = await store.inner.claim(request, cached)
        if claimed and not lost[0]:
            lost[0] = True
            raise StoreUnavailable("the connection broke")
        return claimed

    store: Any = Wrapped(claim=claim)
    async with Environment(app, store=store, clock=store.clock, workers=0) as env:
        run = await flow.start("1s")
        await env.add_worker()
        assert await run.result() == "after"
        assert lost[0]
        assert log == ["before", "after"]


async def test_a_long_step_does_not_keep_its_run_from_hearing_of_orders_and_messages(shop: Shop) -> None:
    """No commit happens meanwhile; so the store is looked at, also for orders of another process."""
    clock = VirtualClock()
    store = MemoryStore("test", clock)
    operator = App("memory://", mode="client", like=shop.app)
    async with Environment(shop.app, store=store, clock=clock) as env:
        run = await shop.chain.start()
        await env.settle()
        (worker,) = env.workers
        row = await store.row(run.key)
        assert row is not None
        from stepwell.core.transitions import Verb, decide

        change = decide(row, Verb.CANCEL, [], clock.now())
        assert change is not None
        await store.commit([change])  # nobody in this process knows
        worker.custody._turn()
        worker.custody._turn()
        await env.settle()
        assert shop.gates.log == ["begin 1", "cancelled 1"]
        assert await state(run) is RunStatus.CANCELLED
    assert operator.settings.mode == "client"


async def test_a_worker_declared_dead_drops_everything_and_another_takes_its_place(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        (first,) = env.workers
        run = await shop.chain.start()
        await env.settle()
        assert isinstance(env.store, MemoryStore)
        env.store.space.dead.add(first.id)  # as another worker's claim would after its lease ran out
        first.beat()
        await env.settle()
        assert first.dead
        assert first.runs == {}
        assert shop.gates.log == ["begin 1", "cancelled 1"]
        (second,) = env.workers
        assert second is not first
        assert second.id != first.id
        row = await env.store.row(run.key)
        assert row is not None
        env.store.space.runs[run.key] = _bereaved(row)
        second.claims.nudge(due=True)
        shop.gates.open.set()
        assert await run.result() == ["done 1", "after"]


def _bereaved(row: Any) -> Any:
    from msgspec.structs import replace

    return replace(row, status=RunStatus.QUEUED, worker=None, epoch=row.epoch + 1)


async def test_a_step_never_begins_on_a_lease_that_has_run_out(shop: Shop) -> None:
    """The process stood still between the claim and the start of the step."""
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        worker.renewed = _held  # type: ignore[method-assign] # it stands still after that
        cast(Heartbeat, worker._heart).holds_until = 0.0
        run = await shop.chain.start()
        await env.settle()
        assert shop.gates.log == []
        assert worker.runs == {}
        shop.gates.open.set()
        for _ in range(3):
            worker.beat()  # the store says that it holds a run which it does not know
            await env.settle()
        assert await run.result() == ["done 1", "after"]


async def _held() -> bool:
    return True


async def test_one_that_stood_still_alone_goes_on_with_what_it_holds(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        run = await shop.chain.start()
        await env.settle()
        env.clock.move_to(env.now() + 10 * worker.options.lease_s)
        assert not worker.lease_holds()
        worker.claims.nudge(due=True)
        await env.settle()
        assert worker.lease_holds()
        assert env.workers == [worker]
        shop.gates.open.set()
        assert await run.result() == ["done 1", "after"]
        assert shop.gates.log.count("begin 1") == 1


async def test_one_whose_lease_somebody_has_taken_meanwhile_is_replaced(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        run = await shop.chain.start()
        await env.settle()
        env.clock.move_to(env.now() + 10 * worker.options.lease_s)
        other = ClaimRequest(worker="another", workflows=(), limit=1, now=env.now())
        await env.store.claim(other, {})
        worker.claims.nudge(due=True)
        await env.settle()
        assert worker.dead
        assert len(env.workers) == 1
        shop.gates.open.set()
        assert await run.result() == ["done 1", "after"]


async def test_one_whose_journal_does_not_get_on_loses_its_lease_though_alone(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        (worker,) = env.workers
        worker._progressing = lambda: False  # type: ignore[method-assign]
        env.clock.move_to(env.now() + 10 * worker.options.lease_s)
        worker.claims.nudge(due=True)
        await env.settle()
        assert isinstance(env.store, MemoryStore)
        assert worker.id in env.store.space.dead


# -- going -----------------------------------------------------------------------------------------


async def test_draining_hands_waiting_runs_back_at_once_and_running_ones_within_the_grace(shop: Shop) -> None:
    async with Environment(shop.app, workers=0) as env:
        async with shop.app.worker() as worker:
            asleep, busy = await shop.waits.start(), await shop.chain.start()
            await env.settle()
            assert (await state(asleep), await state(busy)) == (RunStatus.WAITING, RunStatus.RUNNING)
            worker.options = worker.options.__class__(grace_s=60.0, poll_s=None, heart_thread=False)
            asyncio.get_running_loop().call_later(0.005, shop.gates.open.set)
        assert worker.runs == {}
        assert not worker.suspended
        assert await state(busy) is RunStatus.QUEUED
        assert shop.gates.log == ["begin 1", "end 1"]  # it ran to its end, and is recorded
        async with shop.app.worker():
            assert await busy.result() == ["done 1", "after"]
        assert sorted(shop.gates.log) == sorted(["begin 1", "end 1", "after"])
        assert await env.store.workers() == []


async def test_what_does_not_end_within_the_grace_is_handed_back_all_the_same(shop: Shop) -> None:
    async with Environment(shop.app, workers=0) as env:
        async with shop.app.worker() as worker:
            worker.options = worker.options.__class__(grace_s=0.001, poll_s=None, heart_thread=False)
            run = await shop.chain.start()
            await env.settle()
        assert await state(run) is RunStatus.QUEUED
        assert shop.gates.log == ["begin 1", "cancelled 1"]
        row = await env.store.row(run.key)
        assert row is not None
        assert row.deaths == 0  # a drain is no death


async def test_a_start_that_comes_while_the_worker_goes_is_not_lost(shop: Shop) -> None:
    shop.gates.open.set()
    async with Environment(shop.app) as env:
        starting = asyncio.ensure_future(_started(shop))
        await asyncio.sleep(0)
        await stop_all(env)
        run = await starting
        assert await state(run) is RunStatus.QUEUED
        await env.add_worker()
        assert await run.result() == ["done 1", "after"]


async def _started(shop: Shop) -> Run[list[str]]:
    return await shop.chain.start()


async def test_a_commit_that_the_database_would_never_take_parks_the_run_alone(shop: Shop) -> None:
    poisoned: list[bytes] = []

    async def commit(changes: list[Change]) -> list[Reply]:
        if any(c.run in poisoned and c.count for c in changes):
            raise ValueError("no such character in this database")
        return await store.inner.commit(changes)  # type: ignore[no-any-return]

    store: Any = Wrapped(commit=commit)
    async with Environment(shop.app, store=store, clock=store.clock) as env:
        bad, good = await shop.chain.start(), await shop.chain.start()
        await env.settle()
        poisoned.append(bad.key)
        shop.gates.open.set()
        with pytest.raises(RunParked, match="no such character"):
            await bad.result()
        assert await good.result() == ["done 1", "after"]


async def test_a_bug_of_the_engine_parks_the_run_and_not_the_worker(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Environment(shop.app) as env:
        bad, good = await shop.chain.start(), await shop.chain.start()
        await env.settle()
        (worker,) = env.workers
        held = worker.runs[bad.key]
        monkeypatch.setattr(held.orders, "carry_out", _fails)
        shop.gates.open.set()
        with pytest.raises(RunParked, match="ZeroDivisionError"):
            await bad.result()
        assert await good.result() == ["done 1", "after"]
        assert env.workers == [worker]


def _fails(*args: object) -> None:
    raise ZeroDivisionError("a bug")
