"""Rolling deploys: two versions of an app on one store, under one virtual clock."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stepwell import App, RunStatus
from stepwell.client.versions import Stranded
from stepwell.model.run import RunFilter, RunRow
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from tests.client.deploys import FAILS, FITS, HANGS, MISFIT, OLD, code, deploy, done

pytestmark = pytest.mark.anyio
PIN = 'versioning="pin"'


class Fleet:
    """One database, and processes of different versions that come and go."""

    def __init__(self, make: Callable[[VirtualClock], Store], stack: AsyncExitStack) -> None:
        self.clock = VirtualClock()
        self.store = make(self.clock)
        self._stack = stack
        self.processes: dict[App, Environment] = {}

    async def start(self, app: App) -> Environment:
        env = Environment(app, store=Shared(self.store), clock=self.clock, patience=0.05)
        await self._stack.enter_async_context(env)
        self.processes[app] = env
        await env.settle()
        return env

    async def stop(self, app: App) -> None:
        """Drained, as by SIGTERM."""
        env = self.processes.pop(app)
        for worker in list(env.workers):
            await env._opened.stop_worker(worker)
        await self.settle()

    async def kill(self) -> None:
        """Every process, as by SIGKILL; their leases have run out."""
        for env in self.processes.values():
            for worker in list(env.workers):
                await worker.crash()
                env.workers.remove(worker)
        self.processes.clear()
        self.clock.move_to(self.clock.now() + 60)

    async def settle(self) -> None:
        for _ in range(3):
            for env in self.processes.values():
                for worker in env.workers:
                    worker.claims.nudge(due=True)
                await env.settle()

    async def row(self) -> RunRow:
        (row,) = await self.store.list(RunFilter(workflow=("flow",)))
        return row

    async def kinds(self) -> list[str]:
        row = await self.row()
        (app, *_) = self.processes
        journal = await (await app.runs.get(row.id)).journal()
        return [f"code {entry['code']}" if entry["k"] == "code" else entry["k"] for entry in journal]


class Shared:
    """A store that several apps have open: closing is left to the test."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open(self, *, create: bool = True) -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.fixture(params=["memory", "sqlite"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    def make(clock: VirtualClock) -> Store:
        if request.param == "memory":
            return MemoryStore("test", clock)
        return SqliteStore(str(tmp_path / "runs.db"), "test", clock)

    async with AsyncExitStack() as stack:
        fleet = Fleet(make, stack)
        await fleet.store.open()
        stack.push_async_callback(fleet.store.close)
        yield fleet


async def begin(fleet: Fleet, app: App) -> Any:
    env = await fleet.start(app)
    run = await app.start("flow", 1)
    await env.settle()
    assert (await fleet.row()).status is RunStatus.WAITING
    return run


async def go(fleet: Fleet, app: App) -> None:
    await app.events.send("go", key="k", data={})
    await fleet.settle()


async def test_the_start_names_the_code(fleet: Fleet, tmp_path: Path) -> None:
    old = deploy(tmp_path, OLD)
    run = await begin(fleet, old)
    (started, *_) = await run.journal()
    assert started["code"] == code(old)
    assert await fleet.kinds() == ["started", "step", "armed"]  # nothing more: nothing has changed


async def test_code_that_fits_goes_on_and_is_recorded(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD), deploy(tmp_path, FITS)
    await begin(fleet, old)
    await fleet.stop(old)
    await fleet.start(new)
    await go(fleet, new)
    row = await fleet.row()
    assert row.status is RunStatus.SUCCEEDED
    assert await fleet.kinds() == ["started", "step", "armed", f"code {code(new)}", "event", "step", "finish"]
    assert row.pin is None


async def test_code_that_does_not_fit_gives_the_run_back(
    fleet: Fleet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = deploy(tmp_path, OLD), deploy(tmp_path, MISFIT)
    await begin(fleet, old)
    env = await fleet.start(new)
    with caplog.at_level(logging.WARNING, "stepwell.run"):
        await new.events.send("go", key="k", data={})  # only its own process hears of it at once
        await env.settle()
    row = await fleet.row()
    assert (row.status, row.pin, row.deaths) == (RunStatus.QUEUED, code(old), 0)
    assert f"does not fit this worker's code ({code(new)})" in caplog.text
    await fleet.settle()
    row = await fleet.row()
    assert (row.status, row.pin) == (RunStatus.SUCCEEDED, code(old))
    assert await fleet.kinds() == ["started", "step", "armed", "event", "finish"]  # the new code has brought nothing
    assert done(new) == []


async def test_where_nobody_has_the_old_code_the_run_is_parked(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD), deploy(tmp_path, MISFIT)
    await begin(fleet, old)
    await fleet.stop(old)
    await fleet.start(new)
    await go(fleet, new)
    row = await fleet.row()
    assert (row.status, row.pin) == (RunStatus.PARKED, None)
    assert "one" in (row.reason or "")
    assert "two" in (row.reason or "")


@pytest.mark.parametrize("how", ["draining", "another queue", "dead"])
async def test_a_worker_that_cannot_take_the_run_counts_for_nothing(fleet: Fleet, tmp_path: Path, how: str) -> None:
    old, new = deploy(tmp_path, OLD), deploy(tmp_path, MISFIT)
    await begin(fleet, old)
    (worker,) = fleet.processes[old].workers
    heart = await fleet.store.heart()
    row = worker.row()
    changes: dict[str, dict[str, Any]] = {"draining": {"draining": True}, "another queue": {"queues": ("mail",)}}
    heart.beat(msgspec.structs.replace(row, id="other", **changes.get(how, {})))
    await fleet.stop(old)
    env = await fleet.start(new)
    if how == "dead":
        fleet.clock.move_to(row.expires_at + 1)
        for other in env.workers:
            other.beat()
    await go(fleet, new)
    assert (await fleet.row()).status is RunStatus.PARKED


async def test_code_that_diverges_from_itself_is_parked(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD), deploy(tmp_path, MISFIT)
    await begin(fleet, old)
    definition = old.registry.workflow("flow")
    other = new.registry.workflow("flow")
    assert definition is not None
    assert other is not None
    old.registry._workflows["flow"] = lambda: msgspec.structs.replace(other, code=definition.code)
    await fleet.stop(old)
    await fleet.start(old)
    await go(fleet, old)
    assert (await fleet.row()).status is RunStatus.PARKED  # nothing has been deployed: the body itself is to blame


async def test_a_pinned_workflow_stays_with_its_code(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD, PIN), deploy(tmp_path, FITS, PIN)
    await begin(fleet, old)
    assert (await fleet.row()).pin == code(old)
    env = await fleet.start(new)
    await new.events.send("go", key="k", data={})
    await env.settle()
    assert (await fleet.row()).status is RunStatus.QUEUED  # though it would fit
    assert await new.stranded() == []
    await fleet.settle()
    assert (await fleet.row()).status is RunStatus.SUCCEEDED
    assert done(new) == []


async def test_a_pinned_run_that_lost_its_code_is_shown_and_can_be_freed(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD, PIN), deploy(tmp_path, FITS, PIN)
    run = await begin(fleet, old)
    await fleet.stop(old)
    await fleet.start(new)
    await go(fleet, new)
    row = await fleet.row()
    assert row.status is RunStatus.QUEUED
    assert await new.stranded() == [Stranded("flow", code(old), 1, row.created_at)]
    freed = await new.runs.get(run.id)
    await freed.unpin()
    await freed.unpin()
    await fleet.settle()
    assert await new.stranded() == []
    row = await fleet.row()
    assert row.status is RunStatus.SUCCEEDED
    assert await fleet.kinds() == ["started", "step", "armed", f"code {code(new)}", "event", "step", "finish"]


async def test_freed_to_code_that_does_not_fit_it_is_parked(fleet: Fleet, tmp_path: Path) -> None:
    old, new = deploy(tmp_path, OLD, PIN), deploy(tmp_path, MISFIT, PIN)
    run = await begin(fleet, old)
    await fleet.stop(old)
    await fleet.start(new)
    await (await new.runs.get(run.id)).unpin()
    await go(fleet, new)
    row = await fleet.row()
    assert (row.status, row.pin) == (RunStatus.PARKED, None)


async def test_without_the_code_at_its_start_a_run_is_pinned_by_its_first_claim(fleet: Fleet, tmp_path: Path) -> None:
    client = App("memory://")
    await fleet.start(client)
    await client.runs.start("flow", 1)
    old = deploy(tmp_path, OLD, PIN)
    assert (await fleet.row()).pin is None
    await fleet.start(old)
    await fleet.settle()
    assert (await fleet.row()).pin == code(old)
    assert (await fleet.kinds())[:3] == ["started", f"code {code(old)}", "step"]


async def test_a_new_generation_may_go_on_by_any_code(fleet: Fleet, tmp_path: Path) -> None:
    options = f"{PIN}, retries=1, delay=10"
    old, new = deploy(tmp_path, FAILS, options), deploy(tmp_path, FITS, options)
    env = await fleet.start(old)
    await old.start("flow", 1)
    await env.settle()
    row = await fleet.row()
    assert (row.generation, row.pin, row.status) == (2, None, RunStatus.QUEUED)
    await fleet.stop(old)
    env = await fleet.start(new)
    await env.advance(20)
    assert (await fleet.row()).pin == code(new)


async def test_what_workers_tell_of_themselves(fleet: Fleet, tmp_path: Path) -> None:
    old = deploy(tmp_path, OLD)
    env = await fleet.start(old)
    (row,) = await fleet.store.workers()
    assert row.offers == {name: code(old, name) for name in ("one", "two", "hang", "flow")}
    assert not row.draining
    (worker,) = env.workers
    worker.stopping = True
    worker.beat()
    (row,) = await fleet.store.workers()
    assert row.draining


async def test_a_change_of_code_alone_is_no_progress(fleet: Fleet, tmp_path: Path) -> None:
    """A run that kills its workers is found out, also while two versions of its code take turns (P11)."""
    first = deploy(tmp_path, HANGS)
    env = await fleet.start(first)
    await first.start("flow", 1)
    await env.settle()
    for deaths, more in enumerate(["    await two(y)\n", ""], 1):
        await fleet.kill()
        await fleet.start(deploy(tmp_path, HANGS + more))
        await fleet.settle()
        assert (await fleet.row()).deaths == deaths
    assert await fleet.kinds() == ["started"]


async def test_a_generation_that_ends_at_once_leaves_no_pin(fleet: Fleet, tmp_path: Path) -> None:
    client = App("memory://")
    await fleet.start(client)
    await client.runs.start("flow", 1)
    await fleet.start(deploy(tmp_path, FAILS, f"{PIN}, retries=1, delay=10"))
    await fleet.settle()
    row = await fleet.row()
    assert (row.generation, row.pin) == (2, None)


async def test_a_pinned_run_wakes_in_another_process_with_its_code(fleet: Fleet, tmp_path: Path) -> None:
    first = deploy(tmp_path, OLD, PIN)
    await begin(fleet, first)
    await fleet.stop(first)
    env = await fleet.start(deploy(tmp_path, OLD, PIN))
    await env.advance("1h")
    assert (await fleet.row()).status is RunStatus.FAILED  # its wait has timed out
    assert ((await fleet.row()).reason or "").startswith("EventTimeout: ")
